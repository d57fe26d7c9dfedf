package clock

import (
	"errors"
	"iter"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// ErrSteps tells that the steps of the record before were not all taken: what the caller knows and what the clock knows
// is no longer the same, and the clock cannot be used any more.
var ErrSteps = errors.New("the steps of the record before were not all taken")

// Step is what the caller does next: it applies a record, or closes a window.
type Step struct {
	// Record to apply; nil where Window closes. Where it says something impossible, the caller says so with Reject.
	Record *pb.RouteRecord
	// Effective is the record's effective time, microseconds since 1970; never before the open window.
	Effective int64
	// Window that closes: its beginning, seconds since 1970.
	Window int64
	// Partition and Offset of the record that was read. Where the clock made Record itself: of the one that led to it.
	Partition int32
	Offset    int64
	size      int // octets, as encoded; 0 where the clock made the record
}

// phase says what the caller has to do next.
type phase uint8

const (
	toPush  phase = iota
	toRange       // over Steps
	ranging       // in the loop over Steps, or out of it before its end
)

// steps are what the record pushed last leads to: records of the open window, then windows to close up to a time, each
// followed by the records that waited for the next one.
type steps struct {
	phase   phase
	records []Step  // of the open window
	taken   int     // of records, in the loop
	one     [1]Step // where records are kept as long as there is only one
	until   int64   // windows that end then or before close, microseconds; none before the first window
}

// begin makes the steps ready for another record.
func (s *steps) begin() error {
	if s.phase != toPush {
		return ErrSteps
	}
	s.phase, s.records, s.taken = toRange, s.one[:0], 0
	return nil
}

// Steps yields what the record pushed last leads to, in order. A loop that does not go to its end leaves a clock of
// which no more can be made: Push then returns ErrSteps, and Steps yields nothing.
func (c *Clock) Steps() iter.Seq[Step] {
	return func(yield func(Step) bool) { c.each(yield) }
}

func (c *Clock) each(yield func(Step) bool) {
	s := &c.steps
	if s.phase != toRange {
		return
	}
	s.phase = ranging
	for {
		for s.taken = 0; s.taken < len(s.records); {
			s.taken++
			if !yield(s.records[s.taken-1]) {
				return
			}
		}
		if c.open+window > s.until {
			break
		}
		closing := c.open
		c.openWindow(closing + window)
		s.taken = 0
		if !yield(Step{Window: closing / second}) {
			return
		}
	}
	s.phase = toPush
}
