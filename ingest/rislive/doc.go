// Package rislive follows RIPE NCC's RIS Live (wss://ris-live.ripe.net) over two WebSocket
// connections. A link keeps one connection, and connects again when it breaks.
//
// In: ris_message frames of the collectors that Client.Own names. Both connections subscribe to
// each collector, with includeRaw. Out: the messages, on one stream.Stream a collector.
//
// # Merging
//
// One connection leads: its messages are written. The other one follows: its messages are buffered
// undecoded until the leader brings them, for at most Config.Hold and up to HoldBytes. Messages
// that the leader has brought and the follower has not are remembered for the same time, as hashes.
//
// If the leader breaks, is silent or lags, the follower becomes the leader, and its buffered
// messages are written in their order. If the two connections overlap, no message is lost or
// written twice, and a peer's messages stay in the collector's order. If they do not overlap, or no
// connection is left, a gap begins.
//
// Two connections overlap for a collector if both brought one of its messages. For a quiet
// collector a message of any collector is enough, if no buffered message of the quiet one is much
// older than the leader's lag (merger.overlapping).
//
// A message is overdue if one connection brought it more than twice SwitchAfter ago and the other
// one has not (docs/adr/0016-what-a-connection-owes.md). The follower replaces a leader that has a
// message overdue, unless the follower has one overdue itself.
//
// A message is missing if it comes too late to be written, because its peer has sent more since. A
// gap then begins at its time. A message is also missing if the leader has left it out for longer
// than Hold, because the follower could not replace the leader or was lost. A follower that brings
// nothing of a collector is connected again.
//
// A message is identified by host and id, and one without an id by its whole frame. Ids are never
// parsed. Messages are matched one to one: two equal messages count as two. A message without an id
// is never missing.
//
// A message that one connection brought is skipped for one of three reasons:
//   - It was written. The memory of written messages shows it or, after a link has connected again,
//     the keys of the link's latest frames.
//   - It lies in the last gap, and is reported to the gap (stream.Gap.AddMissing).
//   - It has no id.
//
// If the memory does not reach back to the time of a message, the message is not skipped for that:
// it is missing. If two messages of a peer have the same timestamp, the first comes too late once
// the second is written.
//
// # States
//
// A link is connected or not (merger.links holds nil). Once a connected link has brought a message
// of any collector, it delivers. A connected link leads or follows: merger.lead names the leader,
// which is always connected. No link leads only if none is connected.
//
// For each collector a connection has a side (sideState), and the merger has a feed (feedState):
//
//	unsubscribed --subscribe--> requested --confirm--> subscribed
//	unsubscribed <--disconnect-- any
//
//	suspended --begin--> up --suspend--> suspended --expire--> down --begin--> up
//
// A feed begins suspended. begin writes the gap. It waits for a leader that delivers and whose side
// is subscribed (merger.resume). suspend follows a missing message, or a change of the leader
// without an overlap. expire comes StaleTimeout later. Whether a side overlaps with the other one
// is stored apart from its state: an undecodable message can show it before the subscription is
// confirmed.
//
// # Bounds
//
//	what                         bound                                    cost
//	a frame                      ReadLimit                                1 MiB by default
//	buffered frames              HoldBytes a link                         128 MiB by default
//	hashes of written messages   maxAwaited a collector and connection    some 60 octets each
//	keys of the latest frames    maxRecent a collector and link           128 KiB
//	earlier keys, link away      maxRecent a collector and link           300 KiB more
//	peers                        stream.MaxPeers a collector              some hundred octets each
//
// The service brings some 5 MB a second. So the default HoldBytes holds some 25 s of the follower's
// messages. A silent leader is replaced after SwitchAfter (5 s) to LagLimit (30 s). Beyond
// HoldBytes the data of the collector that has most are evicted, and only their hashes stay.
//
// The hash of a written message is removed when both connections have brought the message. So there
// are many hashes only while a connection is away: 40 MB for a minute of the whole service.
//
// # Invariants
//
// Nothing is written of a collector that is not owned. A message that any connection brought is
// written once and in its peer's order, or a gap holds it (TestMergeAtRandom).
//
// A gap begins before the first record after it, with one exception: if a single message was left
// out, later messages may be written already. The gap's answer repeats them.
//
// A connection that brings nothing for SilentTimeout, or is late, is ended. The link connects again
// without limit, with growing jittered pauses up to retry_max.
//
// # Goroutines and locks
//
// Each link has one goroutine that dials and subscribes, and another that reads while the link is
// connected. One more goroutine opens and closes streams and checks the connections. Run ends and
// awaits them. merger.mu is held while a record is produced. So both connections wait while the
// broker does not accept records. link.mu and Client.mu are held for a moment only, and no other
// lock is taken under them.
package rislive
