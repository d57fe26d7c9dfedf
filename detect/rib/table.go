package rib

import "github.com/darkmap/darkmap/internal/bgp"

// Row is the number of a prefix in a Table. Rows of forgotten prefixes are used again.
type Row uint32

// none ends a list of pairs.
const none = ^uint32(0)

// MaxRows bounds a table: four times today's routing table. Prefixes beyond it are passed over and counted.
const MaxRows = 4 << 20

// Table is who holds what in one family. New makes one.
type Table struct {
	family bgp.Family
	index  map[Key]Row
	keys   []Key    // by row; 0 is a free row
	first  []uint32 // by row: the first pair, none where nobody ever heard it
	words  int      // of a slot bitset
	held   []uint64 // by row x words
	free   []Row

	pairs    []pair
	heard    []uint64 // by pair x words
	freePair uint32   // linked through next

	slots []slot // by slot

	watch *watch // nil where no gap and no check is open

	doubts map[int]*rowSet // by slot that was doubted in this window: the rows that it has named since

	dirty     []Row
	dirtyBits []uint64

	refused uint64
}

// slot is one peer's column.
type slot struct {
	used    bool
	size    int32    // prefixes that it is known to hold
	doubted int32    // prefixes that it held before a message was lost, and has not announced since
	paths   *pathSet // nil without ADD-PATH
	refresh *refresh // nil unless it sends its routes again
}

// pair is an (origin, upstream) edge over which slots heard a prefix.
type pair struct {
	origin, upstream bgp.ASN
	next             uint32
}

// New returns an empty table of the family.
func New(f bgp.Family) *Table {
	return &Table{family: f, index: make(map[Key]Row), words: 1, freePair: none}
}

// Family is the table's.
func (t *Table) Family() bgp.Family { return t.family }

// Len is one more than the highest row.
func (t *Table) Len() int { return len(t.keys) }

// Words is the length of every slot bitset.
func (t *Table) Words() int { return t.words }

// Refused counts prefixes that found no row.
func (t *Table) Refused() uint64 { return t.refused }

// Row looks k up.
func (t *Table) Row(k Key) (Row, bool) {
	r, ok := t.index[k]
	return r, ok
}

// Key is the prefix of a row, 0 of a free one.
func (t *Table) Key(r Row) Key { return t.keys[r] }

// Held is the bitset of slots that hold the row. It is the table's own.
func (t *Table) Held(r Row) []uint64 {
	i := int(r) * t.words
	return t.held[i : i+t.words : i+t.words]
}

// Size is how many prefixes a slot holds, those of which that is doubted included.
func (t *Table) Size(s int) int { return int(t.slots[s].size + t.slots[s].doubted) }

// EachPair calls f with every pair of the row and the slots that heard it there last; they are the table's own. A withdrawal of
// something that was never announced stands in the pair (0, 0).
func (t *Table) EachPair(r Row, f func(origin, upstream bgp.ASN, slots []uint64)) {
	for p := t.first[r]; p != none; p = t.pairs[p].next {
		i := int(p) * t.words
		f(t.pairs[p].origin, t.pairs[p].upstream, t.heard[i:i+t.words:i+t.words])
	}
}

// Announced says what an announcement changed.
type Announced uint8

// What an announcement changes.
const (
	// Again: nothing.
	Again Announced = iota
	// Rerouted: the slot did not hold the prefix over that pair before.
	Rerouted
	// First: the same, and nothing was known of the slot and the prefix.
	First
)

// Announce notes that slot s holds k with the path id, heard from origin over upstream. ok is false where the table is full.
func (t *Table) Announce(s int, k Key, pathID uint32, origin, upstream bgp.ASN) (r Row, a Announced, ok bool) {
	r, ok = t.row(k)
	if !ok {
		return 0, Again, false
	}
	t.touch(s, r)
	return r, t.announce(s, r, pathID, origin, upstream), true
}

// touch notes that the live stream says something of a pair, if anybody wants to know.
func (t *Table) touch(s int, r Row) {
	if w, bit := s>>6, uint64(1)<<(s&63); t.watches(w, bit) {
		t.watch.touched[int(r)*t.words+w] |= bit
	}
	if len(t.doubts) > 0 {
		if x := t.doubts[s]; x != nil {
			x.add(r)
		}
	}
}

// announce makes slot s hold row r.
func (t *Table) announce(s int, r Row, pathID uint32, origin, upstream bgp.ASN) Announced {
	i, bit := int(r)*t.words+s>>6, uint64(1)<<(s&63)
	if pathID != 0 || t.slots[s].paths != nil {
		t.addPath(s, r, pathID)
	}
	if x := t.slots[s].refresh; x != nil {
		x.note(r, pathID, t.slots[s].paths != nil)
	}
	gained := t.held[i]&bit == 0
	if gained {
		t.held[i] |= bit
		t.slots[s].size++
		t.slots[s].doubted = max(0, t.slots[s].doubted-1) // most likely it was one of these
	}
	a := t.hear(r, s, origin, upstream)
	if gained && a == Again {
		a = Rerouted
	}
	if a != Again {
		t.mark(r)
	}
	return a
}

// Withdrawn says what a withdrawal changed.
type Withdrawn uint8

// What a withdrawal changes.
const (
	// Nothing: the slot did not hold the prefix, or holds another path.
	Nothing Withdrawn = iota
	// Lost: the slot held it and holds it no more.
	Lost
	// Unheard: the slot was never heard to announce it. That it is gone is remembered.
	Unheard
)

// Withdraw notes that slot s lost k's path id. With learn set, a withdrawal of something never announced is remembered: the slot may have
// held it before. ok is false where k has no row.
func (t *Table) Withdraw(s int, k Key, pathID uint32, learn bool) (r Row, w Withdrawn, ok bool) {
	if r, ok = t.index[k]; !ok {
		if !learn && !t.watches(s>>6, uint64(1)<<(s&63)) {
			return 0, Nothing, false
		}
		if r, ok = t.row(k); !ok {
			return 0, Nothing, false
		}
	}
	t.touch(s, r)
	return r, t.withdraw(s, r, pathID, learn), true
}

// withdraw ends a path of row r.
func (t *Table) withdraw(s int, r Row, pathID uint32, learn bool) Withdrawn {
	i, bit := int(r)*t.words+s>>6, uint64(1)<<(s&63)
	if t.slots[s].paths != nil && t.dropPath(s, r, pathID) {
		return Nothing
	}
	if t.held[i]&bit != 0 {
		t.held[i] &^= bit
		t.slots[s].size--
		t.mark(r)
		return Lost
	}
	if learn && !t.hasHeard(r, s) {
		t.hear(r, s, 0, 0)
		t.mark(r)
		return Unheard
	}
	return Nothing
}

// row finds or makes the row of k.
func (t *Table) row(k Key) (Row, bool) {
	if r, ok := t.index[k]; ok {
		return r, true
	}
	var r Row
	switch n := len(t.free); {
	case n > 0:
		r = t.free[n-1]
		t.free = t.free[:n-1]
		t.keys[r] = k
	case len(t.keys) >= MaxRows:
		t.refused++
		return 0, false
	default:
		r = t.newRow(k)
	}
	t.index[k] = r
	return r, true
}

// newRow makes a row at the end, which nobody holds.
func (t *Table) newRow(k Key) Row {
	t.keys = append(t.keys, k)
	t.first = append(t.first, none)
	for range t.words {
		t.held = append(t.held, 0)
	}
	if t.watch != nil {
		for range t.words {
			t.watch.touched, t.watch.known = append(t.watch.touched, 0), append(t.watch.known, 0)
		}
	}
	if len(t.keys) > 64*len(t.dirtyBits) {
		t.dirtyBits = append(t.dirtyBits, 0)
	}
	return Row(len(t.keys) - 1)
}

// Forget gives up a row that nobody holds, with its evidence; false where somebody does, or something was noted of it in a gap or a check
// that is open.
func (t *Table) Forget(r Row) bool {
	if t.keys[r] == 0 || t.watch.notes(r) {
		return false
	}
	for _, w := range t.Held(r) {
		if w != 0 {
			return false
		}
	}
	for t.first[r] != none {
		p := t.first[r]
		t.first[r] = t.pairs[p].next
		t.freeUp(p)
	}
	delete(t.index, t.keys[r])
	t.keys[r] = 0
	t.free = append(t.free, r)
	return true
}

// mark puts a row on the list of changed ones.
func (t *Table) mark(r Row) {
	if w, bit := r>>6, uint64(1)<<(r&63); t.dirtyBits[w]&bit == 0 {
		t.dirtyBits[w] |= bit
		t.dirty = append(t.dirty, r)
	}
}

// TakeDirty returns the rows that changed since the last call, in no order that means anything; they hold until the next change.
func (t *Table) TakeDirty() []Row {
	d := t.dirty
	for _, r := range d {
		t.dirtyBits[r>>6] &^= 1 << (r & 63)
	}
	t.dirty = t.dirty[:0]
	return d
}
