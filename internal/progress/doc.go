// Package progress shows how far a run is: it measures the work that the slowest stage has done, words it, and draws it on a
// terminal without disturbing what else is printed there.
//
// Tracker and Text are pure: what was read and where the groups stand goes in, the share comes out. Line writes. No goroutine is
// started. A Line may be used by several at once.
package progress
