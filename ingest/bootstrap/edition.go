package bootstrap

import (
	"encoding/binary"
	"errors"
	"hash/maphash"

	"github.com/darkmap/darkmap/internal/capture"
)

// errAnother reports that a file is not the one of which a part was passed on.
var errAnother = errors.New("the file was published again, and is another")

// edition distinguishes two cases of a file that was published again: it is the same file, but
// longer, or it is another.
type edition struct {
	said uint64 // number of the last record that was passed on
	hash uint64 // hash of all records up to it
	sum  maphash.Hash
	same bool // in this reading, all records up to said equal those passed on
}

// begin starts another reading.
func (e *edition) begin() {
	e.sum.Reset()
	e.same = e.said == 0
}

// pass reports whether a record was passed on already. The error is errAnother.
func (e *edition) pass(it *capture.Item) (again bool, err error) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(it.Timestamp))
	_, _ = e.sum.Write(b[:]) // cannot fail, like the next call
	_, _ = e.sum.Write(it.Message)
	if it.Number == e.said {
		e.same = e.sum.Sum64() == e.hash
	}
	if it.Number >= e.said && !e.same {
		return false, errAnother
	}
	return it.Number <= e.said, nil
}

// handed records that a record was passed on.
func (e *edition) handed(it *capture.Item) { e.said, e.hash = it.Number, e.sum.Sum64() }

// end ends a reading at the end of the file. A file that is shorter than the part passed on before
// is another one.
func (e *edition) end() error {
	if !e.same {
		return errAnother
	}
	return nil
}
