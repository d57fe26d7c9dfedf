package visibility

import (
	"iter"

	"github.com/darkmap/darkmap/detect/rib"
)

// covered reports whether visible routes of the usual origins carry every address of a prefix whose
// own routes are lost. Either one route above the prefix does, or more-specific routes do that fill
// it together.
func (s *State) covered(r rib.Row, p *prefix) bool {
	return s.underOwn(p) || s.carried(p) == s.rib.Key(r).Space(s.family)
}

// carried returns how much of a prefix's space its usual origins carry with visible more-specific
// prefixes, in units of bgp.Space.
func (s *State) carried(p *prefix) (space uint64) {
	for r := range s.carriers(p, p.usually) {
		space += s.rib.Key(r).Space(s.family)
	}
	return space
}

// carriers yields, in order, the visible more-specific prefixes of p that one of the origins
// originates. It leaves out prefixes within another carrier.
func (s *State) carriers(p *prefix, origins originID) iter.Seq[rib.Row] {
	return func(yield func(rib.Row) bool) {
		if p.node != 0 {
			s.carriersBelow(p.node, p.coveredWhen(), origins, yield)
		}
	}
}

// carriersBelow yields the carriers below a node that have the flag. It returns false if yield
// stopped it.
func (s *State) carriersBelow(at uint32, flag uint8, origins originID, yield func(rib.Row) bool) bool {
	for _, child := range s.trie.nodes[at].child {
		if child == 0 {
			continue
		}
		row := s.trie.nodes[child].row
		own := row != noRow && s.prefixes[row].flags&flag != 0 &&
			s.origins.meet(s.prefixes[row].origins, origins)
		if own && !yield(rib.Row(row)) || !own && !s.carriersBelow(child, flag, origins, yield) {
			return false
		}
	}
	return true
}
