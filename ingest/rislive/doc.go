// Package rislive follows RIPE NCC's RIS Live (wss://ris-live.ripe.net) over two WebSocket
// connections.
//
// In: ris_message frames of the collectors that Client.Own names. Both connections subscribe to
// each collector, with includeRaw. Out: the messages, on one stream.Stream a collector.
//
// # Merging
//
// One connection leads: its messages are written. Those of the other one, the follower, are
// buffered undecoded until the leader brings them, for at most Config.Hold and HoldBytes. Messages
// that the leader has brought and the follower has not are remembered as hashes, as long.
//
// When the leader breaks, is silent or lags, the follower leads, and its buffered messages are
// written in their order. No message is lost or written twice, and a peer's messages stay in the
// collector's order. This holds if the two connections overlap: a message of the collector came on
// both or, of a quiet collector of which the leader has nothing overdue, a message of another one.
// If they do not overlap, or no connection is left, a gap begins.
//
// A message is overdue if one connection brought it more than twice SwitchAfter ago and the other
// one has not (docs/adr/0016-what-a-connection-owes.md). The follower replaces a leader that has a
// message overdue, unless the follower has one overdue itself. A message is missing if it comes too
// late to be written, because its peer has sent more since; a gap then begins at its time. Messages
// that the leader has left out for Hold, while the follower could not replace it or was lost, are
// missing, too. A follower that brings nothing of a collector is connected again.
//
// A message is recognised by host and id or, without an id, by its whole frame; ids are never
// parsed. Messages are matched one to one: two that are alike are two. One without an id is never
// missing.
//
// A message that one connection brought is passed over for one of three reasons. It was written:
// the memory of written messages shows it or, after a link has connected again, the keys of the
// link's latest frames. It lies in the last gap, and the gap is told of it (stream.Gap.Lacks). It
// has no id. Where the memory does not reach far enough a message is missing; its age alone is no
// reason. Of two messages of a peer with one timestamp the first comes too late once the second is
// written.
//
// # States
//
// A link is not connected (merger.links holds nil) or connected; connected, it delivers once a
// message of a collector came. It leads or follows: merger.lead names the leader, which is always
// connected. No link leads only if none is connected.
//
// Of each collector a connection has a side (sideState), and the merger a feed (feedState):
//
//	unsubscribed --subscribe--> requested --confirm--> subscribed
//	unsubscribed <--disconnect-- any
//
//	suspended --begin--> up --suspend--> suspended --expire--> down --begin--> up
//
// A feed begins suspended. begin writes the gap. It waits for a leader that delivers and whose side
// is subscribed (merger.resume). suspend follows a missing message, or a change of the leader
// without an overlap; expire comes StaleTimeout later. Whether a side overlaps with the other one
// is a fact beside its state: an undecodable message can show it before the subscription is
// confirmed.
//
// # Bounds
//
// A frame: ReadLimit. Buffered frames: HoldBytes. The service brings some 5 MB a second, so the
// default of 128 MiB holds the messages of a silent leader until it is replaced, SwitchAfter (5 s)
// to LagLimit (30 s). Beyond that the data of the collector that has most are evicted, and only
// their hashes stay. Hashes: maxAhead a collector and connection. They go when both have brought a
// message, so that many are there only while a connection is away: some 60 octets each, a minute of
// the whole service 40 MB. Keys of the latest frames: maxRecent a collector and link, 128 KiB, and
// some 300 KiB more while a link is new or away. Peers: the stream's.
//
// # Invariants
//
// Nothing is written of a collector that is not owned. A message that any connection brought is
// written once and in its peer's order, or a gap holds it (TestMergeAtRandom). A gap begins before
// the first record after it, except for records written after a single message that was left out:
// the gap's answer repeats them. A connection that brings nothing for SilentTimeout, or is late, is
// ended and connected again, with jittered pauses that grow and never end.
//
// # Goroutines and locks
//
// For each link one goroutine dials and subscribes and, while connected, another reads; one opens
// and closes streams and checks the connections. Run ends and awaits them. merger.mu is held while
// a record is produced, so both connections wait while the broker does. link.mu and Client.mu are
// held for a moment only, and no other lock is taken under them.
package rislive
