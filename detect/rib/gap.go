package rib

import "github.com/darkmap/darkmap/internal/bgp"

// BeginGap starts to note which pairs of row and slot the live stream touches, for slots whose table is about to be sent. It may
// be called while another gap is open.
func (t *Table) BeginGap(slots ...int) {
	if len(slots) == 0 {
		return
	}
	if t.gap == nil {
		t.gap = make([]uint64, t.words)
		t.touched = make([]uint64, len(t.held))
	}
	mask := make([]uint64, t.words)
	for _, s := range slots {
		mask[s>>6] |= 1 << (s & 63)
	}
	t.sweep(t.touched, mask)
	for w := range mask {
		t.gap[w] |= mask[w]
	}
}

// TableRow finds or makes the row of a prefix that a table holds; ok is false where the Table is full.
func (t *Table) TableRow(k Key) (Row, bool) { return t.row(k) }

// Tabulate applies one pair of a table: slot s holds row r, heard from origin over upstream, unless the live stream has touched it
// since the gap began. It does nothing for a slot outside of a gap.
func (t *Table) Tabulate(s int, r Row, origin, upstream bgp.ASN) {
	bit := uint64(1) << (s & 63)
	if t.gap == nil || t.gap[s>>6]&bit == 0 {
		return
	}
	i := int(r)*t.words + s>>6
	if t.touched[i]&bit != 0 {
		return
	}
	t.touched[i] |= bit
	if t.held[i]&bit == 0 {
		t.held[i] |= bit
		t.slots[s].size++
	}
	t.hear(r, s, origin, upstream)
	t.mark(r)
}

// EndGap ends the gap of slots. After a complete table what was neither in it nor touched is dropped; after an incomplete one it
// becomes unknown, which is the same here.
func (t *Table) EndGap(slots ...int) {
	if t.gap == nil || len(slots) == 0 {
		return
	}
	mask := make([]uint64, t.words)
	for _, s := range slots {
		mask[s>>6] |= 1 << (s & 63) & t.gap[s>>6]
	}
	for r := range t.keys {
		for w, m := range mask {
			i := r*t.words + w
			if gone := t.held[i] & m &^ t.touched[i]; gone != 0 {
				t.drop(Row(r), w, gone)
			}
		}
	}
	left := uint64(0)
	for w := range mask {
		t.gap[w] &^= mask[w]
		left |= t.gap[w]
	}
	if left == 0 {
		t.gap, t.touched = nil, nil
	}
}

// drop clears slots of word w in row r, evidence included.
func (t *Table) drop(r Row, w int, gone uint64) {
	t.held[int(r)*t.words+w] &^= gone
	before := none
	for p := t.first[r]; p != none; {
		next := t.pairs[p].next
		t.heard[int(p)*t.words+w] &^= gone
		if t.silent(p) {
			t.unlink(r, p, before)
		} else {
			before = p
		}
		p = next
	}
	for b := range 64 {
		if gone&(1<<b) != 0 {
			t.slots[w*64+b].size--
		}
	}
	t.mark(r)
}
