package outagelog

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Stream applies a filter to outages as their records come. It passes the beginning and the end of
// an outage together or neither. It holds the open outages, and the ids of at most maxTold ended
// ones. It is not safe for concurrent use.
type Stream struct {
	filter Filter
	// begun holds the open outages whose beginning was passed on, with the sequence of the last
	// record. waiting holds outages that began before Filter.From and may end before it.
	begun   map[key]uint32
	waiting map[key]bgp.Outage
	// told holds the outages whose end was passed on, which can be reopened. Of any other outage
	// the first record that passes is its beginning.
	told    map[key]bool
	reached time.Time // event time of the newest record
}

// maxTold bounds the ended outages in a Stream. Beyond it the Stream forgets all of them.
const maxTold = 100_000

// NewStream returns a Stream with a filter.
func NewStream(f Filter) *Stream {
	return &Stream{filter: f, begun: map[key]uint32{}, waiting: map[key]bgp.Outage{}, told: map[key]bool{}}
}

// Add takes the newest record of an outage, and returns the records to pass on: beginnings (opened
// or reopened; with Filter.All suspected too) and ends (closed, retracted). If only the end of an
// outage is known to pass, Add returns both.
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

// release passes on the outages that have lasted until Filter.From.
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

// beginning returns the record of the beginning of an outage.
func beginning(o bgp.Outage) bgp.Outage {
	switch o.Event {
	case bgp.EventOpened, bgp.EventSuspected:
		return o
	case bgp.EventReopened, bgp.EventUpdated, bgp.EventClosed, bgp.EventRetracted:
	}
	o.Event, o.State, o.End, o.EndReason = bgp.EventOpened, bgp.StateOpen, nil, bgp.NotEnded
	return o
}
