// Package clock merges the collectors' streams into one sequence of windows of a minute. Its only
// input is the records of bgp.routes.
//
// Input (Push): the records, each partition in the order of its log. One partition may be read any
// distance ahead of another. Output (Steps): the steps that follow from each record. A step applies
// a record or closes a window.
//
// Rules (docs/architecture.md, Time):
//   - A clock record has a time t: no record of its ingest process with an older time follows. A
//     tick means the same for one collector. The clock of a partition is the earliest of these
//     times: its newest clock record, and the last tick of each collector that is up in it. The
//     clock never goes back. Without a clock record a partition has no clock.
//   - The effective time of a record is the latest of these: its timestamp, its collector's last
//     tick, the partition's clock when the record is read, and the effective time of the
//     collector's record before it. So the records of a collector stay in order, even if their
//     timestamps do not. If a timestamp is more than a minute ahead of both tick and clock, it
//     counts as a minute ahead. So one wrong timestamp cannot make a collector wait for ever.
//   - A window is open until the clock of every partition has reached its end. An end record is the
//     last clock record of a writer, an ingest process that plays files. When every partition has
//     read the end records of all its writers, all windows up to the last effective time close.
//   - A record of the open window becomes a step at once. Records of later windows wait, in the
//     order in which they came. Flow lists a partition to pause if its clock is past the window and
//     its waiting records exceed its share of the buffer. A partition whose clock holds the window
//     open is never paused, so there is no deadlock.
//   - A collector has vanished when its tick is more than a minute behind the newest clock record
//     of its partition. The clock then adds a step with a CollectorDown (stale). When the tick is
//     within ten seconds again, it adds a step with a CollectorUp. Config sets both times.
//   - A timestamp outside 1970 to 2100 is invalid, and its record is rejected.
//   - A record is dropped unless its position is after the last position of its collector and lane.
//
// Invariants: a record becomes a step in the window of its effective time, in its collector's
// order. Every window closes, one after the other. The window of a record, and the time at which a
// collector vanishes, depend neither on the number of partitions nor on the order in which
// partitions are read, if the writer writes ticks and clock records next to each other. The order
// of different collectors within a window does depend on both. So the state of the caller must not
// depend on that order.
//
// The package has no goroutines, no I/O and no wall clock. A Clock is not safe for concurrent use.
package clock
