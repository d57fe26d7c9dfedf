package visibility

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// leftOut is what is nobody's address space: the prefixes within it are entities themselves and part of no other.
type leftOut struct {
	ranges    []addressRange // of the family, disjoint and sorted
	unlocated bool           // prefixes without a place as well
}

// addressRange is a range of addresses as rib.Key has them.
type addressRange struct{ first, last uint64 }

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
	slices.SortFunc(all, func(a, b addressRange) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last)) })
	out := leftOut{unlocated: unlocated}
	for _, r := range all {
		if n := len(out.ranges); n == 0 || r.last > out.ranges[n-1].last { // prefixes overlap only where one lies within the other
			out.ranges = append(out.ranges, r)
		}
	}
	s.leftOut = out
}

// counts reports whether a row, lying at place, is part of ASes, places and the world.
func (s *State) counts(r rib.Row, place placeID) bool {
	if place == 0 && s.leftOut.unlocated {
		return false
	}
	at := s.rib.Key(r).Address()
	i, found := slices.BinarySearchFunc(s.leftOut.ranges, at, func(x addressRange, a uint64) int { return cmp.Compare(x.first, a) })
	if !found {
		i--
	}
	return i < 0 || !s.leftOut.ranges[i].holds(s.rib.Key(r), s.family)
}

// holds reports whether a prefix that does not begin before the range lies within it.
func (x addressRange) holds(k rib.Key, f bgp.Family) bool {
	return k.Address()|(1<<(rib.Width(f)-k.Bits())-1) <= x.last
}
