// Package bootstrap answers gaps in live streams from the archives. If nothing is known before the
// gap, it sends a table dump and the updates since. If the stream was interrupted, it sends only
// the updates. Once a day it compares each collector with a dump.
//
// A Worker receives the gaps through stream.Deps.OnGap. Per collector it does one job at a time: it
// answers the newest gap, else looks for a newer dump if the last answer was incomplete, else runs
// the daily check. In: the archives' files. Out: table chunks (lane table/<gap>), messages and
// states (lane fill/<gap>), and the end of the gap.
//
// Missing data is never a withdrawal. A file that does not appear in time, a file that is
// truncated, or a dump that has far less of a family than the one before, ends the gap as
// incomplete. The worker then waits for the next dump. If two dumps in a row are about equally
// small, it accepts them. After a restart it knows of the dump before only the size of its file, if
// the index gives it.
//
// Only tables that may be full feeds are sent. Such a table has at least half the routes of the
// dump's largest table. At most two are sent for each AS and family: the largest ones, and of equal
// ones that of the lower peer. A dump is read twice, first to count, if its peer index table lists
// more than 20 peers, or more than two of an AS, or if its format (TABLE_DUMP) has no such table.
// Counting costs about two thirds of reading. Other dumps are read once and sent whole. The updates
// that follow reach Overlap beyond the end of the gap.
//
// A fill is sent in one go, once all of its files are available. detect keeps votes over a short
// gap, and would accept the state at a file's end until the next file appears, minutes later. The
// files are therefore read twice, first to see that they are whole. A file that the cache cannot
// hold until then is fetched again.
//
// The collector's clock and ingest's differ. A gap ends when the files up to Overlap after its end
// have been read. A gap that ends within a minute of a file's end therefore waits for the next
// file, too. If by these clocks a gap ends before it begins, the worker searches the Overlap before
// its end.
//
// The worker keeps nothing for a restart: the new owner of a collector begins a new gap, and
// downloads continue in the cache.
//
// Memory: a reader of a few megabytes for each file being read (at most 2*Parallel), one chunk, and
// one message. Nothing grows with the size of a dump or of a day, because updates are passed on one
// by one.
//
// Goroutines: Worker.Run starts one for the schedule, one for each collector with a job, and one
// for each file fetched ahead. All end with Run. Locks: Worker.mu, which is never held over a call
// into another package (Gap is called while a stream's lock is held).
package bootstrap
