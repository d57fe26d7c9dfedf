package visibility

import (
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// youngSeconds is the time after which a prefix of a new network is known.
	youngSeconds = 30 * 60
	// leastYoung is the least number of prefixes of a new network. A single one may be a leak or a
	// hijack.
	leastYoung = 2
	// maxYoung bounds the young prefixes.
	maxYoung = 1 << 16
	// maxExpected bounds the expected prefixes of adopted events.
	maxExpected = 1 << 18
)

// youth is a prefix that is seen but not known, in a country or region that had no known prefix
// when it came.
type youth struct {
	since  int64 // Unix seconds
	entity uint32
}

// learnYoung makes prefixes known after half an hour if their country or region had no known prefix
// when they came. Half of the voters must hold them. At least leastYoung of them must be due, or
// one if the country or region has a known prefix by now. Their present visibility becomes usual.
// Elsewhere a prefix becomes known after half a day. learnYoung also makes the expected prefixes
// known.
func (s *State) learnYoung() {
	if s.knowledge != bgp.TablesComplete {
		return
	}
	for i := range s.plan {
		s.noteYoung(s.plan[i].row)
	}
	expected := s.takeExpected()
	due := make(map[uint32][]rib.Row)
	for r, y := range s.young { // rows are collected by entity: their order has no effect
		if s.now-y.since >= youngSeconds {
			due[y.entity] = append(due[y.entity], r)
		}
	}
	if len(due)+len(expected) == 0 {
		return
	}
	affected := s.rows
	s.plan, s.rows = s.plan[:0], nil
	for _, r := range expected {
		s.makeKnown(r)
	}
	for i, rows := range due {
		if len(rows) < leastYoung && s.entities[i].knownCount == 0 {
			continue
		}
		for _, r := range rows {
			delete(s.young, r)
			s.makeKnown(r)
		}
	}
	if len(s.plan) > 0 {
		s.apply()
	}
	s.rows = append(s.rows, affected...)
}

// Expect names prefixes that were known before the state began and may be lost. They become known
// as soon as half of the voters hold them again, and not only after half a day.
func (s *State) Expect(codes []string) {
	for _, code := range codes {
		if k, ok := keyOf(code); ok && len(s.expected) < maxExpected {
			if s.expected == nil {
				s.expected = make(map[rib.Key]struct{})
			}
			s.expected[k] = struct{}{}
		}
	}
}

// takeExpected lists, in order, the rows of expected prefixes that half of the voters hold and
// that are not known.
func (s *State) takeExpected() []rib.Row {
	var seen []rib.Row
	for k := range s.expected {
		r, ok := s.rib.Row(k)
		if !ok || int(r) >= len(s.prefixes) {
			continue
		}
		flags := s.prefixes[r].flags
		if flags&(known|wide) == wide {
			seen = append(seen, r)
			delete(s.young, r)
		}
		if flags&(known|wide) != 0 {
			delete(s.expected, k)
		}
	}
	slices.Sort(seen)
	return seen
}

// noteYoung adds a row that changed to the young ones, or removes it if it is not young.
func (s *State) noteYoung(r rib.Row) {
	p := &s.prefixes[r]
	if p.flags&(known|wide) != wide {
		delete(s.young, r)
		return
	}
	if _, ok := s.young[r]; ok || len(s.young) >= maxYoung {
		return
	}
	best := uint32(world)
	for _, sh := range s.places.sets[p.place] {
		if e := &s.entities[sh.entity]; e.knownCount == 0 &&
			(best == world || before(e.key, s.entities[best].key)) {
			best = sh.entity
		}
	}
	if best != world {
		s.young[r] = youth{since: s.now, entity: best}
	}
}

// before orders countries before regions, then by code.
func before(a, b outage.Key) bool {
	if a.Type != b.Type {
		return a.Type == bgp.EntityCountry
	}
	return a.Code < b.Code
}

// makeKnown makes the present visibility of a row usual.
func (s *State) makeKnown(r rib.Row) {
	p, c, t := &s.prefixes[r], s.changeOf(r), s.count(r)
	p.usual = sampleOf(t.held, s.voters.N)
	s.days.fill(&p.day, p.usual)
	s.settle(p, &c)
	widen(&c, t.held, s.voters.N)
	s.propose(c)
}
