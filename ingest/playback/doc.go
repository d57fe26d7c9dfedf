// Package playback plays capture files (MRT, RIS Live JSON, raw BMP) into bgp.updates.v1.
//
// Stage writes the records of a Source to Kafka, to the end of the files. It waits while it is too
// far ahead of the slowest stage (backlog). Input that could not be read goes to the dead letters.
//
// Input: files, each belonging to a collector. A Plan reads them once (of tables only the
// beginning). It determines which of their times are credible (times.go), where updates are missing
// (holes.go), and which files do not belong to the rest. The files of one collector form one
// stream: updates in time order, each table at its time, before the updates of the same time. The
// first table, and one that answers a gap, is enclosed by GapBegin and GapEnd, any other by
// CheckBegin and CheckEnd. docs/feeds.md (Files) has the rules.
//
// The plan's watch lists follow the first clock record, with its time.
//
// Output: the streams of all collectors merged on time, with a tick per collector and a clock
// record at each minute of the merged event time in which something happened, and an end
// (docs/architecture.md, Time). The order depends only on the inputs, so every position is the same
// in every run.
//
// The package starts no goroutine. Memory is one record per open file and one chunk of a table. The
// plan keeps 64 octets for each stretch of a file's times, of which a sound file has a few.
package playback
