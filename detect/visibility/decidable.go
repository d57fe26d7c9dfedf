package visibility

import "github.com/darkmap/darkmap/detect/rib"

// Decidable counts the prefixes for which a verdict is possible (the known ones), and all prefixes
// in the table.
func (s *State) Decidable() (decidable, all int) {
	s.each(func(rib.Row) { all++ })
	return s.knownRows, all
}

// AnyDecidable reports whether a verdict is possible for any prefix.
func (s *State) AnyDecidable() bool { return s.knownRows > 0 }
