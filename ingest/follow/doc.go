// Package follow plays the archives' files of updates, late, as if they were live.
//
// A Follower begins each collector with a gap. It plays each message when its late clock has reached the message's time. A file that
// does not appear in time, or that is cut short, becomes a gap, too. The gaps are answered by package bootstrap.
//
// In: the archives' files. Out: messages and states (lane follow; the position's epoch is the file's beginning in Unix seconds, its
// sequence the record's number).
//
// Goroutines: Follower.Run starts one for each collector it owns; all end with Run. Locks: Follower.mu, which is never held over a call
// into another package.
package follow
