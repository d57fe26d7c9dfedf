package bzip2

// The bounds of a Huffman code of bzip2.
const (
	// maxSymbols counts 255 octets (all but the first of the list), two symbols for runs, and the
	// end of the block.
	maxSymbols  = 258
	maxCodeBits = 20
	quickBits   = 10
	noSymbol    = maxSymbols
)

// huffman is a canonical code: a shorter code is smaller, and codes of equal length are in the
// order of their symbols.
type huffman struct {
	// quick holds symbol<<5 | length of each code of at most quickBits bits, by the next quickBits
	// bits; 0 for longer codes.
	quick [1 << quickBits]uint16
	// limit is, by length, the first value of maxCodeBits bits that begins with no code of this
	// length or a shorter one.
	limit [maxCodeBits + 2]uint32
	// base is, by length, the difference between the index of a code's symbol in symbols and the
	// code.
	base    [maxCodeBits + 2]int32
	symbols [maxSymbols]uint16
	count   int
}

// set builds the code with the given lengths, each of 1 to maxCodeBits bits. It reports whether
// such a code exists. A code may have unused bit patterns.
func (h *huffman) set(lengths []uint8) bool {
	var counts [maxCodeBits + 2]uint32
	for _, l := range lengths {
		counts[l]++
	}
	h.count = 0
	var code uint32
	for l := uint32(1); l <= maxCodeBits; l++ {
		h.base[l] = int32(h.count) - int32(code)
		for s, length := range lengths {
			if uint32(length) == l {
				h.symbols[h.count] = uint16(s)
				h.count++
			}
		}
		code += counts[l]
		if code > 1<<l {
			return false
		}
		h.limit[l] = code << (maxCodeBits - l)
		code <<= 1
	}
	h.setQuick(counts[:])
	return true
}

// setQuick fills the table of short codes.
func (h *huffman) setQuick(counts []uint32) {
	clear(h.quick[:])
	at, index := 0, 0
	for l := 1; l <= quickBits; l++ {
		for range counts[l] {
			entry := h.symbols[index]<<5 | uint16(l)
			for range 1 << (quickBits - l) {
				h.quick[at] = entry
				at++
			}
			index++
		}
	}
}

// read returns the next symbol, or noSymbol if the bits are no code. b must hold at least
// maxCodeBits bits.
func (h *huffman) read(b *bitReader) uint16 {
	if entry := h.quick[b.held>>(64-quickBits)]; entry != 0 {
		n := uint(entry & 31)
		b.held <<= n
		b.count -= n
		return entry >> 5
	}
	head := uint32(b.held >> (64 - maxCodeBits))
	l := uint(quickBits + 1)
	for head >= h.limit[l] {
		if l++; l > maxCodeBits {
			return noSymbol
		}
	}
	b.held <<= l
	b.count -= l
	return h.symbols[int32(head>>(maxCodeBits-l))+h.base[l]]
}
