package bzip2

// The bounds of a Huffman code of bzip2.
const (
	maxSymbols  = 258 // 256 octets: two for runs, none for the first of the list, and the end of the block
	maxCodeBits = 20
	quickBits   = 10
	noSymbol    = maxSymbols
)

// huffman is a canonical code: shorter codes are smaller, equal ones are ordered by symbol.
type huffman struct {
	// quick has symbol<<5 | length of the codes of at most quickBits bits, by their first quickBits bits; 0 for longer ones.
	quick [1 << quickBits]uint16
	// limit is, by length, the first number of maxCodeBits bits that no code of this length or shorter begins.
	limit [maxCodeBits + 2]uint32
	// base is, by length, what is added to a code to have its index in symbols.
	base    [maxCodeBits + 2]int32
	symbols [maxSymbols]uint16
	count   int
}

// set makes the code of the lengths, each of 1 to maxCodeBits bits. It reports whether there is one: fewer symbols than the code
// has room for are no fault.
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

// setQuick fills the table of the short codes.
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

// read returns the next symbol, noSymbol where the bits are none. b holds maxCodeBits bits at least.
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
