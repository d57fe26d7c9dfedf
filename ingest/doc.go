// Package ingest brings what sources say into bgp.updates.v1: one collector, one ordered stream.
//
// Live follows the live sources: RIS Live (rislive), routers (bmp), RouteViews (routeviews), or archives alone (follow). Each says what it
// hears on a stream.Stream, and bootstrap.Worker answers gaps from the archives (archive). Package playback plays captures.
//
// Replicas share out the collectors of RIS Live and of the archives by the partitions of bgp.updates that they have. RouteViews has a
// consumer group of its own, and a router belongs to the replica that holds its connection.
//
// Output: UpdateRecords keyed by collector, clock records in every partition, FeedRecords, and dead letters for what could not be read.
// The producers' buffers are bounded: a source waits where the broker does, and what can be read again waits where it is too far ahead
// of the slowest consumer.
//
// Goroutines: Live.Run starts one for each source, one each for the clock, the group, the assignment,
// the answers to gaps, and for bgp.feeds; all end with it.
package ingest
