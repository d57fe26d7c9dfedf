// Package tablechunk converts the contents of archive files into the form of bgp.updates, for all
// readers of such files. It converts table dumps into chunks that are grouped by prefix, and
// changes of a session's state into up and down.
//
// In: items of internal/capture. Out: TableChunks, each below 512 KiB when enrich has added
// geography and owners. The package keeps nothing beyond the chunk being built, and starts no
// goroutine.
package tablechunk
