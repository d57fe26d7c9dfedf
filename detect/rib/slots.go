package rib

import (
	"iter"
	"math/bits"
)

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
	t.ClearSlots(t.mask([]int{s}))
	t.slots[s] = slot{}
}

// mask is the bitset of slots.
func (t *Table) mask(slots []int) []uint64 {
	m := make([]uint64, t.words)
	for _, s := range slots {
		m[s>>6] |= 1 << (s & 63)
	}
	return m
}

// gain counts a prefix more at each slot of word w in bits.
func (t *Table) gain(w int, bits uint64) {
	for b := range eachBit(bits) {
		t.slots[w<<6+b].size++
	}
}

// lose counts a prefix less at each slot of word w in bits, and returns how many slots those are.
func (t *Table) lose(w int, bits uint64) (n int) {
	for b := range eachBit(bits) {
		t.slots[w<<6+b].size--
		n++
	}
	return n
}

// eachBit yields the numbers of the bits of x that are set, lowest first.
func eachBit(x uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; x != 0; x &= x - 1 {
			if !yield(bits.TrailingZeros64(x)) {
				return
			}
		}
	}
}

// ClearSlots empties columns in one sweep, their evidence included: the sessions are gone and nothing is known of what they
// held. Rows are not marked as changed: a slot that is cleared does not vote, and that is what has to be noticed. Gaps and checks
// are not about the slots any more: all their pairs count as touched.
func (t *Table) ClearSlots(mask []uint64) {
	full := false
	for s := range t.slots {
		if s>>6 < len(mask) && mask[s>>6]&(1<<(s&63)) != 0 {
			full = full || t.slots[s].size > 0 || t.slots[s].paths != nil
			t.slots[s].size, t.slots[s].paths, t.slots[s].refresh = 0, nil, nil
			t.trust(s)
		}
	}
	// A slot of size 0 may still have evidence, so the sweep over pairs is needed; the one over rows is not.
	if full {
		t.sweep(t.held, mask)
	}
	if t.sweep(t.heard, mask) {
		t.prunePairs()
	}
	t.unwatch(mask)
}

// Vacate ends the sessions of slots: they hold nothing until their new tables come. Where they heard it stays known, so that what the new
// tables lack is known to be gone. With whole set, what they held was their whole table, and of what they had withdrawn nothing is known
// any more. Gaps and checks are not about them any more, refreshes and doubts are over.
func (t *Table) Vacate(whole bool, slots ...int) {
	t.SettleDoubts() // what is doubted is not known to be gone
	mask := t.mask(slots)
	for _, s := range slots {
		t.slots[s].size, t.slots[s].paths = 0, nil
	}
	t.dropRefresh(slots...)
	t.trust(slots...)
	if !whole {
		t.sweep(t.held, mask)
		t.unwatch(mask)
		return
	}
	for r := range t.keys {
		for w, m := range mask {
			i := r*t.words + w
			if gone := m &^ t.held[i]; gone != 0 {
				t.silence(Row(r), w, gone)
			}
			t.held[i] &^= m
		}
	}
	t.unwatch(mask)
}

// Lapsed calls f with every row that a slot was heard to hold and does not hold.
func (t *Table) Lapsed(s int, f func(r Row)) {
	w, bit := s>>6, uint64(1)<<(s&63)
	for r := range t.keys {
		if t.held[r*t.words+w]&bit == 0 && t.hasHeard(Row(r), s) {
			f(Row(r))
		}
	}
}

// ForgetLapsed makes unknown what a slot was heard to hold and does not hold.
func (t *Table) ForgetLapsed(s int) {
	w, bit := s>>6, uint64(1)<<(s&63)
	for r := range t.keys {
		if t.held[r*t.words+w]&bit == 0 {
			t.silence(Row(r), w, bit)
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
		out := make([]uint64, len(b)/t.words*words)
		for i, j := 0, 0; i < len(b); i, j = i+t.words, j+words {
			copy(out[j:], b[i:i+t.words])
		}
		return out
	}
	t.held, t.heard = grow(t.held), grow(t.heard)
	if x := t.watch; x != nil {
		x.touched, x.known = grow(x.touched), grow(x.known)
		x.gap, x.check, x.closed = grow(x.gap), grow(x.check), grow(x.closed)
	}
	t.words = words
}
