// Package routeviews follows RouteViews' stream: raw BMP behind OpenBMP's header, on a Kafka cluster of theirs, a topic for each
// collector and peer AS.
//
// Inputs: the topics that a regular expression names, as a static member of a consumer group of this installation's own. Outputs:
// a stream.Stream for each collector whose topics this member has (all of one collector's, by internal/kafka's balancer), and in it
// a lane rv/<topic>. A record's position is its place in the topic: the sequence is offset x 65536 + its number in the topic's
// record, from 1; the epoch is when the topic was first followed, Unix milliseconds, and stands with the committed offset, for a
// topic that is deleted and made again counts its offsets from 0. So what is read twice is dropped by whoever reads it here.
//
// Offsets are committed to RouteViews' cluster after what came of them is acknowledged in bgp.updates. Their metadata carry what
// the topic does not tell again: which peers send path identifiers, up to when the collector is known, whether a gap is open. A
// collector with offsets goes on without a gap. A gap begins where it has none yet, where another program has moved them, where the
// cluster has dropped what was not read, and where a gap was open when the owner changed. A topic that appears beside known ones is
// read from its beginning. Brokers hear of new topics one after the other: what one does not know is asked for again, and followed in
// the end, from where it was left.
//
// A router's session ends with a Termination, or unsaid: then an Initiation follows, which a router may also say in the middle of one
// (RFC 7854 §4.3), and a Peer Up of a peer that was up shows that the session is new. The peers that were heard of are down then. Where an
// owner before may have heard of more, a gap begins: the collector's tables tell who is there.
//
// The collector's own AS is stripped from AS_PATH here: what stands in bgp.updates is what the peer sent.
//
// Goroutines: Run's, and the Kafka client's, which calls back into group.go. Source.work is held by whoever works on partitions,
// Source.mu, which comes after it, for a look at the maps; no stream is called while mu is held.
package routeviews
