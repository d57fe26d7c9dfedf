package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// BMPReader cuts a stream into BMP messages. Its buffer grows only as the stream really brings octets, to a few times
// MaxBMPMessage at most, and shrinks again. It is not safe for concurrent use.
type BMPReader struct {
	// Strict is for sockets: what is no message is reported as soon as its header is read, and nothing is skipped.
	Strict bool
	// Grow, if set, is asked before the buffer grows by as many octets, and told (less than 0) when it has shrunk; an error of its
	// ends the reading.
	Grow func(octets int) error

	r          io.Reader
	size       int // of the buffer as long as messages are small
	buf        []byte
	start, end int // of the octets in buf that were not consumed
	offset     int64
	err        error // what r returned
}

// BMPFrameError is a place in a stream where no message begins.
type BMPFrameError struct {
	// Offset is where the message should have begun; Skipped octets lie between it and the next thing that looks like one.
	Offset, Skipped int64
	// Raw holds the skipped octets, at most MaxBMPMessage, until the reader's next call.
	Raw []byte
	Err error
}

// Error says where and what.
func (e *BMPFrameError) Error() string {
	return fmt.Sprintf("%d octets at offset %d are no BMP message: %v", e.Skipped, e.Offset, e.Err)
}

// Unwrap returns the fault: ErrTruncated, ErrBadLength or ErrBMPVersion.
func (e *BMPFrameError) Unwrap() error { return e.Err }

// NewBMPReader returns a reader of r, which it buffers.
func NewBMPReader(r io.Reader) *BMPReader { return NewBMPReaderSize(r, 64<<10) }

// NewBMPReaderSize returns a reader of r that asks for size octets at once.
func NewBMPReaderSize(r io.Reader, size int) *BMPReader {
	return &BMPReader{r: r, size: size, buf: make([]byte, size)}
}

// Held is how many octets were read and not returned yet: those of a message that has begun to come.
func (r *BMPReader) Held() int { return r.end - r.start }

// Offset is where the message that Next returns next begins.
func (r *BMPReader) Offset() int64 { return r.offset }

// Next returns the next message, header included, which holds until the next call. io.EOF is the end between two messages.
// Where no message begins, or the last one is cut, the error is a *BMPFrameError: a session over TCP has to be closed, a
// file can be read on. Any other error is the underlying reader's.
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

// skip passes over n octets.
func (r *BMPReader) skip(n int, fault error) error {
	e := &BMPFrameError{Offset: r.offset, Skipped: int64(n), Raw: r.buf[r.start : r.start+n], Err: fault}
	r.consume(n)
	return e
}

// fill tries to have n octets in the buffer.
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

// room makes space behind the octets that are held: by moving them to the front, which is done once for each, or by doubling a
// buffer that is full. One that has grown is given back when nothing is held.
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

// resync returns how many octets lie before what looks like a message that another one, or the end, follows; all that is
// left without any, or as much as is skipped at once. Each octet is looked at a fixed number of times.
func (r *BMPReader) resync() int {
	for at := 1; ; at++ {
		if !r.fill(at + BMPHeaderLength + 1) {
			return r.end - r.start
		}
		// Only where a version is, and only as far as a header and the octet behind it are there.
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

// begins reports whether a message seems to begin at octets from the start: its header is sound and of a known type, and so
// is the next one's, if this is not the last.
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

// bmpHeader reads a common header that is sound, of a known type and not too short for it. b has at least its octets.
func bmpHeader(b []byte) (n int, typ BMPType, ok bool) {
	if b[0] != bmpVersion || b[5] > uint8(BMPRouteMirroring) {
		return 0, 0, false
	}
	n, typ, err := ParseBMPHeader(b)
	return n, typ, err == nil && (!typ.PerPeer() || n >= BMPHeaderLength+bmpPerPeerLength)
}
