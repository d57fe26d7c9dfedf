package rib

import (
	"encoding/binary"
	"math/bits"

	"github.com/darkmap/darkmap/internal/bgp"
)

// pairs keeps the (origin, upstream) edges over which the slots heard each row. The run of a row is
// empty, or has its main pair and the others:
//
//	4 origin, 4 upstream of the main pair, which has all slots that heard the row and no other has
//	for each other pair:
//	  2 number of slots, or of words of slots, + otherOrigin, wordForm
//	  4 origin, if otherOrigin is set; else it has the origin of the main pair
//	  4 upstream
//	  2 a slot, or 8 a word, the shorter of both
//
// Numbers are little-endian. A pair may contain a slot that has not heard the row; readers ignore
// it.
type pairs struct {
	packed
	words   int
	several rowSet // rows that may have pairs of several origins; each of them is in it
	buf     []byte
}

const (
	otherOrigin = 1 << 15
	wordForm    = 1 << 14
	countBits   = wordForm - 1
	mainOctets  = 8
)

// edge is the end of a path: the origin and the AS before it.
type edge struct{ origin, upstream bgp.ASN }

func mainOf(run []byte) edge {
	return edge{bgp.ASN(binary.LittleEndian.Uint32(run)), bgp.ASN(binary.LittleEndian.Uint32(run[4:]))}
}

func appendMain(to []byte, e edge) []byte {
	return binary.LittleEndian.AppendUint32(
		binary.LittleEndian.AppendUint32(to, uint32(e.origin)), uint32(e.upstream))
}

// others reads the pairs of a run one by one, without the main pair.
type others struct {
	rest   []byte // the run after the pair
	whole  []byte // the pair
	slots  []byte // the slots of the pair
	inWord bool   // slots is in words
	main   edge
	edge
}

func othersOf(run []byte) others { return others{rest: run[mainOctets:], main: mainOf(run)} }

// next goes to the next pair; false if there is none.
func (o *others) next() bool {
	if len(o.rest) == 0 {
		return false
	}
	b := o.rest
	head := binary.LittleEndian.Uint16(b)
	at := 2
	o.origin = o.main.origin
	if head&otherOrigin != 0 {
		o.origin = bgp.ASN(binary.LittleEndian.Uint32(b[at:]))
		at += 4
	}
	o.upstream = bgp.ASN(binary.LittleEndian.Uint32(b[at:]))
	at += 4
	size := 2 * int(head&countBits)
	if o.inWord = head&wordForm != 0; o.inWord {
		size *= 4
	}
	o.slots, o.whole, o.rest = b[at:at+size], b[:at+size], b[at+size:]
	return true
}

// has reports whether a slot is in the pair.
func (o *others) has(s int) bool {
	if o.inWord {
		return word(o.slots, s>>6)&(1<<(s&63)) != 0
	}
	_, ok := slotIn(o.slots, s)
	return ok
}

// slotIn looks for a slot in a list. i is its position, or the position at which to insert it.
func slotIn(list []byte, s int) (i int, ok bool) {
	for ; i < len(list); i += 2 {
		if x := int(binary.LittleEndian.Uint16(list[i:])); x >= s {
			return i, x == s
		}
	}
	return i, false
}

// read sets to, which is as long as a slot bitset, to the slots of the pair.
func (o *others) read(to []uint64) {
	if o.inWord {
		n := len(o.slots) / 8
		for w := range n {
			to[w] = word(o.slots, w)
		}
		clear(to[n:])
		return
	}
	clear(to)
	for i := 0; i < len(o.slots); i += 2 {
		s := binary.LittleEndian.Uint16(o.slots[i:])
		to[s>>6] |= 1 << (s & 63)
	}
}

// meets reports whether a slot of mask is in the pair.
func (o *others) meets(mask []uint64) bool {
	if o.inWord {
		for w := range len(o.slots) / 8 {
			if word(o.slots, w)&mask[w] != 0 {
				return true
			}
		}
		return false
	}
	for i := 0; i < len(o.slots); i += 2 {
		if s := binary.LittleEndian.Uint16(o.slots[i:]); mask[s>>6]&(1<<(s&63)) != 0 {
			return true
		}
	}
	return false
}

// appendPair appends a pair that is not the main one. It appends nothing if the pair has no slot.
func appendPair(to []byte, main, e edge, slots []uint64) []byte {
	n, words := 0, 0
	for w, x := range slots {
		if x != 0 {
			n, words = n+bits.OnesCount64(x), w+1
		}
	}
	if n == 0 {
		return to
	}
	head := uint16(n)
	inWords := 4*words < n
	if inWords {
		head = uint16(words) | wordForm
	}
	if e.origin != main.origin {
		head |= otherOrigin
	}
	to = binary.LittleEndian.AppendUint16(to, head)
	if e.origin != main.origin {
		to = binary.LittleEndian.AppendUint32(to, uint32(e.origin))
	}
	to = binary.LittleEndian.AppendUint32(to, uint32(e.upstream))
	for w, x := range slots[:words] {
		if inWords {
			to = binary.LittleEndian.AppendUint64(to, x)
			continue
		}
		for b := range eachBit(x) {
			to = binary.LittleEndian.AppendUint16(to, uint16(w<<6+b))
		}
	}
	return to
}

// of returns the pair over which a slot heard row r. The slot must have heard it.
func (p *pairs) of(r Row, s int) edge {
	run := p.get(r)
	if len(run) == 0 {
		return edge{}
	}
	o := othersOf(run)
	for o.next() {
		if o.has(s) {
			return o.edge
		}
	}
	return o.main
}

// move puts the slots of mask into the pair e of row r, and takes them out of all other pairs.
func (p *pairs) move(r Row, mask []uint64, e edge) {
	run := p.get(r)
	if len(run) == 0 {
		p.several.remove(r)
		p.buf = appendMain(p.buf[:0], e)
		p.set(r, p.buf)
		return
	}
	var slots [maxWords]uint64
	x := slots[:p.words]
	o := othersOf(run)
	p.buf = append(p.buf[:0], run[:mainOctets]...)
	buf := p.buf
	found, changed := o.main == e, false
	for o.next() {
		switch match := o.edge == e; {
		case match:
			o.read(x)
			for w, m := range mask {
				x[w] |= m
			}
			buf, found, changed = appendPair(buf, o.main, e, x), true, true
		case o.meets(mask):
			o.read(x)
			for w, m := range mask {
				x[w] &^= m
			}
			buf, changed = appendPair(buf, o.main, o.edge, x), true
		default:
			buf = append(buf, o.whole...)
		}
	}
	if !found {
		p.noteOrigin(r, o.main, e)
		buf, changed = appendPair(buf, o.main, e, mask), true
	}
	if p.buf = buf; changed {
		p.set(r, buf)
	}
}

// noteOrigin notes the origin of a pair that row r gets beside its main pair.
func (p *pairs) noteOrigin(r Row, main, e edge) {
	if e.origin != main.origin {
		p.several.add(r)
	}
}

// oneOrigin returns the origin of all pairs of row r. ok is false if they have several origins, or
// if the row has no pair.
func (p *pairs) oneOrigin(r Row) (origin bgp.ASN, ok bool) {
	run := p.get(r)
	if len(run) == 0 {
		return 0, false
	}
	if p.several.has(r) {
		for o := othersOf(run); o.next(); {
			if o.origin != o.main.origin {
				return 0, false
			}
		}
	}
	return mainOf(run).origin, true
}

// shorten appends the shortest form of a row's run: the largest pair is the main one, and slots
// that are not in heard are left out.
func (p *pairs) shorten(to, run []byte, heard []uint64) []byte {
	if len(run) == 0 {
		return to
	}
	var slots, rest [maxWords]uint64
	x, left := slots[:p.words], rest[:p.words]
	copy(left, heard)
	most, largest := 0, edge{}
	o := othersOf(run)
	for o.next() {
		o.read(x)
		n := 0
		for w := range x {
			x[w] &= left[w]
			left[w] &^= x[w]
			n += bits.OnesCount64(x[w])
		}
		if n > most {
			most, largest = n, o.edge
		}
	}
	n := 0
	for _, w := range left {
		n += bits.OnesCount64(w)
	}
	main := o.main
	switch {
	case n+most == 0:
		return to // no slot heard it
	case most > n:
		main = largest
	}
	to = appendMain(to, main)
	if main != o.main {
		to = appendPair(to, main, o.main, left)
	}
	for o = othersOf(run); o.next(); {
		if o.edge == main {
			continue
		}
		o.read(x)
		for w := range x {
			x[w] &= heard[w]
		}
		to = appendPair(to, main, o.edge, x)
	}
	return to
}
