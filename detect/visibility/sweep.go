package visibility

import (
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// steadyFlags are the flags of a steady row. Most rows are steady: the prefix is known, counted and
// visible, its usual voters hold it from one usual origin, and its statuses in the rib are the
// usual ones.
const steadyFlags = known | seen | counted | wide

// steady has what a sweep over all rows finds once and uses for every steady row.
type steady struct {
	// shares are the shares of the usual voters that hold a steady row, by its usual visibility. 0:
	// the row would be lost or partly visible.
	shares [wholeShare + 1]uint16
	// origins is the last set of origins that was looked up. origin is its only origin, or 0.
	origins originID
	origin  bgp.ASN
}

// sweep judges all rows, with the result of look. The voters of all steady rows are counted once.
func (s *State) sweep() {
	if s.knowledge != bgp.TablesComplete || s.left != nil {
		s.each(s.look)
		return
	}
	var x steady
	t := s.countUsual()
	for usual := 1; usual <= wholeShare; usual++ {
		flags, share := s.weigh(steadyFlags, uint8(usual), t)
		if flags == steadyFlags && share >= partialBelow {
			x.shares[usual] = uint16(share)
		}
	}
	s.each(func(r rib.Row) {
		if !s.lookSteady(r, &x) {
			s.look(r)
		}
	})
}

// lookSteady is look for a steady row that remains so. It returns false for another row.
func (s *State) lookSteady(r rib.Row, x *steady) bool {
	p := &s.prefixes[r]
	if p.flags != steadyFlags || p.since != 0 || p.staged != 0 || p.origins != p.usually ||
		x.shares[p.usual] == 0 || !s.rib.IsUsual(r) {
		return false
	}
	if p.origins != x.origins {
		x.origins, x.origin = p.origins, 0
		if l := s.origins.list(p.origins); len(l) == 1 {
			x.origin = l[0]
		}
	}
	if a, ok := s.rib.OneOrigin(r); !ok || a != x.origin || a == 0 {
		return false
	}
	p.share = x.shares[p.usual]
	c := s.changeOf(r)
	s.noteHolding(&c, false)
	return true
}
