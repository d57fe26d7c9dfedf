// Package ingest writes the messages of the sources to bgp.updates.v1: for each collector, one
// ordered stream.
//
// Live follows the live sources: RIS Live (rislive), routers (bmp) and RouteViews (routeviews), or
// archives alone (follow). Each source writes to a stream.Stream, and bootstrap.Worker answers gaps
// from the archives (archive). Package playback plays captures.
//
// Replicas share the collectors of RIS Live and of the archives by the partitions of bgp.updates
// assigned to them. RouteViews has a consumer group of its own. A router belongs to the replica
// that holds its connection.
//
// Output: UpdateRecords keyed by collector, clock records in every partition, FeedRecords, and dead
// letters for input that could not be read. The producers' buffers are bounded: a source waits
// while the broker does not accept records. A source that can be read again also waits while it is
// too far ahead of the slowest consumer.
//
// Goroutines: Live.Run starts one for each source, and one each for the clock, the group, the
// assignment, the watch lists, the answers to gaps, and for reading bgp.feeds. All end with Run.
package ingest
