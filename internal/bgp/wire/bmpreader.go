package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// BMPReader splits a stream into BMP messages. Its buffer grows only as octets arrive, to a few
// times MaxBMPMessage at most, and shrinks again. It is not safe for concurrent use.
type BMPReader struct {
	// Strict is for sockets. The reader reports octets that are no message as soon as it has read
	// their header, and skips nothing.
	Strict bool
	// Grow, if set, is called with a number of octets before the buffer grows by that number. It is
	// called with a negative number when the buffer shrinks. An error from Grow ends the reading.
	Grow func(octets int) error

	r          io.Reader
	size       int // length of the buffer while messages are small
	buf        []byte
	start, end int // bounds of the octets in buf that were not consumed
	offset     int64
	err        error // error from r
}

// BMPFrameError reports a place in a stream where no message begins.
type BMPFrameError struct {
	// Offset is where the message should have begun. Skipped counts the octets from there to the
	// next apparent message.
	Offset, Skipped int64
	// Raw holds the skipped octets, at most MaxBMPMessage. It is valid until the next call of the
	// reader.
	Raw []byte
	Err error
}

// Error describes the place and the fault.
func (e *BMPFrameError) Error() string {
	return fmt.Sprintf("%d octets at offset %d are no BMP message: %v", e.Skipped, e.Offset, e.Err)
}

// Unwrap returns the fault: ErrTruncated, ErrBadLength or ErrBMPVersion.
func (e *BMPFrameError) Unwrap() error { return e.Err }

// NewBMPReader returns a buffered reader of r.
func NewBMPReader(r io.Reader) *BMPReader { return NewBMPReaderSize(r, 64<<10) }

// NewBMPReaderSize returns a reader of r with an initial buffer of size octets.
func NewBMPReaderSize(r io.Reader, size int) *BMPReader {
	return &BMPReader{r: r, size: size, buf: make([]byte, size)}
}

// Held returns the number of octets that the reader has read but not yet returned: the beginning of
// the next message.
func (r *BMPReader) Held() int { return r.end - r.start }

// Offset returns the offset of the next message.
func (r *BMPReader) Offset() int64 { return r.offset }

// Next returns the next message with its header. The message is valid until the next call. io.EOF
// is the end of the stream between two messages. If no message begins there, or the last one is
// cut, the error is a *BMPFrameError: the caller has to close a TCP session, but can read on in a
// file. Any other error comes from the underlying reader.
func (r *BMPReader) Next() ([]byte, error) {
	if !r.fill(BMPHeaderLength) {
		have := r.end - r.start
		if !errors.Is(r.err, io.EOF) || have == 0 {
			return nil, r.err
		}
		return nil, r.skip(have, fmt.Errorf("%d of %d octets of a header: %w", have, BMPHeaderLength, ErrTruncated))
	}
	n, _, err := ParseBMPHeader(r.buf[r.start:r.end])
	if err != nil {
		if r.Strict {
			return nil, &BMPFrameError{Offset: r.offset, Err: err}
		}
		return nil, r.skip(r.resync(), err)
	}
	if !r.fill(n) {
		if !errors.Is(r.err, io.EOF) {
			return nil, r.err
		}
		err := fmt.Errorf("%d of %d octets: %w", r.end-r.start, n, ErrTruncated)
		return nil, r.skip(r.resync(), err)
	}
	b := r.buf[r.start : r.start+n]
	r.consume(n)
	return b, nil
}

func (r *BMPReader) consume(n int) {
	r.start += n
	r.offset += int64(n)
}

// skip consumes n octets and returns the error that reports them.
func (r *BMPReader) skip(n int, fault error) error {
	e := &BMPFrameError{Offset: r.offset, Skipped: int64(n), Raw: r.buf[r.start : r.start+n], Err: fault}
	r.consume(n)
	return e
}

// fill reads until the buffer holds n octets. It reports whether it does.
func (r *BMPReader) fill(n int) bool {
	for r.end-r.start < n {
		if r.err != nil {
			return false
		}
		if r.err = r.room(); r.err != nil {
			return false
		}
		k, err := r.r.Read(r.buf[r.end:])
		r.end += k
		r.err = err
	}
	return true
}

// room makes space behind the held octets. It moves them to the front, at most once for each octet,
// or doubles a full buffer. It replaces an enlarged buffer by a small one when no octets are held.
func (r *BMPReader) room() error {
	held := r.end - r.start
	to := r.buf
	switch {
	case held == len(r.buf):
		if err := r.grow(len(r.buf)); err != nil {
			return err
		}
		to = make([]byte, 2*len(r.buf))
	case held == 0 && len(r.buf) > r.size:
		if err := r.grow(r.size - len(r.buf)); err != nil {
			return err
		}
		to = make([]byte, r.size)
	case r.start == 0:
		return nil
	}
	r.end = copy(to, r.buf[r.start:r.end])
	r.buf, r.start = to, 0
	return nil
}

func (r *BMPReader) grow(octets int) error {
	if r.Grow == nil {
		return nil
	}
	return r.Grow(octets)
}

// resync returns the number of octets before the next apparent message that another message, or the
// end, follows. If it finds none, it returns the number of octets left, or MaxBMPMessage. It looks
// at each octet a fixed number of times.
func (r *BMPReader) resync() int {
	for at := 1; ; at++ {
		if !r.fill(at + BMPHeaderLength + 1) {
			return r.end - r.start
		}
		// Look for the version only as far as a header and the octet behind it are in the buffer.
		held := r.buf[r.start : r.end-BMPHeaderLength]
		i := bytes.IndexByte(held[at:], bmpVersion)
		if i < 0 {
			i = len(held) - 1 - at
		}
		if at += i; at >= MaxBMPMessage {
			return MaxBMPMessage
		}
		if r.begins(at) {
			return at
		}
	}
}

// begins reports whether a message seems to begin at octets from the start. Its header must be
// sound and of a known type. So must the next header, unless this message is the last.
func (r *BMPReader) begins(at int) bool {
	n, typ, ok := bmpHeader(r.buf[r.start+at : r.end])
	if !ok || typ.PerPeer() && BMPPeerType(r.buf[r.start+at+BMPHeaderLength]) > BMPPeerLocRIB {
		return false
	}
	if !r.fill(at + n + BMPHeaderLength) {
		return r.end-r.start == at+n
	}
	_, _, ok = bmpHeader(r.buf[r.start+at+n : r.end])
	return ok
}

// bmpHeader parses a common header and reports whether it is sound, of a known type and not too
// short for it. b has at least the octets of the header.
func bmpHeader(b []byte) (n int, typ BMPType, ok bool) {
	if b[0] != bmpVersion || b[5] > uint8(BMPRouteMirroring) {
		return 0, 0, false
	}
	n, typ, err := ParseBMPHeader(b)
	return n, typ, err == nil && (!typ.PerPeer() || n >= BMPHeaderLength+bmpPerPeerLength)
}
