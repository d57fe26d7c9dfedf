package dated

import (
	"slices"
	"time"
)

// Follow returns a function that chooses for the present, again whenever the folder has other entries than at the call before. first is the
// choice so far. The function is for one goroutine.
func Follow(in Inputs, first Choice) func() (Choice, error) {
	seen, _, _ := List(in.Dir) // what cannot be listed was told when first was chosen
	choice := first
	return func() (Choice, error) {
		now, _, err := List(in.Dir)
		if err != nil && in.Configured {
			return choice, err
		}
		if slices.EqualFunc(seen, now, func(a, b Snapshot) bool { return a.Day.Equal(b.Day) && slices.Equal(a.Paths, b.Paths) }) {
			return choice, nil
		}
		seen = now // what cannot be used is told once
		next, err := Choose(in, time.Time{})
		if err != nil {
			return choice, err
		}
		choice = next
		return choice, nil
	}
}
