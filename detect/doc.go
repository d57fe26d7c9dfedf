// Package detect finds outages: it reads bgp.routes and publishes to bgp.visibility, bgp.prefixes, bgp.panel, bgp.outages (and, as JSON, bgp.outages.json)
// and bgp.feeds.
//
// The core, detect/core, is pure: records and the ends of minutes go in, records to publish come out. The shell, Stage, reads all
// partitions in one active process (a second one stands by). It pushes each record into detect/clock, which merges the partitions,
// and takes the steps that this yields: it applies a record, or closes a window and gathers what is to be published. It publishes
// each window once, in one transaction with the offsets; the commit's metadata name the last window published. A transaction
// between two steps commits the offset of the record that is pushed, not of the next one.
//
// The state is written to bgp.checkpoints every few minutes (detect/checkpoint). A new process, or one whose transaction was aborted, goes on from the newest
// checkpoint that it may use, else it builds its state again from the beginning of the log. It publishes only what comes after that window. With the first one it
// adopts outages that bgp.outages calls open and the new state does not know, or ends them. If the log lacks its beginning, or records, detect requests tables, once
// it has caught up. Records that cannot be understood go to the dead-letter topic.
//
// Every published record has a position: collector detect/<family> (detect where it is about no family), lane out,
// sequence = minutes since 1970 of its window x 2^24 + its number in the window, from 1.
//
// Goroutines: those of the franz-go clients, of a checkpoint that is being written, and one that ends a poll, all ended with each session; the stage itself runs in its caller's.
package detect
