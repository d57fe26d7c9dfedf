// Package schemas holds every contract: the Protocol Buffers of the topics (proto/, generated into
// darkmapv1), the topic registry, the JSON Schema of an outage, an AsyncAPI document of all topics
// and the ClickHouse migrations. It imports no other package of this module.
package schemas
