// Package rislive follows RIPE NCC's RIS Live (wss://ris-live.ripe.net) over two WebSocket connections.
//
// In: ris_message frames of the collectors that Client.Own names, each subscribed to apart and with includeRaw, on both
// connections. Out: what they say, on one stream.Stream a collector.
//
// One connection leads: messages come from it alone. Of the other, the follower, those are held that the leader has not
// brought yet, undecoded, for Config.Hold and within HoldBytes; what the leader has brought and the follower has not is
// remembered as a hash, as long. When the leader breaks, falls silent or lags, the follower's held messages go out in its order, and
// it leads: nothing is lost or said twice, and within a peer the order is the collector's. That is no gap if the two streams are
// known to overlap, which a message that came on both shows; if not, or both connections are gone, it is a gap and is said to be.
//
// A leader that owes for long what the follower has brought of a collector is replaced by it; a message that it left out for Hold is
// missing, which begins a gap at its time; a follower that brings nothing of a collector is made anew.
//
// A message is recognised by host and id, where it has none by its whole frame; ids are never parsed. As many as come are
// matched: two that are alike are two.
//
// Bounds. A frame: ReadLimit. Held frames: HoldBytes; the service brings some 5 MB a second and a leader that says nothing is left
// after SwitchAfter (5 s), so the default of 128 MiB holds five times what is needed. Hashes: maxAhead a connection, 40 MiB at
// most and three minutes of the whole service. Peers: the stream's.
//
// Invariants: of a collector that is not owned nothing is said. A gap begins before the first record after it. A connection
// that brings nothing for SilentAfter, or late, is left and made anew, with jittered pauses that grow and never end.
//
// Goroutines: for each connection one that dials and subscribes and, while connected, one that reads; one that opens and
// closes streams and judges connections. Run ends and awaits them.
// Locks: merger.mu is held while a record is produced, so both connections wait where the broker does; status.mu and Client.mu
// are held for a moment only, and nothing is locked under them.
package rislive
