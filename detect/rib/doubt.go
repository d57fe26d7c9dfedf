package rib

// rowSet is a set of rows. The zero value is empty.
type rowSet []uint64

func (x *rowSet) add(r Row) {
	for len(*x) <= int(r>>6) {
		*x = append(*x, 0)
	}
	(*x)[r>>6] |= 1 << (r & 63)
}

func (x rowSet) remove(r Row) {
	if int(r>>6) < len(x) {
		x[r>>6] &^= 1 << (r & 63)
	}
}

func (x rowSet) has(r Row) bool { return int(r>>6) < len(x) && x[r>>6]&(1<<(r&63)) != 0 }

// Doubt notes that a message of slot s was lost, and that it may have held any prefix. The status
// of the prefixes that the slot held before becomes unknown unless the slot names them from here
// on. SettleDoubts applies this. A refresh of the slot ends without effect.
func (t *Table) Doubt(s int) {
	t.dropRefresh(s)
	if t.slots[s].size == 0 {
		delete(t.doubts, s)
		return
	}
	if t.doubts == nil {
		t.doubts = make(map[int]*rowSet)
	}
	t.doubts[s] = new(rowSet)
}

// SettleDoubts makes the prefixes unknown that slots held before they were doubted and have not
// named since. It is called before a window is judged: one pass over the rows serves all messages
// that were lost in the window.
func (t *Table) SettleDoubts() {
	if len(t.doubts) == 0 {
		return
	}
	slots := make([]int, 0, len(t.doubts))
	for s := range t.doubts {
		slots = append(slots, s)
	}
	mask := t.mask(slots)
	for r := range t.keys {
		for w, m := range mask {
			if m == 0 {
				continue
			}
			if m &= t.status.heldOf(Row(r), w); m != 0 && t.watch != nil {
				m &^= t.watch.known.of(Row(r), w) // the answer to the gap names it, and is newer
			}
			left := uint64(0)
			for b := range eachBit(m) {
				if !t.doubts[w<<6+b].has(Row(r)) {
					left |= 1 << b
				}
			}
			t.unknow(Row(r), w, left)
		}
	}
	for _, s := range slots {
		t.prunePaths(s)
	}
	t.doubts = nil
}

// unknow makes the pairs of row r and the slots of word w in bits unknown: neither held nor
// withdrawn.
func (t *Table) unknow(r Row, w int, bits uint64) {
	for b := range eachBit(bits) {
		s := w<<6 + b
		was := t.status.of(r, s)
		if was == unheard {
			continue
		}
		if was == holding {
			t.slots[s].size--
			t.slots[s].doubted++
		}
		t.status.set(r, s, unheard)
		t.mark(r)
	}
}

// Unknow notes that a message of slot s that names the keys could not be read, so it is unknown
// whether the slot holds them. The answer to an open gap or check is older than this message, so it
// does not change them.
func (t *Table) Unknow(s int, keys ...Key) {
	if x := t.slots[s].refresh; x != nil && len(keys) > 0 {
		x.unread = true
	}
	for _, k := range keys {
		r, ok := t.Row(k)
		if !ok && t.watches(s>>6, 1<<(s&63)) {
			r, ok = t.row(k)
		}
		if ok {
			t.touch(s, r)
			t.unknow(r, s>>6, 1<<(s&63))
		}
	}
	t.prunePaths(s)
}

// FillUnknow is Unknow for a message that was missing in a gap, on the conditions of FillAnnounce.
func (t *Table) FillUnknow(s int, keys ...Key) {
	for _, k := range keys {
		if r, ok := t.Row(k); ok && t.fills(s) && t.fill(s, r) {
			t.unknow(r, s>>6, 1<<(s&63))
		}
	}
	t.prunePaths(s)
}

// Doubted reports whether a slot may hold more prefixes than the table knows, because messages of
// it were lost.
func (t *Table) Doubted(s int) bool { return t.slots[s].doubted > 0 || t.doubts[s] != nil }

// trust ends the doubts about slots: their table has come, or they have another session.
func (t *Table) trust(slots ...int) {
	for _, s := range slots {
		t.slots[s].doubted = 0
		delete(t.doubts, s)
	}
}
