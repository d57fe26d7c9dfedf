// Package bzip2 decompresses bzip2 files on several cores. Blocks of bzip2 are independent and
// begin with a 48-bit magic, at any bit: one goroutine finds the blocks, some decompress them, and
// the caller of Read joins them in order.
//
// There is no RFC. The format is described in "BZIP2: Format Specification" by J. Tsai (2016) and
// by the source of bzip2 1.0.8 by J. Seward. "Randomised" blocks (bzip2 0.9.0 and older) are
// refused, as in the standard library.
//
// Memory is bounded for any input: a block is at most 900,000 octets before its run-length coding
// is undone, and that is undone only as far as Read has room. A Reader holds at most workers+2
// blocks, each compressed (2.3 MB at most) or decompressed (0.9 MB), and 3.6 MB for each worker.
package bzip2
