package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// BMPReader cuts a stream into BMP messages. It is not safe for concurrent use.
type BMPReader struct {
	// Strict is for sockets: what is no message is reported as soon as its header is read, and nothing is skipped.
	Strict bool

	r      *bufio.Reader
	buf    []byte
	offset int64
}

// BMPFrameError is a place in a stream where no message begins.
type BMPFrameError struct {
	// Offset is where the message should have begun; Skipped octets lie between it and the next thing that looks like one.
	Offset, Skipped int64
	// Raw holds the first of the skipped octets, at most MaxBMPMessage, until the reader's next call.
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
func NewBMPReader(r io.Reader) *BMPReader {
	return &BMPReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// Offset is where the message that Next returns next begins.
func (r *BMPReader) Offset() int64 { return r.offset }

// Next returns the next message, header included, which holds until the next call. io.EOF is the end between two messages.
// Where no message begins, or the last one is cut, the error is a *BMPFrameError: a session over TCP has to be closed, a
// file can be read on. Any other error is the underlying reader's.
func (r *BMPReader) Next() ([]byte, error) {
	head, err := r.r.Peek(BMPHeaderLength)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(head) == 0 {
			return nil, io.EOF
		}
		return nil, r.cut(len(head))
	}
	n, _, err := ParseBMPHeader(head)
	if err != nil {
		return nil, r.resync(err)
	}
	if cap(r.buf) < n {
		r.buf = make([]byte, n, max(n, 4<<10))
	}
	r.buf = r.buf[:n]
	got, err := io.ReadFull(r.r, r.buf)
	if err == nil {
		r.offset += int64(n)
		return r.buf, nil
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	e := &BMPFrameError{Offset: r.offset, Skipped: int64(got), Raw: r.buf[:got], Err: fmt.Errorf("%d of %d octets: %w", got, n, ErrTruncated)}
	r.offset += int64(got)
	return nil, e
}

// cut takes the last octets, too few for a header.
func (r *BMPReader) cut(n int) error {
	r.buf = r.buf[:0]
	e := &BMPFrameError{Offset: r.offset, Err: fmt.Errorf("%d octets: %w", n, ErrTruncated)}
	r.skip(e, n)
	return e
}

// resync skips at least one octet, up to what looks like a message that another one or the end follows. It is linear in
// what it skips: each octet is looked at a fixed number of times.
func (r *BMPReader) resync(fault error) error {
	r.buf = r.buf[:0]
	e := &BMPFrameError{Offset: r.offset, Err: fault}
	if r.Strict {
		return e
	}
	r.skip(e, 1)
	for {
		window, err := r.r.Peek(r.r.Size())
		if err != nil && !errors.Is(err, io.EOF) && len(window) == 0 {
			return err
		}
		i := 0
		for ; i+BMPHeaderLength < len(window); i++ {
			if bmpBegins(window[i:], err != nil) {
				r.skip(e, i)
				return e
			}
		}
		if err != nil { // the end: nothing began in what is left
			r.skip(e, len(window))
			return e
		}
		r.skip(e, i)
	}
}

// skip discards n buffered octets and keeps the first of them for the error.
func (r *BMPReader) skip(e *BMPFrameError, n int) {
	b, _ := r.r.Peek(n) // they are buffered
	r.buf = append(r.buf, b[:min(len(b), MaxBMPMessage-len(r.buf))]...)
	n, _ = r.r.Discard(n)
	e.Skipped += int64(n)
	e.Raw = r.buf
	r.offset += int64(n)
}

// bmpBegins reports whether a message seems to begin at b: its header is sound, and so is the next one's as far as it can
// be seen. At the end of a stream the message has to end there. b has at least BMPHeaderLength+1 octets.
func bmpBegins(b []byte, last bool) bool {
	n, typ, err := ParseBMPHeader(b)
	if err != nil || typ > BMPRouteMirroring {
		return false
	}
	if typ.PerPeer() && BMPPeerType(b[BMPHeaderLength]) > BMPPeerLocRIB {
		return false
	}
	switch {
	case n > len(b):
		return !last
	case len(b)-n < BMPHeaderLength:
		return !last || n == len(b)
	}
	_, next, err := ParseBMPHeader(b[n:])
	return err == nil && next <= BMPRouteMirroring
}
