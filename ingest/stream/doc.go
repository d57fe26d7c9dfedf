// Package stream writes what live sources say into bgp.updates.v1 and bgp.feeds.v1: one Stream for each collector, one order.
//
// A source opens a Stream when it begins to own a collector, and says on it what it hears. The stream gives every record its
// position: live messages stand in lane live under an epoch that rises from owner to owner; what can be read again
// (table/<gap>, fill/<gap>, rv/<topic>, follow) stands in a Lane of its own. It corrects timestamps that cannot be, notes gaps and
// checks, judges whether the collector is stale, and counts.
//
// Set keeps the streams of a process. Its Run writes, once a second, a tick for each collector that is up and one clock record
// into every partition, and now and then how each stream stands; known_us, from which the next owner fills, only as far as
// bgp.updates is acknowledged.
//
// Order: everything said on one Stream goes out in the order of the calls, whichever goroutine makes them. A Stream is safe for
// concurrent use; a Lane belongs to one goroutine. A call blocks while the producer's buffer is full.
//
// Locks: Set.mu is never held while a Stream's is taken; Stream.mu is held while a record is produced.
// Goroutines: none but the caller's.
package stream
