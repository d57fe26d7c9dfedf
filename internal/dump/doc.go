// Package dump prints what the decoders read, a line for each route: in the form of `bgpdump -m`, as JSON or in columns. A Selection
// filters, counts and limits the lines before they are formatted.
//
// A formatter appends to the caller's buffer and does no I/O. It owns a wire.Decoder and reuses its memory, so it is for one
// goroutine. What is read and not printed is counted in its Tally.
package dump
