package visibility

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// intern stores the shares in parts as a set, and returns its number.
func (w *watch) intern() watchID {
	if len(w.parts) == 0 {
		return 0
	}
	slices.SortFunc(w.parts, func(a, b share) int { return cmp.Compare(a.entity, b.entity) })
	b := w.buf[:0]
	for _, sh := range w.parts {
		covering := uint64(0)
		if sh.covering {
			covering = 1
		}
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(sh.entity)<<1|covering), sh.space)
	}
	w.buf = b
	if id, ok := w.index[string(b)]; ok {
		return id
	}
	if len(w.sets) >= maxWatchSets {
		return 0
	}
	id := watchID(len(w.sets))
	w.sets = append(w.sets, slices.Clone(w.parts))
	w.index[string(b)] = id
	return id
}

// packSets drops the sets that no prefix uses any more.
func (s *State) packSets() {
	w := &s.watch
	was := w.sets
	w.sets, w.index = make([][]share, 1), make(map[string]watchID)
	moved := make(map[watchID]watchID)
	for r := range s.prefixes {
		p := &s.prefixes[r]
		if p.watch == 0 {
			continue
		}
		id, ok := moved[p.watch]
		if !ok {
			w.parts = append(w.parts[:0], was[p.watch]...)
			id = w.intern()
			moved[p.watch] = id
		}
		p.watch = id
	}
}
