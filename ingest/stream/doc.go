// Package stream writes the messages and states of live sources to bgp.updates.v1 and bgp.feeds.v1.
// Each collector has one Stream and one order.
//
// A source opens a Stream when it begins to own a collector, and writes the collector's messages
// and states to it. The stream gives every record its position. Live messages go into lane live,
// under an epoch that rises from owner to owner. Records that can be read again (table/<gap>,
// fill/<gap>, rv/<topic>, follow) go into a Lane of their own. The stream also corrects impossible
// timestamps, records gaps and checks, decides whether the collector is stale, and counts.
//
// Set keeps the streams of a process. Set.Run writes once per tick interval (1 s by default) a tick
// for each collector that is up and one clock record into every partition. Once per status interval
// it writes the status of each stream. The status holds known_us, the time from which the next
// owner fills. known_us advances only as far as the broker has acknowledged the records of
// bgp.updates.
//
// Order: records of one Stream are written in the order of the calls, whichever goroutine calls. A
// Stream is safe for concurrent use. A Lane belongs to one goroutine. A call blocks while the
// producer's buffer is full.
//
// Locks: a goroutine that holds Set.mu does not take a Stream's mu. Stream.mu is held while a
// record is produced. Goroutines: the package starts none.
package stream
