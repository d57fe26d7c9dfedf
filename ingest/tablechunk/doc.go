// Package tablechunk turns what archive files hold into what bgp.updates holds, for all who read them: table dumps into chunks that
// are grouped by prefix, and changes of a session's state into up and down.
//
// In: items of internal/capture. Out: TableChunks, each below 512 KiB when enrich has added geography and owners. Nothing is
// kept beyond the chunk being built; no goroutine is started.
package tablechunk
