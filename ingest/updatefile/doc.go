// Package updatefile provides the parts of reading an archive's update files: their order, whether
// a file was truncated, and writing their records to a stream. Package bootstrap fills gaps from
// such files. Package follow plays them.
//
// In: archive.Files and items of internal/capture. Out: messages and session states on a lane of a
// stream.Stream. The package keeps nothing and starts no goroutine.
package updatefile
