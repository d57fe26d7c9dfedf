// Package core is the detector without Kafka: records of bgp.routes and the ends of minutes go in, records to publish come out.
//
// Detector holds, for each address family, what every peer holds (detect/rib), who votes (detect/panel), what is lost
// (detect/visibility) and the events that follow (detect/outage). Gaps, tables, fills and checks are what gap.go, table.go,
// fill.go and check.go say, over the bits that detect/rib keeps; docs/detection.md has them in a table.
//
// Snapshot writes all of that, and Restore reads it into a new Detector that goes on as the first one would have. Each package below
// writes its own part (snapshot.go); what follows from the configuration or from the rest is made again. A test holds that every field of
// the state is either written or known to be made again.
//
// Nothing here reads the wall clock, starts a goroutine or asks a server; layout_test.go holds that no Kafka client and no
// Prometheus is linked.
package core
