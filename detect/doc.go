// Package detect finds outages. It reads bgp.routes and publishes to bgp.visibility, bgp.prefixes,
// bgp.panel, bgp.outages (and, as JSON, bgp.outages.json) and bgp.feeds.
//
// The core, detect/core, is pure: records and the ends of minutes go in, records to publish come
// out. The shell, Stage, reads all partitions in one active process; a second process stands by. It
// pushes each record into detect/clock, which merges the partitions, and takes the steps that the
// clock yields. A step applies a record, or closes a window and gathers the records to publish.
// Stage publishes each window once, in one transaction with the offsets. The commit's metadata name
// the last window published. A transaction between two steps commits the offset of the record that
// is being pushed, not the offset of the next record.
//
// The state is written to bgp.checkpoints every few minutes (detect/checkpoint). A new process, or
// a process whose transaction was aborted, continues from the newest checkpoint that it may use.
// Without one it builds its state again from the beginning of the log. It publishes only windows
// after the last window published. With the first of them it adopts or ends the outages that
// bgp.outages calls open and the new state does not know. If the log has lost its beginning, or
// records, detect requests tables once it has caught up. Records that cannot be understood go to
// the dead-letter topic.
//
// Every published record has a position: collector detect/<family> (detect if the record belongs to
// no family), lane out, sequence = minutes since 1970 of its window x 2^24 + its number in the
// window, from 1.
//
// Goroutines: those of the franz-go clients, one that writes a checkpoint, and one that ends a
// poll. All of them end with their session. The stage itself runs in the goroutine of its caller.
package detect
