// Package routeviews follows RouteViews' stream: raw BMP behind OpenBMP's header, on RouteViews'
// own Kafka cluster, with a topic for each collector and peer AS.
//
// Inputs: the topics that match a regular expression, read as a static member of this
// installation's own consumer group. Outputs: a stream.Stream for each collector whose topics this
// member has, and in it a lane rv/<topic>. internal/kafka's balancer assigns all topics of a
// collector to one member. A record's position follows from its place in the topic. The sequence is
// offset x 65536 + the number of the output record within the topic's record, from 1. The epoch is
// the time at which the topic was first followed, Unix milliseconds. It is stored with the
// committed offset, because a topic that is deleted and created again counts its offsets from 0. So
// the readers of bgp.updates drop records that were read twice.
//
// Offsets are committed to RouteViews' cluster after the resulting records are acknowledged in
// bgp.updates. Their metadata contain the facts that the topic does not repeat: the peers that send
// path identifiers, the time up to which the collector is known, and whether a gap is open. A
// collector with offsets continues without a gap. A gap begins if the collector has no offset yet,
// if another program has moved the offset, if the cluster has deleted unread records, and if a gap
// was open when the owner changed. A topic that appears beside known ones is read from its
// beginning. Brokers learn of new topics one after the other. If a broker does not know a topic,
// the member asks again, and finally follows the topic from the committed offset.
//
// A router's session ends with a Termination, or without any message. In the second case an
// Initiation follows, which a router may also send within a session (RFC 7854 §4.3), and a Peer Up
// of a peer that was up shows that the session is new. The known peers are then down. If an earlier
// owner may have known more peers, a gap begins: the collector's tables show which peers are left.
//
// This package strips the collector's own AS from AS_PATH: bgp.updates contains the path that the
// peer sent.
//
// Goroutines: Run's, and the Kafka client's, which calls back into group.go. Source.work is held
// while a goroutine works on partitions. Source.mu comes after it, for short access to the maps. No
// stream is called while mu is held.
package routeviews
