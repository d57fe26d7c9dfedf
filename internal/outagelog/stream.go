package outagelog

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Stream applies a filter to outages as their records come, and passes the beginning and the end of an outage together or neither.
// It holds the outages that have not ended, and the ids of at most maxTold that have. It is not safe for concurrent use.
type Stream struct {
	filter Filter
	// begun were passed on and have not ended, with the sequence of the last record; waiting begin before Filter.From and may end
	// before it.
	begun   map[key]uint32
	waiting map[key]bgp.Outage
	// told were passed on to their end: such a one can be reopened. Of any other the first record that passes is its beginning.
	told    map[key]bool
	reached time.Time // of the newest record, event time
}

// maxTold bounds the ended outages that a Stream remembers. When there are more it forgets all of them.
const maxTold = 100_000

// NewStream filters a stream.
func NewStream(f Filter) *Stream {
	return &Stream{filter: f, begun: map[key]uint32{}, waiting: map[key]bgp.Outage{}, told: map[key]bool{}}
}

// Add takes an outage as its newest record has it, and returns what there is to tell: beginnings (opened or reopened; with
// Filter.All suspected too) and ends (closed, retracted). An outage of which only the end is known to pass comes as both.
func (s *Stream) Add(o bgp.Outage) []bgp.Outage {
	k := key{o.Dataset, o.ID}
	if at := o.Start.Add(time.Duration(o.DurationSeconds) * time.Second); at.After(s.reached) {
		s.reached = at
	}
	ended := o.State == bgp.StateClosed || o.State == bgp.StateRetracted
	delete(s.waiting, k)
	out := s.release()
	sequence, begun := s.begun[k]
	switch {
	case begun && ended:
		delete(s.begun, k)
		s.remember(k)
		return append(out, o)
	case begun:
		if o.Sequence > sequence && (o.Event == bgp.EventOpened || o.Event == bgp.EventReopened) {
			out = append(out, o)
		}
		s.begun[k] = max(sequence, o.Sequence)
		return out
	case !s.filter.Shows(o), o.State == bgp.StateSuspected && !s.filter.All:
		return out
	case ended && s.told[k]: // its end was read twice
		return out
	case ended:
		s.remember(k)
		return append(out, beginning(o), o)
	case o.Start.Before(s.filter.From) && !s.reached.After(s.filter.From):
		s.waiting[k] = o
		return out
	}
	s.begun[k] = o.Sequence
	if s.told[k] && o.Event == bgp.EventReopened {
		return append(out, o)
	}
	return append(out, beginning(o))
}

func (s *Stream) remember(k key) {
	if len(s.told) >= maxTold {
		clear(s.told)
	}
	s.told[k] = true
}

// Follows reports whether the beginning of the outage was passed on, and its end was not.
func (s *Stream) Follows(o bgp.Outage) bool {
	_, ok := s.begun[key{o.Dataset, o.ID}]
	return ok
}

// release passes on what has lasted until Filter.From.
func (s *Stream) release() []bgp.Outage {
	if len(s.waiting) == 0 || !s.reached.After(s.filter.From) {
		return nil
	}
	out := slices.SortedFunc(maps.Values(s.waiting), func(a, b bgp.Outage) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Dataset, b.Dataset))
	})
	for i, o := range out {
		s.begun[key{o.Dataset, o.ID}] = o.Sequence
		out[i] = beginning(o)
	}
	clear(s.waiting)
	return out
}

// beginning is the record that tells that an outage began.
func beginning(o bgp.Outage) bgp.Outage {
	switch o.Event {
	case bgp.EventOpened, bgp.EventSuspected:
		return o
	case bgp.EventReopened, bgp.EventUpdated, bgp.EventClosed, bgp.EventRetracted:
	}
	o.Event, o.State, o.End, o.EndReason = bgp.EventOpened, bgp.StateOpen, nil, bgp.NotEnded
	return o
}
