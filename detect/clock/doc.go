// Package clock merges the collectors' streams into one sequence of windows. Its only input is the
// records.
//
// Input (Push): the records of bgp.routes, each partition in the order of its log. One partition
// may be read any distance ahead of another. Output (Steps): the steps that each record causes.
// A step applies a record or closes a window.
//
// Rules (docs/architecture.md, Time):
//   - A partition's clock is the lower of its newest clock record and the last tick of each
//     collector that is up in it. It never goes back. Without a clock record a partition has no
//     clock.
//   - The effective time of a record is the latest of its timestamp, its collector's last tick, the
//     partition's clock when the record is read, and the effective time of the collector's record
//     before it. So the order within a collector is kept, whatever its timestamps are. A timestamp
//     more than a minute ahead of tick and clock counts as a minute ahead, so that one wrong
//     timestamp cannot make a collector wait for ever.
//   - A window is open until the clock of every partition has reached its end. Once every partition
//     has read the end of all writers of its clock, all windows up to the last effective time
//     close.
//   - Records of the open window are steps at once. Later records wait in the order in which they
//     came. A partition should be paused if its clock is past the window and its waiting records
//     exceed its share of the buffer. The partition that holds the window open is never paused,
//     so there is no deadlock.
//   - A collector has vanished when its tick is more than a minute behind the newest clock record
//     of its partition. The steps then contain a CollectorDown (stale), and a CollectorUp once the
//     tick is within ten seconds again. Config sets both times.
//   - A timestamp outside 1970 to 2100 is invalid, and its record is rejected.
//   - A record is dropped unless its position is after the last position of its collector and lane.
//
// Invariants: a record is a step in the window of its effective time, in its collector's order.
// Windows close one after the other, without holes. The window of a record, and the time at which
// a collector vanishes, depend neither on the number of partitions nor on the interleaving, if
// the writer of ticks and clock records writes them next to each other. The order of different
// collectors within a window does depend on them, so the state of the caller must not depend on
// that order.
//
// The package has no goroutines, no I/O and no wall clock. A Clock is not safe for concurrent use.
package clock
