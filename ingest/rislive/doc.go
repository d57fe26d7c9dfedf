// Package rislive follows RIPE NCC's RIS Live (wss://ris-live.ripe.net) over two WebSocket
// connections. A link keeps one connection, and connects again when it breaks.
//
// In: WebSocket frames with a ris_message, of the collectors that Client.Own names. Both
// connections subscribe to each collector, with includeRaw. Out: the messages, on one stream.Stream
// for each collector.
//
// # Merging
//
// One connection leads: the merger writes its messages to the stream. The other one follows: the
// merger buffers its messages undecoded until the leader brings them, for at most Config.Hold and
// up to Config.HoldBytes. If the leader brings a message before the follower, the merger keeps the
// hash of the message for the same time.
//
// If the leader breaks, is silent or lags, the follower becomes the leader. If the two connections
// overlap (see below), the merger writes the buffered messages in their order. Then no message is
// lost or written twice, and the messages of a peer stay in the collector's order. If they do not
// overlap, or no connection is left, a gap begins.
//
// Two connections overlap for a collector if both brought the same message of it. For a quiet
// collector the same message of any collector is enough, if no buffered message of the quiet
// collector is much older than the leader's lag (merger.overlapping).
//
// A message is overdue if one connection brought it more than twice SwitchAfter ago and the other
// one has not (docs/adr/0016-what-a-connection-owes.md). If the leader has an overdue message and
// the follower has none, the follower becomes the leader.
//
// A message is missing in two cases. It comes too late to be written, because a later message of
// its peer was written before. Or the leader did not bring it within Hold, and the follower could
// not become the leader or was lost. A gap then begins at the time of the message. A follower that
// brings no message of a collector is connected again.
//
// Host and id identify a message; without an id, its whole frame does. Ids are never parsed. Each
// message of one connection matches at most one message of the other, so two equal messages count
// as two. A message without an id is never missing.
//
// A message is not written (it is skipped) for one of three reasons:
//   - It was written before. The hashes of written messages show this. After a link has connected
//     again, the keys of the link's latest frames show it too.
//   - It lies in the last gap. The merger reports it to the gap (stream.Gap.AddMissing).
//   - It has no id.
//
// If a message is older than the kept hashes, the merger cannot know whether it was written: the
// message is missing. If two messages of a peer have the same timestamp and the second is written,
// the first is too late.
//
// # States
//
// A link is connected or not (then merger.links has nil). A connected link delivers when it has
// brought a message of any collector. A connected link leads or follows. merger.lead is the leader,
// which is always connected. If any link is connected, one leads.
//
// For each collector a connection has a side (sideState), and the merger has a feed (feedState):
//
//	unsubscribed --subscribe--> requested --confirm--> subscribed
//	unsubscribed <--disconnect-- any
//
//	suspended --begin--> up --suspend--> suspended --expire--> down --begin--> up
//
// A feed begins suspended. begin writes the gap. It needs a leader that delivers and whose side is
// subscribed (merger.resume). suspend follows a missing message, or a change of the leader without
// an overlap. expire follows suspend after StaleTimeout. The overlap of the two sides has a field
// of its own, because an undecodable message can show an overlap before the subscription is
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
// The service sends some 5 MB a second. So the default HoldBytes is enough for some 25 s of the
// follower's messages. A silent leader is replaced after SwitchAfter (5 s) to LagLimit (30 s). If
// the buffer exceeds HoldBytes, the data of the collector with the most buffered octets are
// evicted. Their hashes stay.
//
// The hash of a written message is removed when both connections have brought the message. So there
// are many hashes only while a connection is away: 40 MB for a minute of the whole service.
//
// # Invariants
//
// No message of a collector that is not owned is written. A message that any connection brought is
// written once and in its peer's order, or it lies in a gap (TestMergeAtRandom).
//
// The record of a gap is written before any message that follows the gap, with one exception: if
// the leader left out a single message, later messages may be written already. The gap's answer
// repeats them.
//
// The merger ends a connection that brings no message for SilentTimeout, or is late. The link
// connects again, any number of times, with growing random pauses up to retry_max.
//
// # Goroutines and locks
//
// Each link has one goroutine that dials and subscribes, and another that reads while the link is
// connected. One more goroutine opens and closes streams and checks the connections. Run ends all
// of them and waits for their end. merger.mu is held while a record is produced. So both
// connections wait while the broker does not accept records. link.mu and Client.mu are held for a
// short time only. No other lock is taken while one of them is held.
package rislive
