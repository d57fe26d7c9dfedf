package visibility

import "github.com/darkmap/darkmap/detect/rib"

// Decidable counts the prefixes of which a verdict is possible, those that are known, and all that are in the table.
func (s *State) Decidable() (decidable, all int) {
	s.each(func(r rib.Row) {
		all++
		if int(r) < len(s.prefixes) && s.prefixes[r].flags&known != 0 {
			decidable++
		}
	})
	return decidable, all
}

// AnyDecidable reports whether a verdict is possible of any prefix.
func (s *State) AnyDecidable() bool {
	for r := range s.prefixes {
		if s.prefixes[r].flags&known != 0 && s.rib.Key(rib.Row(r)) != 0 {
			return true
		}
	}
	return false
}
