// Package bootstrap answers gaps in live streams from the archives: with a table dump and the updates since where nothing is known,
// with the updates alone where the stream was broken off. Once a day it compares each collector with a dump.
//
// A Worker is told of gaps (stream.Deps.OnGap). Per collector it does one thing at a time: answer the newest gap, else look for a
// newer dump where the last answer was incomplete, else the daily check. In: the archives' files. Out: table chunks (lane
// table/<gap>), messages and states (lane fill/<gap>), and the gap's end.
//
// What is missing is never a withdrawal: a file that does not appear in time, that is cut short, or a dump that has far less of a family
// than the one before ends the gap incomplete, and the next dump is waited for; two that are as small as each other are believed. After
// a restart nothing is known of the one before but how large its file is, where the index says so. Only tables that may be full feeds
// are sent: at least half of the dump's largest, at most two for each AS and family, the largest ones (of equals the lower peer). A dump
// whose peer index table lists more than 20 peers, or more than two of an AS, is therefore read twice, first to count, which costs
// about two thirds of reading it; others are read once and sent whole. The updates that follow reach Overlap
// beyond the end of the gap.
//
// A fill is said in one go, once all of its files are here: detect keeps votes over a short gap, and would believe the state at a
// file's end until the next file appears, minutes later. They are read twice, therefore, first to see that they are whole; what the
// cache cannot hold until then is fetched again.
//
// The collector's clock and ours differ. A gap ends when the files up to Overlap after its end have been read: one that ends within a
// minute of a file's end waits for the next, too. A gap that by these clocks ends before it begins is looked for in the Overlap before
// its end.
//
// Nothing is kept for a restart: the new owner of a collector begins a new gap, and downloads go on in the cache.
//
// Memory: a reader of a few megabytes for each file being read (at most 2*Parallel), one chunk, one message; nothing grows with a
// dump's or a day's size, for updates are passed on as they stand instead of being collected.
//
// Goroutines: Worker.Run starts one for each collector that it does something for, and one for each file fetched ahead. All end with
// Run. Locks: Worker.mu, which is never held over a call into another package (Gap is called while a stream's lock is held).
package bootstrap
