// Package capture reads captures of collectors: MRT files (RFC 6396), recordings of RIS Live (one
// JSON object a line) and raw BMP streams (RFC 7854), plain or compressed with gzip, bzip2 or zstd.
// It recognises format and compression by content, never by name.
//
// A Reader returns Items in the order of the file. It returns a *Damage for each part that it
// cannot read, and goes on at the next boundary until io.EOF. It reports every damaged part, and no
// input makes it panic or hang.
//
// Bounds. Memory: a record is at most wire.MaxMRTRecord octets, buffers are fixed, and a zstd
// window is at most 8 MiB (RFC 8878 §3.1.1.1.2), so the heap stays below 4 records and 64 MiB for
// any input. Goroutines of internal/bzip2 decompress bzip2 a few blocks ahead; that package
// documents their memory. Time: reading is linear in the decompressed octets. The Reader gives up a
// stream without a record in GiveUpBytes, so a bomb of zeros ends there. It refuses compressed data
// inside compressed data.
//
// One goroutine uses a Reader and must close it. Only Progress may be called from others.
package capture
