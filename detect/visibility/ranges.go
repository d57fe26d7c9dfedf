package visibility

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// addressRange is a range of addresses in the form of rib.Key.
type addressRange struct{ first, last uint64 }

// rangeOf returns the address range of a prefix.
func rangeOf(k rib.Key, f bgp.Family) addressRange {
	return addressRange{k.Address(), k.Address() | (1<<(rib.Width(f)-k.Bits()) - 1)}
}

// maxRangeBits bounds the directory of a set of ranges: 65,536 entries of 4 octets.
const maxRangeBits = 16

// rangeSet is a set of disjoint ranges of addresses. The zero value is empty. It is searched for
// every prefix of a table, so the first bits of an address select the few ranges that may contain
// it.
type rangeSet struct {
	ranges []addressRange // sorted
	shift  uint           // an address shifted right by this is its index in begins
	// begins holds, by the first bits of an address, the first range that ends at or after the
	// first address with these bits.
	begins []uint32
}

// newRangeSet builds a set from the ranges of prefixes of a family. It drops ranges that lie
// within others.
func newRangeSet(all []addressRange, f bgp.Family) rangeSet {
	slices.SortFunc(all, func(a, b addressRange) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last))
	})
	var s rangeSet
	for _, r := range all {
		// Prefixes overlap only if one lies within the other.
		if n := len(s.ranges); n == 0 || r.last > s.ranges[n-1].last {
			s.ranges = append(s.ranges, r)
		}
	}
	if len(s.ranges) == 0 {
		return s
	}
	n := min(bits.Len(uint(len(s.ranges)))+3, maxRangeBits)
	s.shift = uint(rib.Width(f) - n)
	s.begins = make([]uint32, 1<<n)
	at := uint32(0)
	for i := range s.begins {
		for int(at) < len(s.ranges) && s.ranges[at].last < uint64(i)<<s.shift {
			at++
		}
		s.begins[i] = at
	}
	return s
}

// from returns the number of the first range that ends at or after an address, or the number of
// ranges if there is none.
func (s *rangeSet) from(address uint64) int {
	if len(s.ranges) == 0 {
		return 0
	}
	entry := address >> s.shift
	low, high := int(s.begins[entry]), len(s.ranges)
	if entry+1 < uint64(len(s.begins)) {
		high = int(s.begins[entry+1])
	}
	if high-low <= 8 {
		for low < high && s.ranges[low].last < address {
			low++
		}
		return low
	}
	return low + sort.Search(high-low, func(i int) bool { return s.ranges[low+i].last >= address })
}

// touches reports whether x shares an address with one of the ranges.
func (s *rangeSet) touches(x addressRange) bool {
	i := s.from(x.first)
	return i < len(s.ranges) && s.ranges[i].first <= x.last
}

// holds reports whether x lies within one of the ranges.
func (s *rangeSet) holds(x addressRange) bool {
	i := s.from(x.first)
	return i < len(s.ranges) && s.ranges[i].first <= x.first && x.last <= s.ranges[i].last
}
