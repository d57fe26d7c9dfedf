package bzip2

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
)

// maxWorkers is the maximum number of blocks decompressed at a time: the reader of the records is
// slower than more workers.
const maxWorkers = 4

// Reader decompresses a bzip2 file. One goroutine uses it.
type Reader struct {
	in      io.Reader
	workers int
	// order holds the blocks in the order of the file. free holds blocks already read, to reuse
	// their memory.
	order chan *job
	free  chan *job
	stop  chan struct{}

	current *job
	runs    runs
	// sum is the checksum of the stream so far.
	sum uint32
	err error
	// alone decompresses blocks that the workers could not: those with a false magic inside.
	alone *decoder
}

// job is a piece in progress.
type job struct {
	piece
	block
	// err is the reason why the block could not be decompressed completely.
	err  error
	done chan struct{}
}

// NewReader returns a Reader of the file in. It decompresses up to workers blocks at a time, at
// least 1 and at most 4. It starts with the first Read. The caller must close the Reader; another
// goroutine reads in until then.
func NewReader(in io.Reader, workers int) *Reader {
	return &Reader{in: in, workers: min(max(workers, 1), maxWorkers)}
}

// start starts the goroutines that split and decompress.
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

// split sends the pieces to the workers and to the reader, until the last piece or a stop.
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

// unpack decompresses the block.
func (j *job) unpack(d *decoder) {
	j.block, j.err = d.unpack(j.data, j.bit+48, j.size, j.octets[:0])
	if j.err == nil && j.whole && j.block.end > j.piece.end {
		j.err = errShort
	}
}

// Read implements io.Reader. The error of a truncated file is io.ErrUnexpectedEOF, that of a
// damaged one a FormatError. It is returned after all octets of the blocks before.
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
			return (<-r.order).piece.err // the reason why nothing follows
		case j.err != nil:
			return j.err
		}
		r.current, r.runs = j, runs{}
		return nil
	}
}

// join decompresses j together with the piece after it, because the magic between them was a part
// of the block. It returns nil if no block follows.
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

// Close ends the goroutines. One that reads the input ends when the input returns; a terminal may
// never.
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

// runs undoes the run-length coding of a block: after four equal octets comes the number of further
// ones.
type runs struct {
	at    int
	last  byte
	equal int
	// left is the number of repetitions of last still to write.
	left int
	crc  uint32
}

// read fills p from the octets of the block and returns the number of octets written, 0 at the end
// of the block.
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

// sum returns the checksum of the octets written so far.
func (r *runs) sum() uint32 { return bits.Reverse32(r.crc) }

// update adds octets to a checksum. bzip2's is that of IEEE 802.3 with the bits of each octet, and
// of the sum, in reverse order.
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
