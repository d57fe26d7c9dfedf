package capture

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/darkmap/darkmap/internal/bzip2"
)

// GiveUpBytes is how many decompressed octets may pass without a record before the rest of a stream is given up: many times
// the largest legal record, and few enough for a bomb to end within a second.
const GiveUpBytes = 64 << 20

// counter counts the octets of a file as they are read. Any goroutine may ask it.
type counter struct {
	r io.Reader
	n atomic.Int64
	// failed says that there was an error of the operating system, as against one of the data.
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

// stream is the decompressed stream. To those who parse it every end looks like io.EOF; err keeps why it ended, so that
// a cut file is told from a whole one exactly once.
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

// reason classes why the stream ended before its time. bzip2 reads ahead: its file may have failed behind a block that is damaged.
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
