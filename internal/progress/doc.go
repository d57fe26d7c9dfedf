// Package progress shows how far a run is: it measures the work that the slowest stage has done, words it, and draws it on a
// terminal without disturbing what else is printed there.
//
// Tracker, Costs and Run are pure: what was read, where the groups stand and the time go in, what is done, how long the rest takes and the
// share come out. Line writes. No goroutine is
// started. A Line may be used by several at once.
package progress
