package geo

import (
	"cmp"
	"iter"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// All returns the prefixes of the table with their places, by address. No prefix contains another.
func (s *Snapshot) All() iter.Seq2[netip.Prefix, Place] {
	return func(yield func(netip.Prefix, Place) bool) {
		for p, id := range s.table.AllSorted() {
			if !yield(p, s.places[id]) {
				return
			}
		}
	}
}

// Country returns the country that holds most of p, the first by code if several hold the same
// amount. It is empty if no country is known. Country visits every prefix of the table within p.
func (s *Snapshot) Country(p netip.Prefix) string {
	if id, ok := s.table.LookupPrefix(p); ok {
		return s.places[id].Country
	}
	space := map[string]uint64{}
	for part, id := range s.table.Subnets(p) {
		space[s.places[id].Country] += bgp.Space(part)
	}
	most := ""
	for country, n := range space {
		if cmp.Or(cmp.Compare(n, space[most]), cmp.Compare(most, country)) > 0 {
			most = country
		}
	}
	return most
}
