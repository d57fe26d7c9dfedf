package bzip2

import (
	"errors"
	"fmt"
)

// FormatError reports data that violate the bzip2 format.
type FormatError string

// Error implements error.
func (e FormatError) Error() string { return "bzip2 data invalid: " + string(e) }

// errLengths reports that no Huffman code has the lengths of a table: the codes would need more
// than all bit patterns. The standard library gives some symbols of such a table longer codes than
// it names, and bzip2 itself gives some none. No compressor writes such a table.
const errLengths FormatError = "the lengths are not those of a Huffman code"

// errShort reports that a block goes on behind the data.
var errShort = errors.New("bzip2 block ends too early")

// The bounds of a block.
const (
	maxBlock     = 900_000
	maxSelectors = 1 << 15 // the limit of its field; at most 18,002 are used
	groupSize    = 50      // symbols per selected table
	maxTables    = 6
)

// decoder decompresses blocks, one at a time.
type decoder struct {
	// transform holds, for each octet after the Burrows-Wheeler transform, the octet in the low 8
	// bits and above them the index of the octet that follows it.
	transform []uint32
	selectors [maxSelectors]uint8
	tables    [maxTables]huffman
	inverter  inverter
}

// block is the content of a compressed block.
type block struct {
	// octets are its octets, with runs still coded: four equal octets and the number of further
	// ones.
	octets []byte
	// crc is its stored checksum, over the octets with all runs undone.
	crc uint32
	// end is the number of the bit after the block.
	end int
}

// unpack decompresses the block whose 48-bit magic ends before bit. size is the maximum number of
// octets in the stream's blocks. The octets are written to room, which may be replaced. The error
// is errShort or a FormatError.
func (d *decoder) unpack(data []byte, bit, size int, room []byte) (block, error) {
	b := newBits(data, bit)
	out := block{crc: b.take(32)}
	if b.take(1) != 0 {
		return out, b.fault("randomised blocks are not supported")
	}
	first := int(b.take(24))
	octets, used := readOctets(&b)
	if used == 0 {
		return out, b.fault("no octets in the block")
	}
	tables := int(b.take(3))
	if tables < 2 || tables > maxTables {
		return out, b.fault(fmt.Sprintf("%d Huffman tables", tables))
	}
	selectors := int(b.take(15))
	if what := d.readSelectors(&b, selectors, tables); what != "" {
		return out, b.fault(what)
	}
	for i := range tables {
		if what := readTable(&b, &d.tables[i], used+2); what != "" {
			return out, b.fault(what)
		}
	}
	if cap(d.transform) < size {
		d.transform = make([]uint32, size)
	}
	n, counts, what := d.readSymbols(&b, d.selectors[:selectors], &octets, used, size)
	if what != "" {
		return out, b.fault(what)
	}
	if b.short() {
		return out, errShort
	}
	out.end = b.position()
	if first >= n {
		return out, FormatError("the first octet of the block is outside it")
	}
	out.octets = d.invert(n, first, counts, room)
	return out, nil
}

// fault returns a FormatError, or errShort if the data ended before.
func (b *bitReader) fault(what string) error {
	if b.short() {
		return errShort
	}
	return FormatError(what)
}

// readOctets reads the set of octets in the block: a map of 16 groups of 16 values, and a map of
// each non-empty group.
func readOctets(b *bitReader) (octets [256]byte, used int) {
	for sixteens, i := b.take(16), 0; i < 16; i++ {
		if sixteens&(0x8000>>i) == 0 {
			continue
		}
		for octet, j := b.take(16), 0; j < 16; j++ {
			if octet&(0x8000>>j) != 0 {
				octets[used] = byte(i*16 + j)
				used++
			}
		}
	}
	return octets, used
}

// readSelectors reads the number of the table of each group of symbols.
func (d *decoder) readSelectors(b *bitReader, n, tables int) (what string) {
	if n == 0 {
		return "no groups of symbols"
	}
	recent := [maxTables]uint8{0, 1, 2, 3, 4, 5}
	for i := range n {
		j := 0
		for b.take(1) != 0 {
			if j++; j >= tables {
				return "a group's table is not there"
			}
		}
		t := recent[j]
		copy(recent[1:j+1], recent[:j])
		recent[0] = t
		d.selectors[i] = t
	}
	return ""
}

// readTable reads the lengths of a table's codes: the first, and then each as a difference to the
// one before.
func readTable(b *bitReader, h *huffman, symbols int) (what string) {
	var lengths [maxSymbols]uint8
	length := int(b.take(5))
	for i := range symbols {
		for {
			if length < 1 || length > maxCodeBits {
				return fmt.Sprintf("a Huffman code of %d bits", length)
			}
			if b.take(1) == 0 {
				break
			}
			length += 1 - 2*int(b.take(1))
		}
		lengths[i] = uint8(length)
	}
	if !h.set(lengths[:symbols]) {
		return string(errLengths)
	}
	return ""
}

// readSymbols reads the symbols up to the end of the block into d.transform and counts the octets.
func (d *decoder) readSymbols(
	b *bitReader, selectors []uint8, octets *[256]byte, used, size int,
) (n int, counts [256]int32, what string) {
	out := d.transform[:size]
	end := uint16(used + 1)
	run, weight := 0, 1
	for _, selector := range selectors {
		table := &d.tables[selector]
		for range groupSize {
			if b.count < maxCodeBits {
				if b.fill(); b.missing > 128 { // all further bits are added zeros
					return 0, counts, "no end of the block"
				}
			}
			symbol := table.read(b)
			if symbol < 2 { // a digit, 1 or 2, of the length of a run, the lowest first
				if weight > 2*maxBlock {
					return 0, counts, "a run is too long"
				}
				run += weight << symbol
				weight <<= 1
				continue
			}
			if weight > 1 {
				if run > size-n {
					return 0, counts, "too many octets in the block"
				}
				octet := octets[0]
				counts[octet] += int32(run)
				for i := range out[n : n+run] {
					out[n+i] = uint32(octet)
				}
				n += run
				run, weight = 0, 1
			}
			if symbol == end {
				return n, counts, ""
			}
			if symbol > end {
				return 0, counts, "bits that are no symbol"
			}
			if n >= size {
				return 0, counts, "too many octets in the block"
			}
			octet := toFront(octets, int(symbol-1))
			counts[octet]++
			out[n] = uint32(octet)
			n++
		}
	}
	return 0, counts, "no end of the block"
}

// toFront moves the octet at the index to the front of the list and returns it.
func toFront(octets *[256]byte, i int) byte {
	octet := octets[i]
	if i < 16 {
		for ; i > 0; i-- {
			octets[i] = octets[i-1]
		}
	} else {
		copy(octets[1:i+1], octets[:i])
	}
	octets[0] = octet
	return octet
}

// invert inverts the Burrows-Wheeler transform of the n octets in d.transform.
func (d *decoder) invert(n, first int, counts [256]int32, room []byte) []byte {
	t := d.transform[:n]
	var sum int32
	for i, c := range counts {
		counts[i] = sum
		sum += c
	}
	for i, v := range t {
		at := &counts[byte(v)]
		t[*at] |= uint32(i) << 8
		*at++
	}
	if cap(room) < n {
		room = make([]byte, n)
	}
	room = room[:n]
	d.inverter.invert(t, t[first]>>8, room)
	return room
}
