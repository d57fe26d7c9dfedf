package visibility

import (
	"net/netip"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// leftOut is the address space that no network owns. Prefixes within it are entities of their own
// and part of no other entity.
type leftOut struct {
	ranges    rangeSet // of the family
	unlocated bool     // prefixes without a place are left out as well
}

// LeaveOut excludes the prefixes within set, of the state's family, from every entity except their
// own. With unlocated it also excludes the prefixes without a place. Call it before the first
// Close. An entry longer than a /24 or /48 counts as the /24 or /48 around it.
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

// counts reports whether a row with this place is part of ASes, places and the world.
func (s *State) counts(r rib.Row, place placeID) bool {
	if place == 0 && s.leftOut.unlocated {
		return false
	}
	return !s.leftOut.ranges.holds(rangeOf(s.rib.Key(r), s.family))
}
