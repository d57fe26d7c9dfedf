// Package updatefile holds what reading an archive's files of updates takes: the order of the files, whether one was cut short, and
// writing its records to a stream. Package bootstrap fills gaps from such files, package follow plays them.
//
// In: archive.Files and items of internal/capture. Out: messages and session states on a lane of a stream.Stream. Nothing is kept, no
// goroutine is started.
package updatefile
