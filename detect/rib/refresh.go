package rib

// refresh has the routes that a slot has sent again since its BoRR (RFC 7313).
type refresh struct {
	rows rowSet
	ids  map[pathKey]struct{} // nil without ADD-PATH
	// unread: the slot named prefixes in messages that could not be read, so it is unknown whether
	// it holds them.
	unread bool
}

// note notes an announcement. It keeps the path id if ids is set.
func (x *refresh) note(r Row, pathID uint32, ids bool) {
	x.rows.add(r)
	if ids {
		if x.ids == nil {
			x.ids = make(map[pathKey]struct{})
		}
		if len(x.ids) < maxPathsPerSlot {
			x.ids[pathKey{r, pathID}] = struct{}{}
		}
	}
}

// BeginRefresh notes that slot s sends all its routes again from here on.
func (t *Table) BeginRefresh(s int) { t.slots[s].refresh = &refresh{} }

// dropRefresh ends the refreshes of slots without effect.
func (t *Table) dropRefresh(slots ...int) {
	for _, s := range slots {
		t.slots[s].refresh = nil
	}
}

// EndRefresh notes that slot s has sent all its routes again. A route that it did not send again
// since BeginRefresh is withdrawn, and lost is called with each row that it no longer holds.
// Without a BeginRefresh nothing changes. Nothing changes either if messages were lost since
// (BeginGap, Doubt), as they may have held routes that were sent again.
func (t *Table) EndRefresh(s int, lost func(Row)) {
	x := t.slots[s].refresh
	if x == nil {
		return
	}
	t.slots[s].refresh = nil
	if !x.unread {
		t.trust(s)
	}
	if p := t.slots[s].paths; p != nil && len(x.ids) < maxPathsPerSlot {
		for k := range p.ids {
			if _, again := x.ids[k]; !again && x.rows.has(k.row) {
				t.dropPath(s, k.row, k.id)
			}
		}
	}
	for r := range t.keys {
		if r := Row(r); t.Holds(r, s) && !x.rows.has(r) {
			t.touch(s, r)
			t.status.set(r, s, gone)
			t.slots[s].size--
			t.mark(r)
			lost(r)
		}
	}
	t.prunePaths(s)
}
