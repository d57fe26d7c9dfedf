package rib

import (
	"maps"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Outcome is the way in which a gap ended.
type Outcome uint8

// The outcomes.
const (
	// Unknown: the gap was not answered. A pair that neither the answer nor the live stream named
	// is unknown: neither held nor withdrawn.
	Unknown Outcome = iota
	// Tabled: a whole table answered the gap. A pair that neither the table nor the live stream
	// named is not held. Its last (origin, upstream) pair stays known, as after a withdrawal.
	Tabled
	// Filled: all missing messages came. A pair that neither they nor the live stream named stays
	// as it was.
	Filled
	// Partly: a table answered the gap, and some of its records could not be read. A pair that
	// neither the table nor the live stream named is unknown.
	Partly
)

// watch has the notes about the slots with an open gap or check. Its bitsets of slots are words
// long.
type watch struct {
	gap, check []uint64
	closed     []uint64 // the fill ended the session of the slot: a table does not apply to it
	touched    bitRows  // the live stream named the pair
	known      bitRows  // the table or the fill named the pair
}

// watches reports whether a slot (word and bit) is watched.
func (t *Table) watches(w int, bit uint64) bool {
	return t.watch != nil && (t.watch.gap[w]|t.watch.check[w])&bit != 0
}

// notes reports whether an open gap or check has a note about a row.
func (x *watch) notes(r Row) bool {
	if x == nil {
		return false
	}
	for w := range x.gap {
		if x.said(r, w)&(x.gap[w]|x.check[w]) != 0 {
			return true
		}
	}
	return false
}

// said returns word w of the slots of which the live stream or the answer to the gap named row r.
func (x *watch) said(r Row, w int) uint64 { return x.touched.of(r, w) | x.known.of(r, w) }

// begin watches slots from now on, for a gap or a check. Their earlier notes are dropped.
func (t *Table) begin(slots []int, check bool) {
	if len(slots) == 0 {
		return
	}
	if t.watch == nil {
		bitset := func() []uint64 { return make([]uint64, t.words) }
		t.watch = &watch{gap: bitset(), check: bitset(), closed: bitset()}
	}
	x, mask := t.watch, t.mask(slots)
	x.touched.drop(mask)
	x.known.drop(mask)
	for w, m := range mask {
		x.gap[w] &^= m
		x.check[w] &^= m
		x.closed[w] &^= m
		if check {
			x.check[w] |= m
		} else {
			x.gap[w] |= m
		}
	}
}

// BeginGap starts to note which pairs of row and slot the live stream names, and which the answer
// to the gap names. If the gap of a slot is open already, its notes start from empty. A check of
// the slots ends, and so does a refresh, as messages of it may be missing.
func (t *Table) BeginGap(slots ...int) {
	t.begin(slots, false)
	t.dropRefresh(slots...)
}

// Unwatch ends the gaps and checks of slots without effect.
func (t *Table) Unwatch(slots ...int) { t.unwatch(t.mask(slots)) }

func (t *Table) unwatch(mask []uint64) {
	if t.watch == nil {
		return
	}
	x, left := t.watch, uint64(0)
	for w, m := range mask {
		x.gap[w] &^= m
		x.check[w] &^= m
	}
	for w := range x.gap {
		if x.gap[w]|x.check[w] == 0 {
			x.touched.forget(w)
			x.known.forget(w)
		}
		left |= x.gap[w] | x.check[w]
	}
	if left == 0 {
		t.watch = nil
	}
}

// TableRow finds or makes the row of a prefix of a table dump. ok is false if the Table is full.
func (t *Table) TableRow(k Key) (Row, bool) { return t.row(k) }

// Tabulate applies one path of a table: the slots of mask hold row r, heard from origin over
// upstream. It skips slots that are in no gap, slots whose session a fill has ended, and slots of
// which the live stream or the answer to the gap has named r before.
func (t *Table) Tabulate(mask []uint64, r Row, origin, upstream bgp.ASN) {
	if t.watch == nil {
		return
	}
	x, some := t.watch, false
	hears := t.bits.slots[:t.words]
	for w, m := range mask {
		if hears[w] = 0; m != 0 {
			m &= x.gap[w] &^ x.closed[w]
		}
		if m == 0 {
			continue
		}
		if m &^= x.said(r, w); m == 0 {
			continue
		}
		x.known.add(r, w, m)
		hears[w], some = m, true
	}
	if some {
		t.hold(r, hears, edge{origin, upstream})
		t.mark(r)
	}
}

// hold makes slots hold row r, heard over e.
func (t *Table) hold(r Row, slots []uint64, e edge) {
	x := &t.bits.asked
	if t.status.pending.meets(slots) {
		t.status.settle()
	}
	t.status.decode(t.status.get(r), x)
	changed := false
	for w, m := range slots {
		t.gain(w, m&^x.held[w])
		changed = changed || m&^x.held[w] != 0
		x.held[w] |= m
		x.gone[w] &^= m
	}
	if changed {
		t.status.write(r, x)
	}
	t.pairs.move(r, slots, e)
}

// FillAnnounce is Announce for a message that was missing in a gap. It does nothing, and ok is
// false, if the live stream has named the pair since the gap began, or if the slot is in no gap, or
// if the table is full.
func (t *Table) FillAnnounce(
	s int, k Key, pathID uint32, origin, upstream bgp.ASN,
) (r Row, a Announced, ok bool) {
	if !t.fills(s) {
		return 0, Again, false
	}
	if r, ok = t.row(k); !ok || !t.fill(s, r) {
		return 0, Again, false
	}
	return r, t.announce(s, r, pathID, origin, upstream), true
}

// FillWithdraw is Withdraw for a message that was missing in a gap, on the conditions of
// FillAnnounce.
func (t *Table) FillWithdraw(s int, k Key, pathID uint32, learn bool) (r Row, w Withdrawn, ok bool) {
	if !t.fills(s) {
		return 0, Nothing, false
	}
	if r, ok = t.row(k); !ok || !t.fill(s, r) {
		return 0, Nothing, false
	}
	return r, t.withdraw(s, r, pathID, learn), true
}

// FillDown ends a session that ended within a gap. All pairs of the slot that the live stream has
// not touched become unknown, and a table no longer applies to the slot.
func (t *Table) FillDown(s int) {
	if !t.fills(s) {
		return
	}
	x, w, bit := t.watch, s>>6, uint64(1)<<(s&63)
	x.closed[w] |= bit
	for r := range t.keys {
		if x.touched.of(Row(r), w)&bit != 0 {
			continue
		}
		was := t.status.of(Row(r), s)
		if was == holding {
			t.slots[s].size--
			t.mark(Row(r))
		}
		if was != unheard {
			t.status.set(Row(r), s, unheard)
		}
	}
	t.prunePaths(s)
}

// fills reports whether a fill applies to a slot.
func (t *Table) fills(s int) bool {
	w, bit := s>>6, uint64(1)<<(s&63)
	return t.watch != nil && t.watch.gap[w]&bit != 0
}

// fill notes that the fill names a pair. It returns false if the live stream named the pair before.
func (t *Table) fill(s int, r Row) bool {
	w, bit := s>>6, uint64(1)<<(s&63)
	if t.watch.touched.of(r, w)&bit != 0 {
		return false
	}
	t.watch.known.add(r, w, bit)
	return true
}

// EndGap ends the gap of slots.
func (t *Table) EndGap(o Outcome, slots ...int) {
	if t.watch == nil || len(slots) == 0 {
		return
	}
	if o != Filled {
		x, mask := t.watch, t.mask(slots)
		for w := range mask {
			mask[w] &= x.gap[w]
		}
		unknown := o == Unknown || o == Partly
		if t.settle(mask, unknown); unknown {
			t.forget(mask)
		}
		for _, s := range slots {
			t.prunePaths(s)
		}
		t.trust(slots...)
	}
	t.Unwatch(slots...)
}

// settle drops the pairs of the slots of mask that are held and neither touched nor known. They
// become gone, or, with forget set, unknown. It returns the number of these pairs.
func (t *Table) settle(mask []uint64, forget bool) int {
	x, n, to := t.watch, 0, gone
	if forget {
		to = unheard
	}
	for w, m := range mask {
		if m == 0 {
			continue
		}
		for r := range t.keys {
			left := t.status.heldOf(Row(r), w) & m
			if left == 0 {
				continue
			}
			if left &^= x.said(Row(r), w); left == 0 {
				continue
			}
			n += t.lose(w, left)
			for b := range eachBit(left) {
				t.status.set(Row(r), w<<6+b, to)
			}
			t.mark(Row(r))
		}
	}
	return n
}

// forget makes the pairs unknown that are gone and neither touched nor known: a withdrawal before
// the gap is no evidence for the time after it.
func (t *Table) forget(mask []uint64) {
	for r := range t.keys {
		for w, m := range mask {
			if m == 0 {
				continue
			}
			if m &= t.status.goneOf(Row(r), w); m == 0 {
				continue
			}
			if m &^= t.watch.said(Row(r), w); m == 0 {
				continue
			}
			for b := range eachBit(m) {
				t.status.set(Row(r), w<<6+b, unheard)
			}
			t.mark(Row(r))
		}
	}
}

// prunePaths forgets path ids of rows that a slot does not hold.
func (t *Table) prunePaths(s int) {
	p := t.slots[s].paths
	if p == nil {
		return
	}
	maps.DeleteFunc(p.ids, func(k pathKey, _ struct{}) bool { return !t.Holds(k.row, s) })
	maps.DeleteFunc(p.count, func(r Row, _ uint16) bool { return !t.Holds(r, s) })
}
