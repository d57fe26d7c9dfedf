// Package core is the detector without Kafka: records of bgp.routes and the ends of minutes go in, records to publish come out.
//
// Detector holds, for each address family, what every peer holds (detect/rib), who votes (detect/panel), what is lost
// (detect/visibility) and the events that follow (detect/outage). Gaps, tables, fills and checks are what gap.go, table.go,
// fill.go and check.go say, over the bits that detect/rib keeps; docs/detection.md has them in a table.
//
// Nothing here reads the wall clock, starts a goroutine or asks a server; layout_test.go holds that no Kafka client and no
// Prometheus is linked.
package core
