package visibility

import "github.com/darkmap/darkmap/detect/rib"

// Decidable counts the prefixes of which a verdict is possible, those that are known, and all that are in the table.
func (s *State) Decidable() (decidable, all int) {
	s.each(func(rib.Row) { all++ })
	return s.knownRows, all
}

// AnyDecidable reports whether a verdict is possible of any prefix.
func (s *State) AnyDecidable() bool { return s.knownRows > 0 }
