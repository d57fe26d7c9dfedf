package rib

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxAdditions bounds the pairs that a check may find missing: the state of a whole small peer. If
// there are more, the dump or the state is of another time. A million take 16 MB.
const MaxAdditions = 1 << 20

// Check compares slots with a table dump while the slots go on. Table.BeginCheck makes one. It is
// used by the goroutine of its Table.
type Check struct {
	t     *Table
	slots []int
	added []addition
	over  bool
}

// addition is a pair that the dump has and the table does not have.
type addition struct {
	origin, upstream bgp.ASN
	row              Row
	slot             uint16
}

// BeginCheck starts to note which pairs of the slots the live stream touches from here on. The
// slots must not be in a gap.
func (t *Table) BeginCheck(slots ...int) *Check {
	t.begin(slots, true)
	return &Check{t: t, slots: slots}
}

// Tabulate notes one path of the dump: the slots of mask hold k from origin over upstream. No pair
// changes until End. added reports whether the path may lead to additions in row r.
func (c *Check) Tabulate(mask []uint64, k Key, origin, upstream bgp.ASN) (r Row, added bool) {
	t := c.t
	if t.watch == nil || c.over {
		return 0, false
	}
	r, ok := t.Row(k)
	for w, m := range mask {
		m &= t.watch.check[w]
		if m == 0 {
			continue
		}
		if !ok {
			if r, ok = t.row(k); !ok {
				return 0, false
			}
		}
		if m &^= t.watch.said(r, w); m == 0 {
			continue
		}
		t.watch.known.add(r, w, m)
		for b := range eachBit(m &^ t.status.heldOf(r, w)) {
			if len(c.added) == MaxAdditions {
				c.over, c.added = true, nil
				return 0, false
			}
			c.added, added = append(c.added, addition{
				origin: origin, upstream: upstream, row: r, slot: uint16(w<<6 + b),
			}), true
		}
	}
	return r, added
}

// End ends the check. With apply set, and if MaxAdditions was not exceeded, the pairs of slots that
// the live stream did not touch are set to the dump: pairs that the dump does not have are dropped
// and become unknown, and missing pairs are added. With partly set, some records of the dump could
// not be read, and pairs are dropped only of doubted slots. Other slots stay as they are. End
// returns the number of pairs that were dropped and added; ok is false if the dump was not applied.
func (c *Check) End(apply, partly bool, slots ...int) (dropped, added int, ok bool) {
	t := c.t
	if t.watch == nil {
		return 0, 0, false
	}
	if apply = apply && !c.over; apply {
		mask := t.mask(slices.DeleteFunc(slices.Clone(slots),
			func(s int) bool { return !slices.Contains(c.slots, s) }))
		for w := range mask {
			mask[w] &= t.watch.check[w]
		}
		dropped = t.settle(c.dropping(mask, partly), true)
		for _, a := range c.added {
			if t.supply(a, mask) {
				added++
			}
		}
		for _, s := range slots {
			t.prunePaths(s)
		}
		t.trust(slots...)
	}
	own := t.mask(c.slots)
	for w := range own {
		own[w] &= t.watch.check[w] // a slot whose gap began since belongs to the gap
	}
	t.unwatch(own)
	c.added = nil
	return dropped, added, apply
}

// dropping returns the slots of mask that lose the pairs that the dump does not have.
func (c *Check) dropping(mask []uint64, partly bool) []uint64 {
	if !partly {
		return mask
	}
	out := slices.Clone(mask)
	for _, s := range c.slots {
		if !c.t.Doubted(s) {
			out[s>>6] &^= 1 << (s & 63)
		}
	}
	return out
}

// supply adds a pair that was missing. It returns false if its slot is not in mask, if the live
// stream has touched the pair since, or if the slot holds the row by now.
func (t *Table) supply(a addition, mask []uint64) bool {
	w, bit := int(a.slot>>6), uint64(1)<<(a.slot&63)
	if w >= len(mask) || mask[w]&bit == 0 || t.watch.touched.of(a.row, w)&bit != 0 {
		return false
	}
	was := t.status.of(a.row, int(a.slot))
	if was == holding {
		return false
	}
	t.gain(w, bit)
	t.hear(a.row, int(a.slot), was, holding, edge{a.origin, a.upstream})
	t.mark(a.row)
	return true
}
