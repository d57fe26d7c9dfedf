package bzip2

import (
	"encoding/binary"
	"errors"
	"io"
)

// The 48-bit magics before a block and before the end of a stream.
const (
	blockMagic = 0x314159265359
	endMagic   = 0x177245385090
	magicMask  = 1<<48 - 1
)

// The bounds of the search.
const (
	chunk = 64 << 10
	// maxPacked is larger than any compressed block: maxBlock symbols of maxCodeBits bits, the
	// selectors and the tables.
	maxPacked = 5 << 19
	// headerLength is the length of "BZh9" and the magic after it.
	headerLength = 10
)

// piece is a block, or the end of a stream.
type piece struct {
	// data are the octets that hold the piece, from its magic, at bit, up to that of the next
	// piece, at end; all octets up to the end of the input if there is no next piece. size is the
	// maximum number of octets in the stream's blocks.
	data []byte
	bit  int
	end  int
	size int
	// whole is set if a next piece was found.
	whole bool
	// ends is set at the end of a stream. sum is then the stream's stored checksum.
	ends bool
	sum  uint32
	// err is the reason why no piece follows. The piece then holds nothing else.
	err error
}

// splitter finds the pieces of an input by their magics alone. A block contains a false magic by
// chance, once in 2^48 bits; decompressing the block shows that.
type splitter struct {
	in  io.Reader
	buf []byte
	// ended is the reason why no more octets come.
	ended error
	// bit is the start of the next piece in buf; between streams it is on an octet boundary.
	bit  int
	size int
	// inside is set if bit is within a stream. streams counts the streams begun.
	inside  bool
	streams int
}

// more reads octets until buf holds n, and reports whether it does.
func (s *splitter) more(n int) bool {
	for empty := 0; len(s.buf) < n && s.ended == nil; {
		if cap(s.buf)-len(s.buf) < chunk {
			grown := make([]byte, len(s.buf), 2*cap(s.buf)+2*chunk)
			copy(grown, s.buf)
			s.buf = grown
		}
		k, err := s.in.Read(s.buf[len(s.buf) : len(s.buf)+chunk])
		s.buf = s.buf[:len(s.buf)+k]
		if s.ended = err; k > 0 {
			empty = 0
		} else if empty++; empty > 100 && err == nil {
			s.ended = io.ErrNoProgress
		}
	}
	return len(s.buf) >= n
}

// drop removes the octets before bit.
func (s *splitter) drop() {
	s.buf = append(s.buf[:0], s.buf[s.bit>>3:]...)
	s.bit &= 7
}

// cut returns the error of an input that ends too early.
func (s *splitter) cut() error {
	if errors.Is(s.ended, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return s.ended
}

// next returns the next piece, with room as the memory of its data. The last piece has an error,
// io.EOF if the input is complete.
func (s *splitter) next(room []byte) piece {
	if !s.inside {
		if err := s.header(); err != nil {
			return piece{err: err}
		}
	}
	if !s.more((s.bit + 48 + 32 + 7) >> 3) {
		if m, known := s.magicAt(s.bit); known && m != blockMagic && m != endMagic {
			return piece{err: FormatError("no block where one should begin")}
		}
		return piece{err: s.cut()}
	}
	switch m, _ := s.magicAt(s.bit); m {
	case blockMagic:
		return s.block(room)
	case endMagic:
		b := newBits(s.buf, s.bit+48)
		p := piece{ends: true, sum: b.take(32)}
		s.bit = (b.position() + 7) &^ 7
		s.drop()
		s.inside = false
		return p
	}
	return piece{err: FormatError("no block where one should begin")}
}

// header reads the first four octets of a stream.
func (s *splitter) header() error {
	if !s.more(4) {
		if len(s.buf) == 0 && s.streams > 0 {
			return s.ended
		}
		return s.cut()
	}
	if string(s.buf[:3]) != "BZh" || s.buf[3] < '1' || s.buf[3] > '9' {
		return FormatError("no stream where one should begin")
	}
	s.size = int(s.buf[3]-'0') * 100_000
	s.bit = 32
	s.inside = true
	s.streams++
	return nil
}

// magicAt returns the 48 bits from bit on, if the buffer holds them.
func (s *splitter) magicAt(bit int) (uint64, bool) {
	i := bit >> 3
	if bit+48 > len(s.buf)*8 {
		return 0, false
	}
	var b [8]byte
	copy(b[:], s.buf[i:])
	return binary.BigEndian.Uint64(b[:]) >> (16 - bit&7) & magicMask, true
}

// block returns the block from s.bit to the next piece.
func (s *splitter) block(room []byte) piece {
	p := piece{bit: s.bit & 7, size: s.size}
	begin := s.bit >> 3
	end, ok := s.find(s.bit + 1)
	if !ok {
		if s.ended == nil {
			return piece{err: FormatError("a block has no end")}
		}
		room = append(room[:0], s.buf[begin:]...)
		p.data = room
		s.bit = len(s.buf) * 8
		s.drop()
		return p
	}
	p.whole = true
	p.end = end - begin*8
	room = append(room[:0], s.buf[begin:min((end+7)>>3, len(s.buf))]...)
	p.data = room
	s.bit = end
	s.drop()
	return p
}

// candidates holds, by the value of the third octet of a magic, a bit for each bit position of the
// first octet at which the magic may begin.
var candidates = func() (all [256]uint8) {
	for shift := range 8 {
		for _, magic := range []uint64{blockMagic, endMagic} {
			all[byte(magic<<(16-shift)>>40)] |= 1 << shift
		}
	}
	return all
}()

// find returns the start of the next magic, from bit on. It reads as far as a block can reach. The
// magic of the end of a stream counts if a stream or the end of the input follows; if no magic
// counts, the first of these is returned.
func (s *splitter) find(bit int) (at int, ok bool) {
	stray, limit := -1, (s.bit>>3)+maxPacked
	for i := bit >> 3; i < limit && (s.more(i+8) || i+6 <= len(s.buf)); i++ {
		for may := candidates[s.buf[i+2]]; may != 0; may &= may - 1 {
			at := i*8 + shifts[may&-may]
			switch m, known := s.magicAt(at); {
			case !known || at < bit:
			case m == blockMagic:
				return at, true
			case m == endMagic && s.endsAt(at):
				return at, true
			case m == endMagic && stray < 0:
				stray = at
			}
		}
	}
	return stray, stray >= 0
}

// shifts holds the number of a bit by its value.
var shifts = [129]int{1: 0, 2: 1, 4: 2, 8: 3, 16: 4, 32: 5, 64: 6, 128: 7}

// endsAt reports whether the stream can end with the magic at bit: the input ends soon, or another
// stream begins.
func (s *splitter) endsAt(bit int) bool {
	i := (bit + 48 + 32 + 7) >> 3
	if !s.more(i + headerLength) {
		return true
	}
	if string(s.buf[i:i+3]) != "BZh" {
		return false
	}
	m, _ := s.magicAt(i*8 + 32)
	return m == blockMagic || m == endMagic
}
