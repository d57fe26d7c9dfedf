package rib

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
)

// Code writes the table, or reads it into a new one of the same family. Rows and slots keep their
// numbers.
func (t *Table) Code(c *snapshot.Coder) {
	family := t.family
	if snapshot.Uint(c, &family); family != t.family {
		c.Fail("a table of family %d in the place of that of %s", family, t.family)
	}
	snapshot.Slice(c, &t.slots, codeSlot)
	if len(t.slots) > MaxSlots {
		c.Fail("%d slots, which is more than %d", len(t.slots), MaxSlots)
		return
	}
	if words := (len(t.slots) + 63) / 64; c.Reading() && words > t.words {
		t.widen(words)
	}
	t.codeRows(c)
	t.codeFree(c)
	for s := range t.slots {
		snapshot.Pointer(c, &t.slots[s].paths, t.codePaths)
		snapshot.Pointer(c, &t.slots[s].refresh, t.codeRefresh)
	}
	t.codeWatch(c)
	snapshot.Map(c, &t.doubts, cmp.Compare[int],
		func(c *snapshot.Coder, s *int) { snapshot.Number(c, s, len(t.slots)) }, snapshot.Of(t.codeRowSet))
	dirty := slices.Sorted(slices.Values(t.dirty))
	if snapshot.Numbers(c, &dirty, len(t.keys)); c.Reading() {
		for _, r := range dirty {
			t.mark(r)
		}
	}
	snapshot.Uint(c, &t.refused)
}

// HasSlot reports whether a slot is in use.
func (t *Table) HasSlot(s int) bool { return s < len(t.slots) && t.slots[s].used }

// codeSlot writes or reads a slot without its path ids and its refresh. They refer to rows, so they
// come after the rows.
func codeSlot(c *snapshot.Coder, v *slot) {
	snapshot.Bool(c, &v.used)
	snapshot.Int(c, &v.size)
	snapshot.Int(c, &v.doubted)
}

// codeRow writes or reads the number of a row.
func (t *Table) codeRow(c *snapshot.Coder, r *Row) { snapshot.Number(c, r, len(t.keys)) }

// codeFree writes or reads the free rows, in the order in which they are used (from the end).
func (t *Table) codeFree(c *snapshot.Coder) {
	snapshot.Slice(c, &t.free, t.codeRow)
	if !c.Reading() {
		return
	}
	var seen rowSet
	for _, r := range t.free {
		if int(r) >= len(t.keys) || t.keys[r] != 0 || seen.has(r) {
			c.Fail("row %d is not free, or is so twice", r)
			return
		}
		seen.add(r)
	}
	unused := 0
	for _, k := range t.keys {
		if k == 0 {
			unused++
		}
	}
	if unused != len(t.free) {
		c.Fail("%d free rows of %d", len(t.free), unused)
	}
}

// codePaths writes or reads the path ids of a slot. On reading it counts the ids of each row again.
func (t *Table) codePaths(c *snapshot.Coder, p *pathSet) {
	t.codeIDs(c, &p.ids)
	if !c.Reading() {
		return
	}
	p.count = make(map[Row]uint16)
	for k := range p.ids {
		if p.count[k.row]++; p.count[k.row] == 0 {
			c.Fail("too many paths of row %d", k.row)
		}
	}
	if p.ids == nil {
		p.ids = make(map[pathKey]struct{})
	}
}

func (t *Table) codeIDs(c *snapshot.Coder, v *map[pathKey]struct{}) {
	byRow := func(a, b pathKey) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.id, b.id)) }
	snapshot.Map(c, v, byRow, func(c *snapshot.Coder, k *pathKey) {
		t.codeRow(c, &k.row)
		snapshot.Uint(c, &k.id)
	}, snapshot.Nothing)
}

func (t *Table) codeRowSet(c *snapshot.Coder, v *rowSet) {
	snapshot.Words(c, (*[]uint64)(v), (len(t.keys)+63)/64)
}

func (t *Table) codeRefresh(c *snapshot.Coder, v *refresh) {
	t.codeRowSet(c, &v.rows)
	t.codeIDs(c, &v.ids)
	snapshot.Bool(c, &v.unread)
}

// CodeCheck writes an open check of the table, or reads one.
func (t *Table) CodeCheck(c *snapshot.Coder, v **Check) {
	if c.Reading() {
		*v = &Check{t: t}
	}
	x := *v
	snapshot.Slice(c, &x.slots, func(c *snapshot.Coder, s *int) { snapshot.Number(c, s, len(t.slots)) })
	snapshot.Slice(c, &x.added, t.codeAddition)
	snapshot.Bool(c, &x.over)
}

func (t *Table) codeAddition(c *snapshot.Coder, v *addition) {
	snapshot.Uint(c, &v.origin)
	snapshot.Uint(c, &v.upstream)
	t.codeRow(c, &v.row)
	snapshot.Number(c, &v.slot, len(t.slots))
}

// valid reports whether k is a prefix that a table of the family can hold.
func (k Key) valid(f bgp.Family) bool {
	n := k.Bits()
	return n >= f.MinLength() && n <= f.MaxLength() &&
		k.Address()>>width(f) == 0 && k.Address()&(1<<(width(f)-n)-1) == 0
}
