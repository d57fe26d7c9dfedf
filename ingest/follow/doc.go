// Package follow plays the archives' update files late, as if they were live.
//
// A Follower begins each collector with a gap. It plays each message when its late clock has
// reached the message's time. A file that does not appear in time, or that is truncated, becomes a
// gap, too. Package bootstrap answers the gaps.
//
// In: the archives' files. Out: messages and states (lane follow; the position's epoch is the
// file's beginning in Unix seconds, its sequence the record's number).
//
// Goroutines: Follower.Run starts one for the assignment, and one for each collector it owns. All
// end with Run. Locks: Follower.mu, which is never held over a call into another package.
package follow
