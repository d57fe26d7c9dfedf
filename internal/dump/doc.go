// Package dump prints decoded records, one line for each route, in the form of `bgpdump -m`, as
// JSON or in columns. A Selection filters, counts and limits the lines before they are formatted.
//
// A formatter appends to the caller's buffer and does no I/O. It owns a wire.Decoder and reuses its
// memory, so one goroutine uses it. Its Tally counts the decoded parts that have no line.
package dump
