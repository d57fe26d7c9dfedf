// Package schemas holds every contract: the Protocol Buffers of the topics (proto/, generated into darkmapv1), the topic
// registry, the JSON Schema of an outage and the ClickHouse migrations. It imports nothing of this module.
//
//go:generate go tool -modfile=../tools/buf/go.mod buf generate --template proto/buf.gen.yaml proto
package schemas
