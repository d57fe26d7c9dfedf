package rib

// MaxSlots bounds the columns of a table.
const MaxSlots = 1024

// AddSlot makes a column for a peer and returns its number. ok is false where there are MaxSlots.
func (t *Table) AddSlot() (s int, ok bool) {
	for s = range t.slots {
		if !t.slots[s].used {
			t.slots[s] = slot{used: true}
			return s, true
		}
	}
	if len(t.slots) >= MaxSlots {
		return 0, false
	}
	t.slots = append(t.slots, slot{used: true})
	if len(t.slots) > 64*t.words {
		t.widen(t.words + 1)
	}
	return len(t.slots) - 1, true
}

// RemoveSlot clears a column and frees its number.
func (t *Table) RemoveSlot(s int) {
	t.ClearSlots(t.maskOf(s))
	t.slots[s] = slot{}
}

// maskOf is the bitset of one slot.
func (t *Table) maskOf(s int) []uint64 {
	m := make([]uint64, t.words)
	m[s>>6] = 1 << (s & 63)
	return m
}

// ClearSlots empties columns in one sweep, their evidence included: the sessions are gone and nothing is known of what they
// held. Rows are not marked as changed: a slot that is cleared does not vote, and that is what has to be noticed. During a gap
// all pairs of the slots count as touched.
func (t *Table) ClearSlots(mask []uint64) {
	full := false
	for s := range t.slots {
		if s>>6 < len(mask) && mask[s>>6]&(1<<(s&63)) != 0 {
			full = full || t.slots[s].size > 0 || t.slots[s].paths != nil
			t.slots[s].size, t.slots[s].paths = 0, nil
		}
	}
	// A slot of size 0 may still have evidence, so the sweep over pairs is needed; the one over rows is not.
	if full {
		t.sweep(t.held, mask)
	}
	if t.sweep(t.heard, mask) {
		t.prunePairs()
	}
	if t.gap != nil {
		for w := range mask {
			if m := mask[w] & t.gap[w]; m != 0 {
				for i := w; i < len(t.touched); i += t.words {
					t.touched[i] |= m
				}
			}
		}
	}
}

// sweep clears the mask's bits in every bitset of b and reports whether there were any.
func (t *Table) sweep(b, mask []uint64) bool {
	found := uint64(0)
	for w, m := range mask {
		if m == 0 {
			continue
		}
		for i := w; i < len(b); i += t.words {
			found |= b[i] & m
			b[i] &^= m
		}
	}
	return found != 0
}

// prunePairs drops pairs that no slot stands in any more.
func (t *Table) prunePairs() {
	for r := range t.first {
		before := none
		for p := t.first[r]; p != none; {
			next := t.pairs[p].next
			if t.silent(p) {
				t.unlink(Row(r), p, before)
			} else {
				before = p
			}
			p = next
		}
	}
}

// widen gives every bitset more words.
func (t *Table) widen(words int) {
	grow := func(b []uint64) []uint64 {
		if b == nil {
			return nil
		}
		out := make([]uint64, len(b)/t.words*words)
		for i, j := 0, 0; i < len(b); i, j = i+t.words, j+words {
			copy(out[j:], b[i:i+t.words])
		}
		return out
	}
	t.held, t.heard, t.touched = grow(t.held), grow(t.heard), grow(t.touched)
	if t.gap != nil {
		t.gap = append(t.gap, make([]uint64, words-t.words)...)
	}
	t.words = words
}
