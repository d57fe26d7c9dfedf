package rib

import (
	"iter"
	"math/bits"
)

// MaxSlots bounds the columns of a table.
const MaxSlots = 1024

// AddSlot makes a column for a peer and returns its number. ok is false if there are MaxSlots.
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

// mask returns the bitset of slots.
func (t *Table) mask(slots []int) []uint64 {
	m := make([]uint64, t.words)
	for _, s := range slots {
		m[s>>6] |= 1 << (s & 63)
	}
	return m
}

// gain adds one to the size of each slot in bits of word w.
func (t *Table) gain(w int, bits uint64) {
	for b := range eachBit(bits) {
		t.slots[w<<6+b].size++
	}
}

// lose subtracts one from the size of each slot in bits of word w, and returns their number.
func (t *Table) lose(w int, bits uint64) (n int) {
	for b := range eachBit(bits) {
		t.slots[w<<6+b].size--
		n++
	}
	return n
}

// Repack makes the pending changes of whole columns in the rows, and makes the rows short again
// after tables came or went. It is called once a window. It makes the rows short only if a slot that
// usually does not hold a row holds more than three fifths of the rows, or if a slot that usually
// holds a row holds less than two fifths. No status and no pair changes.
func (t *Table) Repack() {
	t.status.settle()
	usual, rows := t.status.usual, t.index.n
	for s := range t.slots {
		switch n, was := int(t.slots[s].size), usual.of(s); {
		case was != holding && n*5 > rows*3:
			usual.set(s, holding)
		case was == holding && n*5 < rows*2:
			usual.set(s, gone)
		}
	}
	if usual == t.status.usual {
		return
	}
	t.status.resettle(len(t.keys), &usual)
	var buf []byte
	t.pairs.rewrite(len(t.keys), func(r Row, run []byte) []byte {
		if len(run) == mainOctets {
			return run
		}
		_, heard := t.Heard(r)
		buf = t.pairs.shorten(buf[:0], run, heard)
		return buf
	})
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

// ClearSlots empties columns, including their evidence: the sessions are gone, and the prefixes
// that they held become unknown. Rows are not marked as changed: a cleared slot does not vote, and
// the caller must notice that instead. Gaps and checks of the slots end without effect.
func (t *Table) ClearSlots(mask []uint64) {
	some := false
	for s := range t.slots {
		if s>>6 < len(mask) && mask[s>>6]&(1<<(s&63)) != 0 {
			some = true
			t.slots[s].size, t.slots[s].paths, t.slots[s].refresh = 0, nil, nil
			t.trust(s)
		}
	}
	if some {
		t.status.remap(mask, [3]status{unheard, unheard, unheard})
		t.unwatch(mask)
	}
}

// Vacate ends the sessions of slots: they hold nothing until their new tables come. The pairs over
// which they heard their prefixes stay known, so that a prefix that is missing in a new table is
// known to be gone. With whole set, they held their whole tables, and the prefixes that they had
// withdrawn before become unknown. Gaps, checks, refreshes and doubts of the slots end.
func (t *Table) Vacate(whole bool, slots ...int) {
	t.SettleDoubts() // a doubted prefix is not known to be gone
	if len(slots) == 0 {
		return
	}
	mask := t.mask(slots)
	for _, s := range slots {
		t.slots[s].size, t.slots[s].paths = 0, nil
	}
	t.dropRefresh(slots...)
	t.trust(slots...)
	becomes := [3]status{unheard, gone, gone}
	if whole {
		becomes[gone] = unheard
	}
	t.status.remap(mask, becomes)
	t.unwatch(mask)
}

// Lapsed calls f with every row that is gone from a slot: the slot named it and does not hold it.
func (t *Table) Lapsed(s int, f func(r Row)) {
	for r := range t.keys {
		if t.status.of(Row(r), s) == gone {
			f(Row(r))
		}
	}
}

// ForgetLapsed makes the rows unknown that are gone from a slot.
func (t *Table) ForgetLapsed(s int) {
	t.status.remap(t.mask([]int{s}), [3]status{unheard, unheard, holding})
}

// widen gives every bitset more words.
func (t *Table) widen(words int) {
	grow := func(b []uint64) []uint64 { return append(b, make([]uint64, words-len(b))...) }
	if x := t.watch; x != nil {
		x.gap, x.check, x.closed = grow(x.gap), grow(x.check), grow(x.closed)
	}
	t.words, t.status.words, t.pairs.words = words, words, words
}
