package rib

import "github.com/darkmap/darkmap/internal/bgp"

// Row is the number of a prefix in a Table. Rows of forgotten prefixes are used again.
type Row uint32

// MaxRows bounds a table: four times today's routing table. Prefixes beyond it are passed over and counted.
const MaxRows = 4 << 20

// maxSpare changed rows are kept room for.
const maxSpare = 1 << 16

// Table is who holds what in one family. New makes one.
type Table struct {
	family bgp.Family
	index  index
	keys   []Key // by row; 0 is a free row
	words  int   // of a slot bitset
	free   []Row

	status statuses
	pairs  pairs
	bits   rowBits

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

// rowBits is memory for the bitsets of one row that is used again.
type rowBits struct {
	asked  standing // Held and Heard
	paired standing // EachPair
	slots  [maxWords]uint64
	heard  [maxWords]uint64
}

// New returns an empty table of the family.
func New(f bgp.Family) *Table {
	return &Table{family: f, words: 1, status: statuses{words: 1}, pairs: pairs{words: 1}}
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
	return t.index.find(k, t.keys)
}

// Key is the prefix of a row, 0 of a free one.
func (t *Table) Key(r Row) Key { return t.keys[r] }

// Held is the bitset of slots that hold the row. It is the table's own, and holds until the next call of Held, Heard or a method that
// changes the table.
func (t *Table) Held(r Row) []uint64 {
	t.status.read(r, &t.bits.asked)
	return t.bits.asked.held[:t.words:t.words]
}

// Heard is Held, and the bitset of slots that ever heard the row: those that hold it among them.
func (t *Table) Heard(r Row) (held, heard []uint64) {
	t.status.read(r, &t.bits.asked)
	held, heard = t.bits.asked.held[:t.words:t.words], t.bits.heard[:t.words:t.words]
	for w := range heard {
		heard[w] = held[w] | t.bits.asked.gone[w]
	}
	return held, heard
}

// Holds reports whether a slot holds the row.
func (t *Table) Holds(r Row, s int) bool { return t.status.of(r, s) == holding }

// Size is how many prefixes a slot holds, those of which that is doubted included.
func (t *Table) Size(s int) int { return int(t.slots[s].size + t.slots[s].doubted) }

// EachPair calls f with every pair of the row and the slots that heard it there last; they are the table's own, and hold for the call. A
// withdrawal of something that was never announced stands in the pair (0, 0). f must not call EachPair.
func (t *Table) EachPair(r Row, f func(origin, upstream bgp.ASN, slots []uint64)) {
	run := t.pairs.get(r)
	if len(run) == 0 {
		return
	}
	t.status.read(r, &t.bits.paired)
	x, rest := t.bits.slots[:t.words:t.words], t.bits.paired.held[:t.words:t.words]
	for w := range rest {
		rest[w] |= t.bits.paired.gone[w]
	}
	o := othersOf(run)
	for o.next() {
		o.read(x)
		some := uint64(0)
		for w := range x {
			x[w] &= rest[w]
			rest[w] &^= x[w]
			some |= x[w]
		}
		if some != 0 {
			f(o.origin, o.upstream, x)
		}
	}
	for _, w := range rest {
		if w != 0 {
			f(o.main.origin, o.main.upstream, rest)
			return
		}
	}
}

// Usual is the statuses that most rows have: the slots that hold the row, and those that ever heard it. They are the table's own, and hold
// until a method changes the table. IsUsual reports whether a row has them.
func (t *Table) Usual() (held, heard []uint64) {
	held, heard = t.status.usual.held[:t.words:t.words], t.bits.heard[:t.words:t.words]
	for w := range heard {
		heard[w] = held[w] | t.status.usual.gone[w]
	}
	return held, heard
}

// IsUsual is told at Usual.
func (t *Table) IsUsual(r Row) bool { return len(t.status.get(r)) == 0 }

// OneOrigin is the origin of all pairs of a row; ok is false where they have several, or the row has none.
func (t *Table) OneOrigin(r Row) (origin bgp.ASN, ok bool) {
	run := t.pairs.get(r)
	if len(run) == 0 {
		return 0, false
	}
	o := othersOf(run)
	for o.next() {
		if o.origin != o.main.origin {
			return 0, false
		}
	}
	return o.main.origin, true
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
		t.watch.touched.add(r, w, bit)
	}
	if len(t.doubts) > 0 {
		if x := t.doubts[s]; x != nil {
			x.add(r)
		}
	}
}

// announce makes slot s hold row r.
func (t *Table) announce(s int, r Row, pathID uint32, origin, upstream bgp.ASN) Announced {
	if pathID != 0 || t.slots[s].paths != nil {
		t.addPath(s, r, pathID)
	}
	if x := t.slots[s].refresh; x != nil {
		x.note(r, pathID, t.slots[s].paths != nil)
	}
	was := t.status.of(r, s)
	if was != holding {
		t.slots[s].size++
		t.slots[s].doubted = max(0, t.slots[s].doubted-1) // most likely it was one of these
	}
	a := t.hear(r, s, was, holding, edge{origin, upstream})
	if was != holding && a == Again {
		a = Rerouted
	}
	if a != Again {
		t.mark(r)
	}
	return a
}

// hear gives slot s of row r a status, which was another or the same, and the pair over which it heard it.
func (t *Table) hear(r Row, s int, was, is status, e edge) Announced {
	a := First
	if was != unheard {
		if a = Rerouted; t.pairs.of(r, s) == e {
			a = Again
		}
	}
	if a != Again {
		t.pairs.move(r, t.one(s), e)
	}
	if was != is {
		t.status.set(r, s, is)
	}
	return a
}

// one is the bitset of slot s. It holds until the next call.
func (t *Table) one(s int) []uint64 {
	b := t.bits.slots[:t.words]
	clear(b)
	b[s>>6] = 1 << (s & 63)
	return b
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
	if r, ok = t.Row(k); !ok {
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
	if t.slots[s].paths != nil && t.dropPath(s, r, pathID) {
		return Nothing
	}
	switch was := t.status.of(r, s); {
	case was == holding:
		t.status.set(r, s, gone)
		t.slots[s].size--
		t.mark(r)
		return Lost
	case was == unheard && learn:
		t.hear(r, s, was, gone, edge{})
		t.mark(r)
		return Unheard
	}
	return Nothing
}

// row finds or makes the row of k.
func (t *Table) row(k Key) (Row, bool) {
	if r, ok := t.Row(k); ok {
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
	t.status.write(r, &standing{})
	t.index.add(r, t.keys)
	return r, true
}

// newRow makes a row at the end.
func (t *Table) newRow(k Key) Row {
	r := Row(len(t.keys))
	t.keys = Lengthen(t.keys, len(t.keys)+1)
	t.keys[r] = k
	t.status.grow(len(t.keys))
	t.pairs.grow(len(t.keys))
	if len(t.keys) > 64*len(t.dirtyBits) {
		t.dirtyBits = append(t.dirtyBits, 0)
	}
	return r
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
	t.status.write(r, &standing{})
	t.pairs.set(r, nil)
	t.index.remove(t.keys[r], t.keys)
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
	if t.dirty = t.dirty[:0]; cap(d) > maxSpare {
		t.dirty = nil
	}
	return d
}
