package rib

import "encoding/binary"

// pending has the changes of whole columns that the rows do not have yet. A session that ends
// changes the status of its slot in every row. One pass over the rows (statuses.settle) serves all
// sessions that end before it. Until then every reader of a row applies the changes.
type pending struct {
	held [maxWords]uint64 // slots that no longer hold a row
	left [maxWords]uint64 // those of held from which the rows are gone that they held
	gone [maxWords]uint64 // slots to which the rows are unheard that were gone before the changes
	some bool             // a slot is in one of them
}

// add adds a change of the slots of mask, after the changes before: becomes[x] instead of x. What
// is unheard stays so, and what is gone is not held again.
func (p *pending) add(mask []uint64, becomes [3]status) {
	for w, m := range mask {
		p.some = p.some || m != 0
		if becomes[gone] == unheard {
			p.gone[w] |= m
			p.left[w] &^= m
		}
		if becomes[holding] == gone {
			p.left[w] |= m &^ p.held[w]
		}
		if becomes[holding] != holding {
			p.held[w] |= m
		}
	}
}

// has reports whether a slot has changes.
func (p *pending) has(s int) bool {
	return p.some && (p.held[s>>6]|p.gone[s>>6])&(1<<(s&63)) != 0
}

// meets reports whether a slot of mask has changes.
func (p *pending) meets(mask []uint64) bool {
	for w, m := range mask {
		if (p.held[w]|p.gone[w])&m != 0 {
			return true
		}
	}
	return false
}

// of applies the changes to the status of a slot.
func (p *pending) of(s int, was status) status {
	if !p.has(s) {
		return was
	}
	bit := uint64(1) << (s & 63)
	switch w := s >> 6; {
	case was == holding && p.left[w]&bit != 0, was == gone && p.gone[w]&bit == 0:
		return gone
	case was == holding && p.held[w]&bit == 0:
		return holding
	}
	return unheard
}

// apply applies the changes to the first words of a row.
func (p *pending) apply(x *standing, words int) {
	for w := range words {
		x.gone[w] = x.gone[w]&^p.gone[w] | x.held[w]&p.left[w]
		x.held[w] &^= p.held[w]
	}
}

// settle makes the pending changes in every row.
func (t *statuses) settle() {
	if !t.pending.some {
		return
	}
	p := t.pending
	t.pending = pending{}
	p.apply(&t.usual, t.words)
	var mask [maxWords]uint64
	for w := range mask {
		mask[w] = p.held[w] | p.gone[w]
	}
	for at, blk := range t.blocks {
		if len(blk.data) == 0 {
			continue
		}
		from := uint32(0)
		for i := range blk.ends {
			if to := blk.ends[i]; to > from {
				t.settleRow(Row(at*blockRows+i), blk.data[from:to], &p, mask[:])
			}
			from = blk.ends[i] // settleRow may move it
		}
	}
}

// settleRow is settle for a row with a form. t.usual is already settled. mask has the slots of p.
func (t *statuses) settleRow(r Row, b []byte, p *pending, mask []uint64) {
	if !meets(b, mask) {
		return
	}
	if b[0] == formAll || b[0] == formBoth {
		var x standing
		t.decode(b, &x)
		p.apply(&x, t.words)
		t.write(r, &x)
		return
	}
	t.buf = append(t.buf[:0], b[0])
	buf := t.buf
	for rest := b[1:]; len(rest) > 0; rest = rest[2:] {
		e := binary.LittleEndian.Uint16(rest)
		if s := int(e >> 2); mask[s>>6]&(1<<(s&63)) != 0 {
			to, other := p.of(s, status(e&3)), unheard
			if b[0] == formBut {
				other = t.usual.of(s)
			}
			if to == other {
				continue
			}
			e = entryOf(s, to)
		}
		buf = binary.LittleEndian.AppendUint16(buf, e)
	}
	if len(buf) == 1 && b[0] == formBut {
		buf = buf[:0]
	}
	t.buf = buf
	t.packed.set(r, buf)
}
