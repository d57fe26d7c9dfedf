package rib

import (
	"encoding/binary"
	"math/bits"
)

// status is the status of a pair of row and slot.
type status uint8

// The statuses.
const (
	// unheard: the slot never heard the prefix, or its status is unknown.
	unheard status = iota
	// gone: the slot announced or withdrew the prefix, and does not hold it.
	gone
	// holding: the slot holds it.
	holding
)

// maxWords is the length of the longest slot bitset.
const maxWords = MaxSlots / 64

// standing is the statuses of a row: the slots that hold it, and the slots from which it is gone. A
// slot in neither set is unheard.
type standing struct {
	held, gone [maxWords]uint64
}

func (x *standing) of(s int) status { return statusOf(x.held[s>>6], x.gone[s>>6], s) }

func (x *standing) set(s int, to status) {
	w, bit := s>>6, uint64(1)<<(s&63)
	x.held[w] &^= bit
	x.gone[w] &^= bit
	switch to {
	case holding:
		x.held[w] |= bit
	case gone:
		x.gone[w] |= bit
	case unheard:
	}
}

func statusOf(held, left uint64, s int) status {
	switch bit := uint64(1) << (s & 63); {
	case held&bit != 0:
		return holding
	case left&bit != 0:
		return gone
	}
	return unheard
}

// statuses keeps the status of every pair of row and slot. Most rows are held by the same slots.
// usual has, for each slot, its status in most rows. A row has the shortest of these forms:
//
//	(empty)                           every slot has its usual status
//	but   2 octets a slot             these slots have another status than the usual one
//	only  2 octets a slot             these slots have a status, the others are unheard
//	all   8 octets a word             the slots that hold the row; the others are unheard
//	both  8 octets a word, 8 a word   the slots that hold it, the slots that are gone; others unheard
//
// The two octets, little-endian, are the slot x 4 + its status. A change of whole columns changes
// the status of many rows at once, later (pending).
type statuses struct {
	packed
	usual   standing // without the pending changes
	pending pending
	words   int
	buf     []byte
}

// The forms. The first octet of a run is its form.
const (
	formBut byte = iota + 1
	formOnly
	formAll
	formBoth
)

func entryOf(s int, x status) uint16 { return uint16(s)<<2 | uint16(x) }

// listed looks for a slot in a list of two octets each. i is the position of the slot, or the
// position at which to insert it.
func listed(list []byte, s int) (i int, x status, ok bool) {
	for ; i < len(list); i += 2 {
		if e := binary.LittleEndian.Uint16(list[i:]); int(e>>2) >= s {
			return i, status(e & 3), int(e>>2) == s
		}
	}
	return i, unheard, false
}

// word returns word i of a list of words, or 0 beyond its end.
func word(b []byte, i int) uint64 {
	if 8*i >= len(b) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[8*i:])
}

// remap gives each slot of mask another status in each row: becomes[x] instead of x.
func (t *statuses) remap(mask []uint64, becomes [3]status) { t.pending.add(mask, becomes) }

// of returns the status of a slot in a row.
func (t *statuses) of(r Row, s int) status { return t.pending.of(s, t.kept(r, s)) }

// kept is of without the pending changes.
func (t *statuses) kept(r Row, s int) status {
	b := t.get(r)
	if len(b) == 0 {
		return t.usual.of(s)
	}
	switch rest := b[1:]; b[0] {
	case formBut:
		if _, x, ok := listed(rest, s); ok {
			return x
		}
		return t.usual.of(s)
	case formOnly:
		_, x, _ := listedOr(rest, s, unheard)
		return x
	case formAll:
		return statusOf(word(rest, s>>6), 0, s)
	default:
		half := len(rest) / 2
		return statusOf(word(rest[:half], s>>6), word(rest[half:], s>>6), s)
	}
}

// heldOf returns word w of the slots that hold a row. goneOf returns word w of the slots from which
// the row is gone.
func (t *statuses) heldOf(r Row, w int) uint64 { return t.wordOf(r, w, holding) &^ t.pending.held[w] }

func (t *statuses) goneOf(r Row, w int) uint64 {
	x := t.wordOf(r, w, gone) &^ t.pending.gone[w]
	if m := t.pending.left[w]; m != 0 {
		x |= t.wordOf(r, w, holding) & m
	}
	return x
}

// wordOf returns word w of the slots with status which in a row, without the pending changes. which
// is not unheard.
func (t *statuses) wordOf(r Row, w int, which status) uint64 {
	b, usual := t.get(r), t.usual.held[w]
	if which == gone {
		usual = t.usual.gone[w]
	}
	if len(b) == 0 {
		return usual
	}
	rest, x := b[1:], uint64(0)
	switch b[0] {
	case formAll:
		if which == gone {
			return 0
		}
		return word(rest, w)
	case formBoth:
		half := len(rest) / 2
		if which == gone {
			return word(rest[half:], w)
		}
		return word(rest[:half], w)
	case formBut:
		x = usual
	}
	for ; len(rest) > 0; rest = rest[2:] {
		if e := binary.LittleEndian.Uint16(rest); int(e>>8) == w {
			bit := uint64(1) << (e >> 2 & 63)
			if x &^= bit; status(e&3) == which {
				x |= bit
			}
		}
	}
	return x
}

// listedOr is listed with a status for slots that are not in the list.
func listedOr(list []byte, s int, other status) (i int, x status, ok bool) {
	if i, x, ok = listed(list, s); !ok {
		x = other
	}
	return i, x, ok
}

// read fills to with the statuses of a row.
func (t *statuses) read(r Row, to *standing) { t.readRun(t.get(r), to) }

// readRun fills to with the statuses of a run.
func (t *statuses) readRun(run []byte, to *standing) {
	if t.decode(run, to); t.pending.some {
		t.pending.apply(to, t.words)
	}
}

// decode fills to with the statuses of a run, without the pending changes.
func (t *statuses) decode(b []byte, to *standing) {
	if len(b) == 0 || b[0] == formBut {
		copy(to.held[:t.words], t.usual.held[:t.words])
		copy(to.gone[:t.words], t.usual.gone[:t.words])
	} else {
		clear(to.held[:t.words])
		clear(to.gone[:t.words])
	}
	if len(b) == 0 {
		return
	}
	switch rest := b[1:]; b[0] {
	case formBut, formOnly:
		for ; len(rest) > 0; rest = rest[2:] {
			e := binary.LittleEndian.Uint16(rest)
			to.set(int(e>>2), status(e&3))
		}
	case formAll:
		for w := range len(rest) / 8 {
			to.held[w] = word(rest, w)
		}
	case formBoth:
		n := len(rest) / 16
		for w := range n {
			to.held[w], to.gone[w] = word(rest, w), word(rest, n+w)
		}
	}
}

// set sets the status of a slot in a row.
func (t *statuses) set(r Row, s int, to status) {
	if t.pending.has(s) {
		t.settle()
	}
	b := t.get(r)
	other := unheard
	switch {
	case len(b) == 0 || b[0] == formBut:
		other = t.usual.of(s)
	case b[0] == formAll && to != gone, b[0] == formBoth:
		if t.setBit(b, s, to) {
			return
		}
		t.setSlow(r, s, to)
		return
	case b[0] == formAll:
		t.setSlow(r, s, to)
		return
	}
	var list []byte
	form := formBut
	if len(b) > 0 {
		form, list = b[0], b[1:]
	}
	i, was, ok := listedOr(list, s, other)
	switch {
	case was == to:
		return
	case ok && to != other:
		binary.LittleEndian.PutUint16(list[i:], entryOf(s, to))
		return
	case !ok && len(list) >= 8*t.words:
		t.setSlow(r, s, to) // another form may be shorter
		return
	}
	buf := append(append(t.buf[:0], form), list[:i]...)
	if ok {
		i += 2
	} else {
		buf = binary.LittleEndian.AppendUint16(buf, entryOf(s, to))
	}
	if buf = append(buf, list[i:]...); len(buf) == 1 && form == formBut {
		buf = buf[:0]
	}
	t.buf = buf
	t.packed.set(r, buf)
}

// setBit sets a status in a run of form all or both. It returns false if the run has too few words.
func (t *statuses) setBit(b []byte, s int, to status) bool {
	rest := b[1:]
	n := len(rest) / 8
	if b[0] == formBoth {
		n /= 2
	}
	w, bit := s>>6, uint64(1)<<(s&63)
	if w >= n {
		return to == unheard
	}
	put := func(w int, on bool) {
		x := word(rest, w) &^ bit
		if on {
			x |= bit
		}
		binary.LittleEndian.PutUint64(rest[8*w:], x)
	}
	put(w, to == holding)
	if b[0] == formBoth {
		put(n+w, to == gone)
	}
	return true
}

func (t *statuses) setSlow(r Row, s int, to status) {
	var x standing
	t.decode(t.get(r), &x)
	x.set(s, to)
	t.write(r, &x)
}

// write sets all statuses of a row. x is without the pending changes.
func (t *statuses) write(r Row, x *standing) {
	t.buf = t.encode(t.buf[:0], x)
	t.packed.set(r, t.buf)
}

// encode appends the shortest form of x.
func (t *statuses) encode(to []byte, x *standing) []byte {
	but, only, words, some := 0, 0, 0, false
	for w := range t.words {
		h, g := x.held[w], x.gone[w]
		but += bits.OnesCount64((h ^ t.usual.held[w]) | (g ^ t.usual.gone[w]))
		only += bits.OnesCount64(h | g)
		if h|g != 0 {
			words = w + 1
		}
		some = some || g != 0
	}
	form, long := formAll, 8*words
	if some {
		form, long = formBoth, 16*words
	}
	switch {
	case but == 0:
		return to
	case but <= only && 2*but <= long:
		to = append(to, formBut)
		for w := range t.words {
			diff := (x.held[w] ^ t.usual.held[w]) | (x.gone[w] ^ t.usual.gone[w])
			for b := range eachBit(diff) {
				to = binary.LittleEndian.AppendUint16(to, entryOf(w<<6+b, x.of(w<<6+b)))
			}
		}
		return to
	case 2*only <= long:
		to = append(to, formOnly)
		for w := range words {
			for b := range eachBit(x.held[w] | x.gone[w]) {
				to = binary.LittleEndian.AppendUint16(to, entryOf(w<<6+b, x.of(w<<6+b)))
			}
		}
		return to
	}
	to = append(to, form)
	for w := range words {
		to = binary.LittleEndian.AppendUint64(to, x.held[w])
	}
	for w := range words {
		if form == formBoth {
			to = binary.LittleEndian.AppendUint64(to, x.gone[w])
		}
	}
	return to
}

// meets reports whether a form names a slot of mask.
func meets(b []byte, mask []uint64) bool {
	rest := b[1:]
	if b[0] == formBut || b[0] == formOnly {
		for ; len(rest) > 0; rest = rest[2:] {
			if s := binary.LittleEndian.Uint16(rest) >> 2; mask[s>>6]&(1<<(s&63)) != 0 {
				return true
			}
		}
		return false
	}
	n := len(rest) / 8
	if b[0] == formBoth {
		n /= 2
	}
	for i := range len(rest) / 8 {
		if word(rest, i)&mask[i%n] != 0 {
			return true
		}
	}
	return false
}

// resettle sets t.usual to usual, and encodes the first n rows again.
func (t *statuses) resettle(n int, usual *standing) {
	was := t.usual
	var x standing
	var buf []byte
	t.rewrite(n, func(_ Row, b []byte) []byte {
		t.usual = was
		t.decode(b, &x)
		t.usual = *usual
		buf = t.encode(buf[:0], &x)
		return buf
	})
	t.usual = *usual
}
