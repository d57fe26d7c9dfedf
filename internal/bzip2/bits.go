package bzip2

import "encoding/binary"

// bitReader reads bits of data, the highest of each octet first.
type bitReader struct {
	data []byte
	// next is the index of the first octet that is not yet in held.
	next int
	// held holds count bits, from the highest on.
	held  uint64
	count uint
	// missing is the number of zero bits that were added behind the end of data.
	missing uint
}

// newBits returns a reader of data from the given bit on.
func newBits(data []byte, bit int) bitReader {
	b := bitReader{data: data, next: bit >> 3}
	b.take(uint(bit & 7))
	return b
}

// fill raises count to at least 56, with zeros behind the end.
func (b *bitReader) fill() {
	if b.next+8 <= len(b.data) {
		b.held |= binary.BigEndian.Uint64(b.data[b.next:]) >> b.count
		n := (63 - b.count) >> 3
		b.next += int(n)
		b.count += n * 8
		return
	}
	for b.count <= 56 {
		if b.next < len(b.data) {
			b.held |= uint64(b.data[b.next]) << (56 - b.count)
			b.next++
		} else {
			b.missing += 8
		}
		b.count += 8
	}
}

// take returns the next n bits, 32 at most.
func (b *bitReader) take(n uint) uint32 {
	if b.count < n {
		b.fill()
	}
	v := uint32(b.held >> 32 >> (32 - n))
	b.held <<= n
	b.count -= n
	return v
}

// position returns the number of the next bit of data.
func (b *bitReader) position() int { return b.next*8 + int(b.missing) - int(b.count) }

// short reports whether bits were taken behind the end of data.
func (b *bitReader) short() bool { return b.position() > len(b.data)*8 }
