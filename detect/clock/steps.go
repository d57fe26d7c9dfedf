package clock

import (
	"errors"
	"iter"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// ErrSteps means that the caller did not take all steps of the last record. Then the states of the
// caller and of the clock differ, and the clock cannot be used any more.
var ErrSteps = errors.New("the steps of the record before were not all taken")

// Step is the next action of the caller: it applies a record or closes a window.
type Step struct {
	// Record is the record to apply; nil if Window closes. If it is invalid the caller calls Reject.
	Record *pb.RouteRecord
	// Effective is the record's effective time, microseconds since 1970. It is never before the
	// open window.
	Effective int64
	// Window is the beginning of the window that closes, seconds since 1970.
	Window int64
	// Partition and Offset are those of the record in the log. If the clock made Record, they are
	// those of the record that was pushed.
	Partition int32
	Offset    int64
	size      int // encoded octets; 0 if the clock made the record
}

// phase is the next call that the clock expects.
type phase uint8

const (
	toPush  phase = iota
	toRange       // range over Steps
	ranging       // in the loop over Steps, or after a loop that was left before its end
)

// steps are the steps of the record that was pushed last: records of the open window, then windows
// that close up to a time, each followed by the records that waited for the next window.
type steps struct {
	phase   phase
	records []Step  // of the open window
	taken   int     // of records, in the loop
	one     [1]Step // memory of records if there is only one
	until   int64   // windows that end by this time close, microseconds; none before the first window
}

// begin prepares the steps for another record.
func (s *steps) begin() error {
	if s.phase != toPush {
		return ErrSteps
	}
	s.phase, s.records, s.taken = toRange, s.one[:0], 0
	return nil
}

// Steps yields the steps of the record that was pushed last, in order. Take all of them. After a
// loop that ended early the clock cannot be used any more: Push returns ErrSteps, and Steps yields
// no step.
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
