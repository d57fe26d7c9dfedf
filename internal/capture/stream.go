package capture

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/darkmap/darkmap/internal/bzip2"
)

// GiveUpBytes is the number of decompressed octets without a record after which the rest of a
// stream is not read. It is many times the largest legal record, and small enough for a bomb to end
// within a second.
const GiveUpBytes = 64 << 20

// counter counts the octets read from a file. Any goroutine may read the count.
type counter struct {
	r io.Reader
	n atomic.Int64
	// failed is set after an error of the operating system, as opposed to one of the data.
	failed atomic.Bool
}

// Read reads from the file.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed.Store(true)
	}
	return n, err
}

// stream is the decompressed stream. It returns io.EOF to its reader at every end, and keeps the
// reason of the end in err, so that a cut file is reported exactly once.
type stream struct {
	r           io.Reader
	compression Compression
	n           int64
	quiet       int64 // octets since the last record
	err         error
}

// Read reads decompressed octets.
func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, io.EOF
	}
	if s.quiet >= GiveUpBytes {
		s.err = ErrNoRecord
		return 0, io.EOF
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.quiet += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
		if s.compression != Plain {
			s.err = unpackError(s.compression, err)
		}
		err = io.EOF
	}
	return n, err
}

// reason returns the reason why the stream ended too early. bzip2 reads ahead: its file may have
// failed behind a damaged block.
func (s *stream) reason(failed bool) Reason {
	_, format := errors.AsType[bzip2.FormatError](s.err)
	switch {
	case errors.Is(s.err, ErrNoRecord):
		return NoRecord
	case format:
		return BadCompression
	case failed || errors.Is(s.err, fs.ErrClosed):
		return ReadFailed
	case errors.Is(s.err, io.ErrUnexpectedEOF):
		return Truncated
	}
	return BadCompression
}
