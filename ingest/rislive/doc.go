// Package rislive follows RIPE NCC's RIS Live (wss://ris-live.ripe.net) over two WebSocket connections.
//
// In: ris_message frames of the collectors that Client.Own names, each subscribed to apart and with includeRaw, on both
// connections. Out: what they say, on one stream.Stream a collector.
//
// One connection leads: messages come from it alone. Of the other, the follower, those are held that the leader has not
// brought yet, undecoded, for Config.Hold and within HoldBytes; what the leader has brought and the follower has not is
// remembered as a hash, as long. When the leader breaks, falls silent or lags, the follower's held messages go out in its order, and
// it leads: nothing is lost or said twice, and within a peer the order is the collector's. That is no gap if the two streams are
// known to overlap, which a message that came on both shows or, of a quiet collector, of which the leader owes nothing, a message of
// another one; if not, or both connections are gone, it is a gap and is said to be.
//
// A leader that owes for long what the follower has brought is replaced by it, if the follower owes nothing. What comes too late
// for that, because its peer has said more since, is missing, and a gap begins at its time; so is what the leader has left out for
// Hold while the follower could not replace it, or the follower was lost with it. A follower that brings nothing of a collector is
// made anew.
//
// A message is recognised by host and id, where it has none by its whole frame; ids are never parsed. As many as come are
// matched: two that are alike are two. One without an id is never said to be missing.
//
// A message that one connection brought is passed over for one of three reasons. It was written: the memory of written messages shows
// it or, after a link has connected again, the keys of the link's latest frames. It lies in the last gap, and the gap is told of it
// (stream.Gap.Lacks). It has no id. Where the memory does not reach far enough a message is missing; its age alone is no reason. Of two
// messages of a peer with one timestamp the first one comes too late once the second one is written.
//
// Bounds. A frame: ReadLimit. Held frames: HoldBytes; the service brings some 5 MB a second, so the default of 128 MiB holds what a
// silent leader owes until it is replaced, SwitchAfter (5 s) to LagLimit (30 s). Beyond that data are forgotten, of the collector that
// has most, and only that they were there is remembered. Hashes: maxAhead a collector and connection; they go when both have brought a
// message, so that many are there only while a connection is away: some 60 octets each, a minute of the whole service 40 MB.
// Keys of the latest frames: maxRecent a collector and link, 128 KiB, and some 300 KiB more while a link is new or away. Peers: the stream's.
//
// Invariants: of a collector that is not owned nothing is said. What any connection brought is said once and in its peer's order, or a
// gap holds it (TestMergeAtRandom). A gap begins before the first record after it, but for what was said after a single message that was
// left out: what answers the gap says that again. A connection that brings nothing for SilentTimeout, or late, is left and made anew, with
// jittered pauses that grow and never end.
//
// Goroutines: for each connection one that dials and subscribes and, while connected, one that reads; one that opens and
// closes streams and judges connections. Run ends and awaits them.
// Locks: merger.mu is held while a record is produced, so both connections wait where the broker does; link.mu and Client.mu
// are held for a moment only, and nothing is locked under them.
package rislive
