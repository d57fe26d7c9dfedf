// Package playback plays capture files (MRT, RIS Live JSON, raw BMP) into bgp.updates.v1.
//
// Stage writes to Kafka what a Source yields, to the end of the files. It waits where it is too far ahead of the slowest stage (backlog).
// What could not be read goes to the dead letters.
//
// Input: files, each belonging to a collector. A Plan reads them once (of tables the beginning) and finds out which of their times are
// believed (times.go), where updates are missing (holes.go), and what does not belong to the rest. The files of one collector are one
// stream: updates in time order, each table at its time, before the updates of the same time. The first table, and one that
// answers a gap, stands between GapBegin and GapEnd, another between CheckBegin and CheckEnd. docs/feeds.md (Files) has the rules.
//
// Watch lists of the plan stand after the first clock record, at its time.
//
// Output: the streams of all collectors merged on time, with a tick per collector and a clock record at each
// minute of the merged event time in which something happened, and an end (docs/architecture.md, Time). The order depends
// on the inputs alone, so every position is the same in every run.
//
// Nothing here starts a goroutine. Memory is one record per open file and one chunk of a table; the plan keeps 64 octets
// for each stretch of a file's times, of which a sound file has a few.
package playback
