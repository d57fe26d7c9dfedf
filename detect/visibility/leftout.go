package visibility

import (
	"net/netip"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// leftOut is what is nobody's address space: the prefixes within it are entities themselves and part of no other.
type leftOut struct {
	ranges    rangeSet // of the family
	unlocated bool     // prefixes without a place as well
}

// LeaveOut takes the prefixes within set, of the state's family, out of every entity but their own; with unlocated also those that have
// no place. Call it before the first Close. Entries longer than a /24 or /48 stand for the one that they lie in.
func (s *State) LeaveOut(set []netip.Prefix, unlocated bool) {
	var all []addressRange
	for _, p := range set {
		if bgp.FamilyOf(p) != s.family {
			continue
		}
		p, _ = p.Addr().Prefix(min(p.Bits(), s.family.MaxLength())) // the length is within bounds
		first := rib.Address(p.Addr())
		all = append(all, addressRange{first, first | (1<<(rib.Width(s.family)-p.Bits()) - 1)})
	}
	s.leftOut = leftOut{ranges: newRangeSet(all, s.family), unlocated: unlocated}
}

// counts reports whether a row, lying at place, is part of ASes, places and the world.
func (s *State) counts(r rib.Row, place placeID) bool {
	if place == 0 && s.leftOut.unlocated {
		return false
	}
	return !s.leftOut.ranges.holds(rangeOf(s.rib.Key(r), s.family))
}
