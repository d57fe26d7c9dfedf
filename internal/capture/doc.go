// Package capture reads what collectors recorded: MRT files (RFC 6396), recordings of RIS Live (a JSON object a line) and raw
// BMP streams (RFC 7854), plain or compressed with gzip, bzip2 or zstd. Both are recognised by content, never by name.
//
// A Reader hands out Items, in the order of the file. What cannot be read comes as a *Damage between them; reading goes on at
// the next boundary until io.EOF. Nothing of a damaged file is passed over in silence, and no input makes it panic or hang.
//
// Bounds. Memory: a record is at most wire.MaxMRTRecord octets, buffers are fixed, a zstd window is at most 8 MiB (RFC 8878
// §3.1.1.1.2), so the heap stays under 4 records and 64 MiB whatever the input claims. bzip2 is
// unpacked a few blocks ahead, by goroutines of internal/bzip2, which says how much they hold. Time: reading is linear in
// the decompressed octets, and a stream that yields no record in GiveUpBytes of them is given up, so that a bomb of zeros
// ends after those. Compressed data inside compressed data is refused.
//
// A Reader is for one goroutine, and has to be closed; only Progress may be called from others.
package capture
