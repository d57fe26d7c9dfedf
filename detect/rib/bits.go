package rib

// pageRows is the number of rows in a page of bitRows.
const pageRows = 1 << 12

// bitRows is a bitset of slots for each row. It takes memory for the pages of rows and words that
// have a bit, 8 octets a row. The zero value has no bits.
type bitRows struct {
	words [maxWords][]*[pageRows]uint64
}

// of returns word w of row r.
func (x *bitRows) of(r Row, w int) uint64 {
	if p := int(r / pageRows); p < len(x.words[w]) && x.words[w][p] != nil {
		return x.words[w][p][r%pageRows]
	}
	return 0
}

// add sets bits of word w of row r.
func (x *bitRows) add(r Row, w int, bits uint64) {
	p := int(r / pageRows)
	for len(x.words[w]) <= p {
		x.words[w] = append(x.words[w], nil)
	}
	if x.words[w][p] == nil {
		x.words[w][p] = new([pageRows]uint64)
	}
	x.words[w][p][r%pageRows] |= bits
}

// drop clears the slots of mask in all rows.
func (x *bitRows) drop(mask []uint64) {
	for w, m := range mask {
		if m == 0 {
			continue
		}
		for p, page := range x.words[w] {
			if page == nil {
				continue
			}
			left := uint64(0)
			for i := range page {
				page[i] &^= m
				left |= page[i]
			}
			if left == 0 {
				x.words[w][p] = nil
			}
		}
	}
}

// forget frees the memory of word w.
func (x *bitRows) forget(w int) { x.words[w] = nil }
