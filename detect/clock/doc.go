// Package clock merges the collectors' streams into one sequence of windows, from the records alone.
//
// In: the records of bgp.routes, partition by partition, each partition in the order of its log (Push); partitions may run
// ahead of each other in any way. Out: what each record leads to (Steps): records to apply and minutes to close.
//
// Rules (docs/architecture.md, Time):
//   - A partition's clock is the lower of its newest clock record and the last tick of each collector up in it. It never
//     goes back. Without a clock record it has none.
//   - The effective time of a record is the latest of its timestamp, its collector's last tick, the partition's clock at
//     that place and the effective time of the collector's record before it: order within a collector is kept whatever
//     its timestamps say. A timestamp more than a minute ahead of tick and clock counts as a minute ahead, so that one
//     wrong timestamp cannot make a collector wait for ever.
//   - A window is open until the clock of every partition has reached its end, or every partition has read the end of all
//     its clock's writers; then everything up to the last effective time closes.
//   - Records of the open window are steps at once; later ones wait in the order in which they came. A partition whose
//     clock is past the window and whose waiting records exceed its share of the buffer is to be paused. The partition
//     that holds the window open is never paused, so nothing deadlocks.
//   - A collector whose tick is more than a minute behind the newest clock record of its partition has vanished: the
//     steps hold a CollectorDown (stale), and a CollectorUp once the tick is within ten seconds again (Config).
//   - A timestamp outside 1970 to 2100 is none: the record is put aside.
//   - Positions: a record that does not stand after the last one of its collector and lane is dropped.
//
// Invariants: a record is a step in the window of its effective time, in its collector's order; windows
// close one after the other, without holes; which record goes into which window, and when a collector vanishes, depends
// neither on the number of partitions nor on the interleaving, as long as whoever writes ticks and clock records writes
// them next to each other. The order of different collectors within a window does depend on them: the state of
// who applies them must not.
//
// No goroutines, no I/O, no wall clock. A Clock is not safe for concurrent use.
package clock
