package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	magic = "darkmap snapshot"
	// blockSize is the length from which a block is written. maxBlock bounds the length of a block
	// that is read.
	blockSize = 64 << 10
	maxBlock  = 2 * blockSize
	// piece bounds the octets that are added to a block at once.
	piece = 16 << 10
	// header is the length of the header of a block.
	header = 8
	// maxText bounds a text or a slice of octets.
	maxText = 64 << 20
)

// ErrInvalid marks a snapshot that is damaged or ends too early, or octets that are no snapshot.
var ErrInvalid = errors.New("the snapshot is damaged")

// ErrFormat marks a snapshot of another format: another version of darkmap wrote it. It wraps
// ErrInvalid.
var ErrFormat = fmt.Errorf("the snapshot has another format: %w", ErrInvalid)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Coder writes a snapshot or reads one. After an error it does nothing, and all values that it
// reads are zero.
type Coder struct {
	w io.Writer
	r io.Reader // nil while writing

	kind string
	part string
	// block is the open block without its header; at is the index of its next octet to read.
	block  []byte
	at     int
	number uint32 // number of the next block
	before int64  // octets in all earlier blocks
	err    error
	out    []byte // a block with its header
}

// NewWriter begins a snapshot of the given kind and format. Close ends it.
func NewWriter(w io.Writer, kind string, format uint64) *Coder {
	c := &Coder{w: w, kind: kind, part: "begin", block: make([]byte, 0, blockSize+piece)}
	m, k := magic, kind
	Text(c, &m)
	Text(c, &k)
	Uint(c, &format)
	return c
}

// NewReader begins to read a snapshot that NewWriter began with the same kind and format. If the
// snapshot has another kind or format, Err reports it. Close ends the reading. NewReader and the
// Coder read no octet of r beyond the end of the snapshot.
func NewReader(r io.Reader, kind string, format uint64) *Coder {
	c := &Coder{r: r, kind: kind, part: "begin"}
	var m, k string
	var f uint64
	if Text(c, &m); c.err == nil && m != magic {
		c.Fail("it does not begin as a snapshot does")
	}
	if Text(c, &k); c.err == nil && k != kind {
		c.Fail("it is a snapshot of %.40q", k)
	}
	if Uint(c, &f); c.err == nil && f != format {
		c.fail(fmt.Errorf("it has format %d, and this version of darkmap reads format %d: %w",
			f, format, ErrFormat))
	}
	return c
}

// Reading reports whether the Coder reads.
func (c *Coder) Reading() bool { return c.r != nil }

// Err returns the first error. If the snapshot is damaged, the error wraps ErrInvalid.
func (c *Coder) Err() error { return c.err }

// Close ends the snapshot and returns the first error.
func (c *Coder) Close() error {
	c.Part("end")
	if c.Reading() {
		if c.err == nil && c.at != len(c.block) {
			c.Fail("it goes on after its end")
		}
		if c.err == nil && c.next() {
			c.Fail("it goes on after its end")
		}
		return c.err
	}
	if len(c.block) > 0 {
		c.flush()
	}
	c.flush()
	return c.err
}

// Part begins a part of the snapshot. Errors name the part.
func (c *Coder) Part(name string) {
	c.part = name
	n := name
	if Text(c, &n); c.err == nil && n != name {
		c.Fail("the part %.40q is there in its place", n)
	}
}

// Fail reports that a value that was read is impossible.
func (c *Coder) Fail(format string, args ...any) {
	c.fail(fmt.Errorf(format+": %w", append(args, ErrInvalid)...))
}

func (c *Coder) fail(err error) {
	if c.err != nil {
		return
	}
	what := "writing"
	if c.Reading() {
		what = "reading"
	}
	c.err = fmt.Errorf("%s the snapshot of %s, part %s, octet %d: %w", what, c.kind, c.part, c.offset(), err)
	c.block, c.at = c.block[:0], 0
}

// offset returns the number of octets of content that were written or read, without the headers of
// blocks.
func (c *Coder) offset() int64 {
	if c.Reading() {
		return c.before + int64(c.at)
	}
	return c.before + int64(len(c.block))
}

// sum returns the checksum of a block.
func sum(number uint32, length []byte, content []byte) uint32 {
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], number)
	s := crc32.Update(0, castagnoli, n[:])
	return crc32.Update(crc32.Update(s, castagnoli, length), castagnoli, content)
}

// flush writes the open block.
func (c *Coder) flush() {
	if c.err != nil {
		return
	}
	c.out = binary.LittleEndian.AppendUint32(c.out[:0], uint32(len(c.block)))
	c.out = binary.LittleEndian.AppendUint32(c.out, sum(c.number, c.out, c.block))
	c.out = append(c.out, c.block...)
	if _, err := c.w.Write(c.out); err != nil {
		c.fail(err)
		return
	}
	c.number++
	c.before += int64(len(c.block))
	c.block = c.block[:0]
}

// next reads the next block and reports whether it has content.
func (c *Coder) next() bool {
	if c.err != nil {
		return false
	}
	c.before += int64(len(c.block))
	c.block, c.at = c.block[:0], 0
	var h [header]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		c.readFailed(err)
		return false
	}
	n := binary.LittleEndian.Uint32(h[:4])
	if n > maxBlock {
		c.Fail("a block of %d octets, which is more than %d", n, maxBlock)
		return false
	}
	if cap(c.block) < int(n) {
		c.block = make([]byte, 0, max(int(n), blockSize+piece))
	}
	content := c.block[:n]
	if _, err := io.ReadFull(c.r, content); err != nil {
		c.readFailed(err)
		return false
	}
	if sum(c.number, h[:4], content) != binary.LittleEndian.Uint32(h[4:]) {
		c.Fail("the checksum of block %d is wrong", c.number)
		return false
	}
	c.number++
	c.block = content
	return n > 0
}

func (c *Coder) readFailed(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.Fail("it ends too early")
		return
	}
	c.fail(err)
}

// more reports whether an octet can be read. If necessary it reads the next block.
func (c *Coder) more() bool {
	if c.at < len(c.block) {
		return true
	}
	if c.err == nil && !c.next() {
		c.Fail("it ends too early")
	}
	return c.at < len(c.block)
}

// put sets the open block, and writes it if it is long enough.
func (c *Coder) put(block []byte) {
	if c.err != nil {
		return
	}
	c.block = block
	if len(block) >= blockSize {
		c.flush()
	}
}

// uint reads a varint.
func (c *Coder) uint() uint64 {
	if !c.more() {
		return 0
	}
	if b := c.block[c.at]; b < 0x80 {
		c.at++
		return uint64(b)
	}
	v, n := binary.Uvarint(c.block[c.at:])
	switch {
	case n > 0:
		c.at += n
	case n == 0:
		return c.uintAcross()
	default:
		c.Fail("a number that is too long")
	}
	return v
}

// uintAcross reads a varint that lies in two blocks.
func (c *Coder) uintAcross() (v uint64) {
	for shift := 0; shift < 64 && c.more(); shift += 7 {
		b := c.block[c.at]
		c.at++
		if v |= uint64(b&0x7f) << shift; b < 0x80 {
			return v
		}
	}
	c.Fail("a number that is too long")
	return 0
}
