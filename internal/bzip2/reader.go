package bzip2

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
)

// maxWorkers is how many blocks are unpacked at a time, at most: what reads records is slower than that.
const maxWorkers = 4

// Reader unpacks a bzip2 file. It is for one goroutine.
type Reader struct {
	in      io.Reader
	workers int
	// order has the blocks in the order of the file; free has those that were read, for their memory.
	order chan *job
	free  chan *job
	stop  chan struct{}

	current *job
	runs    runs
	// sum is the check sum of the stream so far.
	sum uint32
	err error
	// alone unpacks what the workers could not: blocks with a number in them that looks like the beginning of one.
	alone *decoder
}

// job is a piece on its way.
type job struct {
	piece
	block
	// err is why the block could not be unpacked, whole.
	err  error
	done chan struct{}
}

// NewReader reads the file from in and unpacks up to workers blocks at a time, 1 at least and 4 at most. It begins with the first
// Read. Who calls it closes the Reader; in is read by another goroutine until then.
func NewReader(in io.Reader, workers int) *Reader {
	return &Reader{in: in, workers: min(max(workers, 1), maxWorkers)}
}

// start begins to split and to unpack.
func (r *Reader) start() {
	r.order = make(chan *job, r.workers)
	r.free = make(chan *job, r.workers+2)
	stop := make(chan struct{})
	r.stop = stop
	work := make(chan *job)
	for range r.workers {
		go func() {
			var d decoder
			for j := range work {
				j.unpack(&d)
				close(j.done)
			}
		}()
	}
	go func() {
		defer close(work)
		r.split(work, stop)
	}()
}

// split sends the pieces to those who unpack them and to the one who reads, until there are no more or nobody reads.
func (r *Reader) split(work chan<- *job, stop <-chan struct{}) {
	s := splitter{in: r.in}
	for {
		j := &job{}
		select {
		case j = <-r.free:
		default:
		}
		j.piece = s.next(j.data)
		j.done = make(chan struct{})
		j.err = nil
		select {
		case r.order <- j:
		case <-stop:
			return
		}
		if j.ends || j.piece.err != nil {
			close(j.done)
			if j.piece.err != nil {
				return
			}
			continue
		}
		select {
		case work <- j:
		case <-stop:
			return
		}
	}
}

// unpack unpacks the block.
func (j *job) unpack(d *decoder) {
	j.block, j.err = d.unpack(j.data, j.bit+48, j.size, j.octets[:0])
	if j.err == nil && j.whole && j.block.end > j.piece.end {
		j.err = errShort
	}
}

// Read implements io.Reader. The error of a file that is cut is io.ErrUnexpectedEOF, that of a damaged one a FormatError; all
// octets of the blocks before were read.
func (r *Reader) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.order == nil && r.err == nil {
		r.start()
	}
	for n == 0 && r.err == nil {
		if r.current == nil {
			r.err = r.next()
			continue
		}
		if n = r.runs.read(r.current.octets, p); n == 0 {
			r.err = r.finish()
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// next waits for the next block.
func (r *Reader) next() error {
	j := <-r.order
	<-j.done
	for {
		switch {
		case j.piece.err != nil:
			return j.piece.err
		case j.ends:
			if j.sum != r.sum {
				return FormatError("the check sum of the stream is another one")
			}
			r.sum = 0
			return nil
		case errors.Is(j.err, errShort) && j.whole && len(j.data) < maxPacked:
			if j = r.join(j); j != nil {
				continue
			}
			return FormatError("a block ends too early")
		case errors.Is(j.err, errShort) && j.whole:
			return FormatError("a block ends too early")
		case errors.Is(j.err, errShort):
			return (<-r.order).piece.err // why nothing follows
		case j.err != nil:
			return j.err
		}
		r.current, r.runs = j, runs{}
		return nil
	}
}

// join unpacks j together with the piece behind it: the number between them was a part of the block. It returns nil where no block
// follows.
func (r *Reader) join(j *job) *job {
	next := <-r.order
	<-next.done
	if next.piece.err != nil || next.ends {
		return nil
	}
	if r.alone == nil {
		r.alone = &decoder{}
	}
	at := j.piece.end >> 3
	j.data = append(j.data[:at], next.data...)
	j.whole, j.piece.end = next.whole, at*8+next.piece.end
	j.unpack(r.alone)
	return j
}

// finish checks the block that was read.
func (r *Reader) finish() error {
	j := r.current
	r.current = nil
	if sum := r.runs.sum(); sum != j.crc {
		return FormatError(fmt.Sprintf("the check sum of a block is %08x, it should be %08x", sum, j.crc))
	}
	r.sum = bits.RotateLeft32(r.sum, 1) ^ j.crc
	if j.whole && j.block.end != j.piece.end {
		return FormatError("no block where one should begin")
	}
	select {
	case r.free <- j:
	default:
	}
	return nil
}

// Close ends the goroutines. One that waits for the input ends when that answers: a terminal may never.
func (r *Reader) Close() error {
	if r.err == nil {
		r.err = errors.New("the reader of a bzip2 file is closed")
	}
	if r.stop != nil {
		close(r.stop)
		r.stop = nil
	}
	return nil
}

// runs undoes the run-length coding of a block: behind four equal octets stands how many more of them follow.
type runs struct {
	at    int
	last  byte
	equal int
	// left is how many octets of the last one are still to come.
	left int
	crc  uint32
}

// read fills p from the octets of the block and returns how many octets it wrote, 0 at its end.
func (r *runs) read(octets, p []byte) int {
	n := 0
	for n < len(p) {
		if r.left > 0 {
			k := min(r.left, len(p)-n)
			for i := range k {
				p[n+i] = r.last
			}
			n += k
			r.left -= k
			continue
		}
		if r.at >= len(octets) {
			break
		}
		octet := octets[r.at]
		r.at++
		switch {
		case r.equal == 4:
			r.left, r.equal = int(octet), 0
			continue
		case r.equal > 0 && octet == r.last:
			r.equal++
		default:
			r.equal, r.last = 1, octet
		}
		p[n] = octet
		n++
	}
	r.crc = update(r.crc, p[:n])
	return n
}

// sum is the check sum of what was read.
func (r *runs) sum() uint32 { return bits.Reverse32(r.crc) }

// update adds octets to a check sum. That of bzip2 is the one of IEEE 802.3 with the bits of each octet, and of the sum, in the other
// order.
func update(crc uint32, octets []byte) uint32 {
	var turned [1024]byte
	for len(octets) > 0 {
		n := min(len(octets), len(turned))
		for i, octet := range octets[:n] {
			turned[i] = bits.Reverse8(octet)
		}
		crc = crc32.Update(crc, crc32.IEEETable, turned[:n])
		octets = octets[n:]
	}
	return crc
}
