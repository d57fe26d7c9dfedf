package rib

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
)

// written is a pair of a row in its form in a snapshot.
type written struct {
	origin, upstream bgp.ASN
	n                int // number of slots
	at               int // index of its first slot word in rowCoder.words
}

// rowCoder writes or reads rows. A row is written as: the difference between its key and the key
// before (0 for a free row); the difference between the slots that heard it and the slots that
// heard the row before; the slots among them that do not hold it; and its pairs. The first pair is
// the one with most slots, and has all slots that no other pair has. Bitsets of slots are as long
// as those of the table. The usual statuses come before the rows, so that a table that is read
// takes no more memory than the table that was written.
type rowCoder struct {
	t     *Table
	c     *snapshot.Coder
	key   Key
	slots []uint64 // in use
	heard []uint64 // slots that heard the row
	last  []uint64 // slots that heard the row before
	gone  []uint64
	rest  []uint64
	pairs []written
	words []uint64 // slots of the pairs
	run   []byte   // encoded pairs
}

func (t *Table) codeRows(c *snapshot.Coder) {
	n := len(t.keys)
	if snapshot.Int(c, &n); n < 0 || n > MaxRows {
		c.Fail("%d rows, which is more than %d", n, MaxRows)
		return
	}
	t.status.settle()
	snapshot.Bits(c, t.status.usual.held[:t.words])
	snapshot.Bits(c, t.status.usual.gone[:t.words])
	bitset := func() []uint64 { return make([]uint64, t.words) }
	x := &rowCoder{t: t, c: c, slots: bitset(), heard: bitset(), last: bitset(), gone: bitset(), rest: bitset()}
	for s := range t.slots {
		x.slots[s>>6] |= 1 << (s & 63)
	}
	for w, b := range x.slots {
		if (t.status.usual.held[w]|t.status.usual.gone[w])&^b != 0 ||
			t.status.usual.held[w]&t.status.usual.gone[w] != 0 {
			c.Fail("usual slots that there are not")
		}
	}
	for r := 0; r < n && c.Err() == nil; r++ {
		if c.Reading() {
			x.read()
		} else {
			x.write(Row(r))
		}
	}
}

// write writes a row.
func (x *rowCoder) write(r Row) {
	t, k := x.t, x.t.keys[r]
	if k == 0 {
		d := int64(0)
		snapshot.Int(x.c, &d)
		return
	}
	d := int64(k) - int64(x.key)
	snapshot.Int(x.c, &d)
	x.key = k
	x.gather(r)
	for w := range x.rest {
		x.rest[w] = x.heard[w] ^ x.last[w]
	}
	snapshot.Bits(x.c, x.rest)
	copy(x.gone, x.heard)
	for w, b := range t.Held(r) {
		x.gone[w] &^= b
	}
	snapshot.Bits(x.c, x.gone)
	n := len(x.pairs)
	snapshot.Int(x.c, &n)
	for i := range x.pairs {
		p := &x.pairs[i]
		x.codeAS(p)
		if i > 0 {
			snapshot.Bits(x.c, x.slotsOf(p))
		}
	}
	x.heard, x.last = x.last, x.heard
}

// codeAS writes or reads the origin of a pair, as the difference from the origin of the first pair,
// and the upstream.
func (x *rowCoder) codeAS(p *written) {
	first := bgp.ASN(0)
	if p != &x.pairs[0] {
		first = x.pairs[0].origin
	}
	d := p.origin - first
	snapshot.Uint(x.c, &d)
	p.origin = first + d
	snapshot.Uint(x.c, &p.upstream)
}

// slotsOf returns the slots of a pair.
func (x *rowCoder) slotsOf(p *written) []uint64 { return x.words[p.at : p.at+x.t.words] }

// add appends a pair without slots.
func (x *rowCoder) add(origin, upstream bgp.ASN) *written {
	at := len(x.pairs) * x.t.words
	if at == len(x.words) {
		x.words = append(x.words, make([]uint64, x.t.words)...)
	}
	x.pairs = append(x.pairs, written{origin: origin, upstream: upstream, at: at})
	return &x.pairs[len(x.pairs)-1]
}

// gather sets pairs to the pairs of a row, and heard to the slots of all of them. The pair with
// most slots is first; the others are in the order of origin and upstream.
func (x *rowCoder) gather(r Row) {
	clear(x.heard)
	x.pairs = x.pairs[:0]
	x.t.EachPair(r, func(origin, upstream bgp.ASN, slots []uint64) {
		p := x.add(origin, upstream)
		to := x.slotsOf(p)
		for w, b := range slots {
			to[w] = b
			p.n += bits.OnesCount64(b)
			x.heard[w] |= b
		}
	})
	if len(x.pairs) < 2 {
		return
	}
	most := 0
	for i := range x.pairs {
		if p, q := &x.pairs[i], &x.pairs[most]; p.n > q.n || p.n == q.n && p.compare(q) < 0 {
			most = i
		}
	}
	x.pairs[0], x.pairs[most] = x.pairs[most], x.pairs[0]
	slices.SortFunc(x.pairs[1:], func(a, b written) int { return a.compare(&b) })
}

func (p *written) compare(q *written) int {
	return cmp.Or(cmp.Compare(p.origin, q.origin), cmp.Compare(p.upstream, q.upstream))
}

// read reads a row and appends it to the table.
func (x *rowCoder) read() {
	var d int64
	if snapshot.Int(x.c, &d); d == 0 {
		x.t.addRow(0)
		return
	}
	k := Key(int64(x.key) + d)
	if _, twice := x.t.Row(k); twice || !k.valid(x.t.family) {
		x.c.Fail("prefix %x is none of the family, or is there twice", uint64(k))
		return
	}
	x.key = k
	r := x.t.addRow(k)
	snapshot.Bits(x.c, x.heard)
	snapshot.Bits(x.c, x.gone)
	for w := range x.heard {
		x.heard[w] ^= x.last[w]
		if x.heard[w]&^x.slots[w] != 0 || x.gone[w]&^x.heard[w] != 0 {
			x.c.Fail("row %d has slots that there are not", r)
		}
	}
	if x.readPairs(r); x.c.Err() != nil {
		return
	}
	x.t.fillRow(r, x)
	x.heard, x.last = x.last, x.heard
}

// readPairs reads the pairs of a row.
func (x *rowCoder) readPairs(r Row) {
	n, some := 0, uint64(0)
	if snapshot.Int(x.c, &n); n < 0 || n > MaxSlots {
		x.c.Fail("%d pairs of row %d", n, r)
		return
	}
	copy(x.rest, x.heard)
	x.pairs = x.pairs[:0]
	for i := 0; i < n && x.c.Err() == nil; i++ {
		p := x.add(0, 0)
		if x.codeAS(p); i == 0 {
			continue
		}
		set := x.slotsOf(p)
		snapshot.Bits(x.c, set)
		for w, b := range set {
			if b&^x.rest[w] != 0 {
				x.c.Fail("pair %d of row %d has slots that it has not", i, r)
			}
			x.rest[w] &^= b
		}
	}
	for _, b := range x.rest {
		some |= b
	}
	if some == 0 != (n == 0) {
		x.c.Fail("the first pair of row %d of %d has the wrong slots", r, n)
	}
	if n > 0 {
		copy(x.slotsOf(&x.pairs[0]), x.rest)
	}
}

// addRow adds a row that no slot has heard, or a free row if k is 0.
func (t *Table) addRow(k Key) Row {
	r := t.newRow(k)
	t.status.write(r, &standing{})
	if k != 0 {
		t.index.add(r, t.keys)
	}
	return r
}

// fillRow sets a new row to the statuses and pairs that were read.
func (t *Table) fillRow(r Row, x *rowCoder) {
	var is standing
	for w, b := range x.heard {
		is.held[w], is.gone[w] = b&^x.gone[w], x.gone[w]
	}
	t.status.write(r, &is)
	if len(x.pairs) == 0 {
		return
	}
	main := edge{x.pairs[0].origin, x.pairs[0].upstream}
	x.run = appendMain(x.run[:0], main)
	for i := range x.pairs[1:] {
		p := &x.pairs[1+i]
		e := edge{p.origin, p.upstream}
		t.pairs.noteOrigin(r, main, e)
		x.run = appendPair(x.run, main, e, x.slotsOf(p))
	}
	t.pairs.set(r, x.run)
}

// codeWatch writes or reads the notes of open gaps and checks.
func (t *Table) codeWatch(c *snapshot.Coder) {
	snapshot.Pointer(c, &t.watch, func(c *snapshot.Coder, x *watch) {
		for _, v := range []*[]uint64{&x.gap, &x.check, &x.closed} {
			if c.Reading() {
				*v = make([]uint64, t.words)
			}
			snapshot.Bits(c, *v)
		}
		t.codeNotes(c, &x.touched)
		t.codeNotes(c, &x.known)
	})
}

// codeNotes writes or reads a bitset of slots for each row. Rows with an empty bitset are left out,
// and a bitset is written as the difference from the one before.
func (t *Table) codeNotes(c *snapshot.Coder, v *bitRows) {
	var rows []Row
	if !c.Reading() {
		rows = v.rows(len(t.keys), t.words)
	}
	snapshot.Numbers(c, &rows, len(t.keys))
	last, now := make([]uint64, t.words), make([]uint64, t.words)
	for _, r := range rows {
		for w := range now {
			now[w] = v.of(r, w) ^ last[w]
		}
		snapshot.Bits(c, now)
		for w := range now {
			last[w] ^= now[w]
			if c.Reading() && last[w] != 0 {
				v.add(r, w, last[w])
			}
		}
	}
}

// rows lists the rows below n that have a bit in the first words.
func (x *bitRows) rows(n, words int) (out []Row) {
	for r := range Row(n) {
		for w := range words {
			if x.of(r, w) != 0 {
				out = append(out, r)
				break
			}
		}
	}
	return out
}
