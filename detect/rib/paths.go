package rib

// maxPathsPerSlot bounds the path ids that are kept of one ADD-PATH peer. Beyond it a prefix counts
// as having one path.
const maxPathsPerSlot = 4 << 20

// pathSet holds the path ids of one slot (RFC 7911). It exists only for peers that send path ids.
type pathSet struct {
	ids   map[pathKey]struct{}
	count map[Row]uint16 // only rows with ids
}

// pathKey identifies a path of a row.
type pathKey struct {
	row Row
	id  uint32
}

// addPath notes a path id. If a slot begins to send path ids, the prefixes that it held without
// them stay as they are, and the next withdrawal ends them.
func (t *Table) addPath(s int, r Row, id uint32) {
	p := t.slots[s].paths
	if p == nil {
		p = &pathSet{ids: make(map[pathKey]struct{}), count: make(map[Row]uint16)}
		t.slots[s].paths = p
	}
	k := pathKey{r, id}
	if _, ok := p.ids[k]; ok || len(p.ids) >= maxPathsPerSlot || p.count[r] == ^uint16(0) {
		return
	}
	p.ids[k] = struct{}{}
	p.count[r]++
}

// dropPath forgets a path id and reports whether the row has another.
func (t *Table) dropPath(s int, r Row, id uint32) bool {
	p := t.slots[s].paths
	k := pathKey{r, id}
	if _, ok := p.ids[k]; ok {
		delete(p.ids, k)
		p.count[r]--
		if p.count[r] == 0 {
			delete(p.count, r)
		}
	}
	return p.count[r] > 0
}
