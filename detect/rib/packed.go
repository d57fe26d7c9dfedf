package rib

import "slices"

// blockRows is the number of rows in a block.
const blockRows = 32

// packed keeps a run of octets for each row. The runs of a block are contiguous, so a run that gets
// longer or shorter moves the later runs of its block, some kilobytes.
type packed struct {
	blocks []*block
}

// block has the runs of blockRows rows.
type block struct {
	data []byte
	ends [blockRows]uint32 // end of each row's run in data
}

// grow makes room for at least n rows. New rows are empty.
func (p *packed) grow(n int) {
	for len(p.blocks)*blockRows < n {
		p.blocks = append(p.blocks, &block{})
	}
}

// get returns the run of a row. It is valid until the next change.
func (p *packed) get(r Row) []byte {
	b, i := p.blocks[r/blockRows], r%blockRows
	from := uint32(0)
	if i > 0 {
		from = b.ends[i-1]
	}
	return b.data[from:b.ends[i]:b.ends[i]]
}

// set replaces the run of a row by a copy of run. run must not be a part of the block.
func (p *packed) set(r Row, run []byte) {
	b, i := p.blocks[r/blockRows], int(r%blockRows)
	from, to, size := 0, int(b.ends[i]), len(b.data)
	if i > 0 {
		from = int(b.ends[i-1])
	}
	if d := len(run) - (to - from); d != 0 {
		if need := size + d; need > cap(b.data) || cap(b.data) > 64 && need < cap(b.data)/2 {
			data := slices.Grow([]byte(nil), need+need/16)[:need]
			copy(data, b.data[:from])
			copy(data[to+d:], b.data[to:])
			b.data = data
		} else {
			b.data = b.data[:max(size, need)]
			copy(b.data[to+d:], b.data[to:size])
			b.data = b.data[:need]
		}
		for j := i; j < blockRows; j++ {
			b.ends[j] += uint32(d)
		}
	}
	copy(b.data[from:], run)
}

// rewrite calls f with the run of each of the first n rows, and replaces the run by the result. f
// may return the run itself, or memory that it uses again. Afterwards a block has almost no spare
// room.
func (p *packed) rewrite(n int, f func(r Row, run []byte) []byte) {
	var buf []byte
	for at, b := range p.blocks {
		buf = buf[:0]
		from := uint32(0)
		for i := range b.ends {
			if r := at*blockRows + i; r < n {
				buf = append(buf, f(Row(r), b.data[from:b.ends[i]:b.ends[i]])...)
			}
			from, b.ends[i] = b.ends[i], uint32(len(buf))
		}
		if len(buf) > cap(b.data) || cap(b.data) > len(buf)+len(buf)/16 {
			b.data = slices.Grow([]byte(nil), len(buf))[:len(buf)]
		} else {
			b.data = b.data[:len(buf)]
		}
		copy(b.data, buf)
	}
}
