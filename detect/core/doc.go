// Package core is the detector without Kafka. Its input is the records of bgp.routes and the ends
// of minutes. Its output is the records to publish.
//
// For each address family, Detector keeps which peer holds which prefix (detect/rib), who votes
// (detect/panel), which prefixes are lost (detect/visibility) and the events that follow
// (detect/outage). gap.go, table.go, fill.go and check.go apply gaps, tables, fills and checks,
// with the bits that detect/rib keeps; docs/detection.md has the rules in a table.
//
// Snapshot writes this state, and Restore reads it into a new Detector that goes on as the first
// one would have. Each package below writes its own part (snapshot.go). State that follows from the
// configuration or from the rest is not written but made again. A test checks that every field of
// the state is either written or listed as made again.
//
// The package does not read the wall clock, start a goroutine or call a server. layout_test.go
// checks that it links no Kafka client and no Prometheus.
package core
