package rib

import "github.com/darkmap/darkmap/internal/bgp"

// Row is the number of a prefix in a Table. The rows of forgotten prefixes are used again.
type Row uint32

// MaxRows bounds a table: four times today's routing table. Prefixes beyond it are refused and
// counted.
const MaxRows = 4 << 20

// maxSpare is the greatest capacity, in rows, of a list of changed rows that is used again.
const maxSpare = 1 << 16

// Table keeps which slot holds which row in one family. New makes one.
type Table struct {
	family bgp.Family
	index  index
	keys   []Key // by row; the key of a free row is 0
	words  int   // length of a slot bitset
	free   []Row

	status statuses
	pairs  pairs
	bits   rowBits

	slots []slot // by slot

	watch *watch // nil if no gap and no check is open

	// doubts has the slots that were doubted in this window, and the rows that each has named
	// since.
	doubts map[int]*rowSet

	dirty     []Row
	dirtyBits []uint64

	refused uint64
}

// slot is the column of one peer.
type slot struct {
	used    bool
	size    int32    // prefixes that it is known to hold
	doubted int32    // prefixes that it held before a message was lost and has not announced since
	paths   *pathSet // nil without ADD-PATH
	refresh *refresh // nil unless it sends its routes again
}

// rowBits is memory for the bitsets of one row. Each call uses it again.
type rowBits struct {
	asked  standing // for Held and Heard
	paired standing // for EachPair
	slots  [maxWords]uint64
	heard  [maxWords]uint64
}

// New returns an empty table of the family.
func New(f bgp.Family) *Table {
	return &Table{family: f, words: 1, status: statuses{words: 1}, pairs: pairs{words: 1}}
}

// Family returns the family of the table.
func (t *Table) Family() bgp.Family { return t.family }

// Len returns the highest row plus one.
func (t *Table) Len() int { return len(t.keys) }

// Words returns the length of every slot bitset.
func (t *Table) Words() int { return t.words }

// Refused returns the number of times that a prefix was refused because the table was full.
func (t *Table) Refused() uint64 { return t.refused }

// Row returns the row of k; ok is false if k has no row.
func (t *Table) Row(k Key) (Row, bool) {
	return t.index.find(k, t.keys)
}

// Key returns the prefix of a row, or 0 for a free row.
func (t *Table) Key(r Row) Key { return t.keys[r] }

// Held returns the bitset of the slots that hold the row. It belongs to the table, and is valid
// until the next call of Held, Heard or a method that changes the table.
func (t *Table) Held(r Row) []uint64 {
	t.status.read(r, &t.bits.asked)
	return t.bits.asked.held[:t.words:t.words]
}

// Heard returns the bitset of Held, and the bitset of the slots that ever heard the row, which
// includes those that hold it. Both are valid as long as that of Held, and until the next call of
// Usual.
func (t *Table) Heard(r Row) (held, heard []uint64) { return t.heard(t.status.get(r)) }

// heard is Heard for a run of statuses.
func (t *Table) heard(run []byte) (held, heard []uint64) {
	x := &t.bits.asked
	t.status.readRun(run, x)
	held, heard = x.held[:t.words:t.words], t.bits.heard[:t.words:t.words]
	for w := range heard {
		heard[w] = held[w] | x.gone[w]
	}
	return held, heard
}

// Holds reports whether a slot holds the row.
func (t *Table) Holds(r Row, s int) bool { return t.status.of(r, s) == holding }

// Size returns the number of prefixes that a slot holds, including those that are doubted.
func (t *Table) Size(s int) int { return int(t.slots[s].size + t.slots[s].doubted) }

// EachPair calls f with every pair of the row and the slots that heard the row over it last. The
// slots belong to the table and are valid during the call. The withdrawal of a prefix that was
// never announced is in the pair (0, 0). f must not call EachPair.
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

// Usual returns the usual statuses, which most rows have: the slots that hold the row, and the
// slots that ever heard it. They belong to the table, and are valid as long as those of Heard.
// IsUsual reports whether a row has them.
func (t *Table) Usual() (held, heard []uint64) { return t.heard(nil) }

// IsUsual reports whether a row has the statuses that Usual returns.
func (t *Table) IsUsual(r Row) bool { return len(t.status.get(r)) == 0 }

// OneOrigin returns the origin of all pairs of a row. ok is false if they have several origins, or
// if the row has no pair.
func (t *Table) OneOrigin(r Row) (origin bgp.ASN, ok bool) { return t.pairs.oneOrigin(r) }

// Announced is the change that an announcement made.
type Announced uint8

// The changes that an announcement makes.
const (
	// Again: no change.
	Again Announced = iota
	// Rerouted: the slot did not hold the prefix over that pair before.
	Rerouted
	// First: as Rerouted, and the status of the pair of slot and prefix was unknown before.
	First
)

// Announce notes that slot s holds k with the path id, heard from origin over upstream. ok is false
// if the table is full.
func (t *Table) Announce(
	s int, k Key, pathID uint32, origin, upstream bgp.ASN,
) (r Row, a Announced, ok bool) {
	r, ok = t.row(k)
	if !ok {
		return 0, Again, false
	}
	t.touch(s, r)
	return r, t.announce(s, r, pathID, origin, upstream), true
}

// touch notes that the live stream named a pair, if the slot is watched or doubted.
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
		t.slots[s].doubted = max(0, t.slots[s].doubted-1) // most likely it was one of the doubted
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

// hear sets the status of slot s in row r from was, which may be the same, to is, and the pair over
// which the slot heard the row to e.
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

// one returns the bitset of slot s. It is valid until the next call.
func (t *Table) one(s int) []uint64 {
	b := t.bits.slots[:t.words]
	clear(b)
	b[s>>6] = 1 << (s & 63)
	return b
}

// Withdrawn is the change that a withdrawal made.
type Withdrawn uint8

// The changes that a withdrawal makes.
const (
	// Nothing: no change. The slot did not hold the prefix, or still holds it over another path.
	Nothing Withdrawn = iota
	// Lost: the slot held the prefix and no longer holds it.
	Lost
	// Unheard: the slot was never heard to announce the prefix. The table now keeps it as gone.
	Unheard
)

// Withdraw notes that slot s lost k's path id. With learn set, the withdrawal of a prefix that was
// never announced is kept, as the slot may have held it before. ok is false if k has no row.
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

// withdraw ends a path of row r in slot s.
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

// row finds or makes the row of k; false if the table is full.
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

// newRow appends a row.
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

// Forget frees a row that no slot holds, with its evidence. It returns false if a slot holds the
// row, if the row is free, or if an open gap or check has a note about it.
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

// mark adds a row to the list of changed rows.
func (t *Table) mark(r Row) {
	if w, bit := r>>6, uint64(1)<<(r&63); t.dirtyBits[w]&bit == 0 {
		t.dirtyBits[w] |= bit
		t.dirty = append(t.dirty, r)
	}
}

// TakeDirty returns the rows that changed since the last call, in an order without meaning. The
// list is valid until the next change.
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
