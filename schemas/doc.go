// Package schemas holds every contract: the Protocol Buffers of the topics (proto/, generated into darkmapv1), the topic
// registry, the JSON Schema of an outage and the ClickHouse migrations. It imports nothing of this module.
package schemas
