package rib

import "github.com/darkmap/darkmap/internal/bgp"

// hear moves slot s of row r to the pair (origin, upstream) and tells where it stood before. Every pair has a slot, so a row has at
// most as many pairs as there are slots.
func (t *Table) hear(r Row, s int, origin, upstream bgp.ASN) Announced {
	w, bit := s>>6, uint64(1)<<(s&63)
	have, before, want := none, none, none
	last := none
	for p := t.first[r]; p != none; p = t.pairs[p].next {
		q := &t.pairs[p]
		here := t.heard[int(p)*t.words+w]&bit != 0
		match := q.origin == origin && q.upstream == upstream
		if here && match {
			return Again
		}
		if match {
			want = p
		}
		if here {
			have, before = p, last
		}
		if have != none && want != none {
			break
		}
		last = p
	}
	out := First
	if have != none {
		out = Rerouted
		t.heard[int(have)*t.words+w] &^= bit
		if t.silent(have) {
			t.unlink(r, have, before)
		}
	}
	if want == none {
		want = t.newPair(pair{origin: origin, upstream: upstream, next: t.first[r]})
		t.first[r] = want
	}
	t.heard[int(want)*t.words+w] |= bit
	return out
}

// hearAll is hear for all slots of word w in bits.
func (t *Table) hearAll(r Row, w int, bits uint64, origin, upstream bgp.ASN) {
	want, before := none, none
	for p := t.first[r]; p != none; {
		next := t.pairs[p].next
		q := &t.pairs[p]
		if q.origin == origin && q.upstream == upstream {
			want, before = p, p
		} else if x := int(p)*t.words + w; t.heard[x]&bits != 0 {
			if t.heard[x] &^= bits; t.heard[x] == 0 && t.silent(p) {
				t.unlink(r, p, before)
			} else {
				before = p
			}
		} else {
			before = p
		}
		p = next
	}
	if want == none {
		want = t.newPair(pair{origin: origin, upstream: upstream, next: t.first[r]})
		t.first[r] = want
	}
	t.heard[int(want)*t.words+w] |= bits
}

// silence forgets where the slots of word w in bits heard row r, and reports whether any did.
func (t *Table) silence(r Row, w int, bits uint64) (some bool) {
	before := none
	for p := t.first[r]; p != none; {
		next := t.pairs[p].next
		if x := int(p)*t.words + w; t.heard[x]&bits != 0 {
			some = true
			t.heard[x] &^= bits
			if t.silent(p) {
				t.unlink(r, p, before)
				p = next
				continue
			}
		}
		before, p = p, next
	}
	return some
}

// hasHeard reports whether slot s ever heard of row r.
func (t *Table) hasHeard(r Row, s int) bool {
	w, bit := s>>6, uint64(1)<<(s&63)
	for p := t.first[r]; p != none; p = t.pairs[p].next {
		if t.heard[int(p)*t.words+w]&bit != 0 {
			return true
		}
	}
	return false
}

// silent reports whether a pair has no slot.
func (t *Table) silent(p uint32) bool {
	for _, w := range t.heard[int(p)*t.words : (int(p)+1)*t.words] {
		if w != 0 {
			return false
		}
	}
	return true
}

// unlink takes pair p, which follows before, out of the row's list.
func (t *Table) unlink(r Row, p, before uint32) {
	if before == none {
		t.first[r] = t.pairs[p].next
	} else {
		t.pairs[before].next = t.pairs[p].next
	}
	t.freeUp(p)
}

// freeUp keeps a pair for the next newPair.
func (t *Table) freeUp(p uint32) {
	clear(t.heard[int(p)*t.words : (int(p)+1)*t.words])
	t.pairs[p] = pair{next: t.freePair}
	t.freePair = p
}

// newPair stores q and returns its number.
func (t *Table) newPair(q pair) uint32 {
	if p := t.freePair; p != none {
		t.freePair = t.pairs[p].next
		t.pairs[p] = q
		return p
	}
	t.pairs = append(t.pairs, q)
	for range t.words {
		t.heard = append(t.heard, 0)
	}
	return uint32(len(t.pairs) - 1)
}
