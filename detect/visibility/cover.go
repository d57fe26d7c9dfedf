package visibility

// covered reports whether visible routes of the usual origins carry every address of a prefix whose own routes are lost: one
// above it, or more-specific ones that fill it together.
func (s *State) covered(p *prefix) bool {
	return s.underOwn(p) || s.filled(p)
}

// filled reports whether visible more-specific prefixes of the usual origins have all of a prefix's addresses.
func (s *State) filled(p *prefix) bool {
	return p.node != 0 && s.filledBelow(p.coveredWhen(), p.node, p.usually)
}

// filledBelow reports whether prefixes with a flag under a node that one of the origins originates have all of its addresses.
func (s *State) filledBelow(flag uint8, at uint32, origins originID) bool {
	n := &s.trie.nodes[at]
	for _, child := range n.child {
		if child == 0 || s.trie.nodes[child].key.Bits() != n.key.Bits()+1 {
			return false
		}
		row := s.trie.nodes[child].row
		own := row != noRow && s.prefixes[row].flags&flag != 0 && s.origins.meet(s.prefixes[row].origins, origins)
		if !own && !s.filledBelow(flag, child, origins) {
			return false
		}
	}
	return true
}
