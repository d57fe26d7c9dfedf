// Package bzip2 unpacks bzip2 files on several cores. Blocks of bzip2 do not depend on each other and begin with a number of 48
// bits, at any bit: one goroutine finds where they begin, some unpack them, and the caller of Read puts them together in order.
//
// There is no RFC. The format is described in "BZIP2: Format Specification" by J. Tsai (2016) and by the source of bzip2 1.0.8 by
// J. Seward. Blocks that were "randomised" (bzip2 0.9.0 and older) are refused, as the standard library refuses them.
//
// Memory is bounded whatever the input claims: a block is at most 900,000 octets before its run-length coding is undone, and that
// is undone only as far as Read has room. A Reader holds at most workers+2 blocks, each packed (2.3 MB at most) or unpacked
// (0.9 MB), and 3.6 MB for each worker.
package bzip2
