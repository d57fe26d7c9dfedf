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
	s.leftOut = leftOut{ranges: disjoint(all), unlocated: unlocated}
}

// disjoint sorts ranges of prefixes and drops those that lie within others.
func disjoint(all []addressRange) (out []addressRange) {
	slices.SortFunc(all, func(a, b addressRange) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last)) })
	for _, r := range all {
		if n := len(out); n == 0 || r.last > out[n-1].last { // prefixes overlap only where one lies within the other
			out = append(out, r)
		}
	}
	return out
}

// rangeOf is the addresses of a prefix.
func rangeOf(k rib.Key, f bgp.Family) addressRange {
	return addressRange{k.Address(), k.Address() | (1<<(rib.Width(f)-k.Bits()) - 1)}
}

// touches reports whether x shares an address with one of disjoint, sorted ranges.
func touches(ranges []addressRange, x addressRange) bool {
	i, found := slices.BinarySearchFunc(ranges, x.first, func(r addressRange, a uint64) int { return cmp.Compare(r.first, a) })
	return found || i < len(ranges) && ranges[i].first <= x.last || i > 0 && ranges[i-1].last >= x.first
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
	return rangeOf(k, f).last <= x.last
}
