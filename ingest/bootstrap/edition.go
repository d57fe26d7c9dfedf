package bootstrap

import (
	"encoding/binary"
	"errors"
	"hash/maphash"

	"github.com/darkmap/darkmap/internal/capture"
)

// errAnother is a file that is not the one of which a part was handed out.
var errAnother = errors.New("the file was published again, and is another")

// edition tells a file that was published again from the one of which a part was handed out, grown longer.
type edition struct {
	said uint64 // the last record that was handed out
	hash uint64 // of all up to it
	sum  maphash.Hash
	same bool // in this reading, all up to said are those that were handed out
}

// begin begins another reading.
func (e *edition) begin() {
	e.sum.Reset()
	e.same = e.said == 0
}

// pass reports whether a record was handed out already. The error is errAnother.
func (e *edition) pass(it *capture.Item) (again bool, err error) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(it.Timestamp))
	_, _ = e.sum.Write(b[:]) // cannot fail, like the next
	_, _ = e.sum.Write(it.Message)
	if it.Number == e.said {
		e.same = e.sum.Sum64() == e.hash
	}
	if it.Number >= e.said && !e.same {
		return false, errAnother
	}
	return it.Number <= e.said, nil
}

// handed notes that a record was handed out.
func (e *edition) handed(it *capture.Item) { e.said, e.hash = it.Number, e.sum.Sum64() }

// end ends a reading at the end of the file: one that lacks what was handed out is another.
func (e *edition) end() error {
	if !e.same {
		return errAnother
	}
	return nil
}
