package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/darkmap/darkmap/internal/bzip2"
)

// Compression is the compression of a file.
type Compression string

// The kinds of compression.
const (
	Plain Compression = "plain"
	Gzip  Compression = "gzip"
	Bzip2 Compression = "bzip2"
	Zstd  Compression = "zstd"
)

// zstdMaxWindow is the window size that RFC 8878 §3.1.1.1.2 recommends every decoder to support.
const zstdMaxWindow = 8 << 20

// compressionMagic is the number of octets that compressionOf needs.
const compressionMagic = 10

// compressionOf recognises compressed data by their first octets. For bzip2 it checks the magic of
// the first block as well, because "BZh9" is a timestamp of 2005 in an MRT file.
func compressionOf(b []byte) Compression {
	switch {
	case len(b) >= 3 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8:
		return Gzip
	case len(b) >= 10 && string(b[:3]) == "BZh" && '1' <= b[3] && b[3] <= '9' &&
		(string(b[4:10]) == "\x31\x41\x59\x26\x53\x59" || string(b[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return Bzip2
	case bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	case len(b) >= 4 && b[0]&0xf0 == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18:
		return Zstd // a skippable frame
	}
	return Plain
}

// unpack returns a reader of the decompressed octets of br. It joins successive members and frames
// to one stream.
func unpack(br *bufio.Reader) (io.Reader, Compression, error) {
	head, err := br.Peek(compressionMagic)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, Plain, err
	}
	switch c := compressionOf(head); c {
	case Gzip:
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, c, unpackError(c, err)
		}
		return zr, c, nil
	case Bzip2:
		return bzip2.NewReader(br, runtime.GOMAXPROCS(0)), c, nil
	case Zstd:
		zr, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdMaxWindow))
		if err != nil {
			return nil, c, unpackError(c, err)
		}
		return zr.IOReadCloser(), c, nil
	case Plain:
	}
	return br, Plain, nil
}

// unpackError adds the compression to err. A stream that ends too early is always
// io.ErrUnexpectedEOF, even if the library returns io.EOF.
func unpackError(c Compression, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("unpacking %s: %w", c, err)
}
