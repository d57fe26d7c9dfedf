package dated

import (
	"crypto/sha256"
	"fmt"
	"os"
	"time"
)

// Follow returns a function that chooses for the present, again where the folder's snapshots have other files than at the choice before, and
// were the same at two calls in a row: a folder that is being filled is not taken up in parts. first is the choice so far. What cannot be used
// is told once, and the choice stays. The function is for one goroutine.
func Follow(in Inputs, first Choice) func() (Choice, error) {
	taken := in.stamp()
	last, choice := taken, first
	return func() (Choice, error) {
		now := in.stamp()
		same := now == last
		last = now
		if !same || now == taken {
			return choice, nil
		}
		taken = now
		next, err := Choose(in, time.Time{})
		if err != nil {
			return choice, err
		}
		choice = next
		return choice, nil
	}
}

// stamp names the snapshots of the present and the names, sizes and times of their files; what cannot be listed has one of its own.
func (in Inputs) stamp() [sha256.Size]byte {
	h := sha256.New()
	all, _, err := List(in.Dir)
	fmt.Fprintln(h, err)
	all, _ = in.reached(all, time.Time{})
	for _, s := range all {
		for _, p := range s.Paths {
			files, err := filesIn(p)
			fmt.Fprintln(h, p, err)
			for _, f := range files {
				if info, err := os.Stat(f); err == nil {
					fmt.Fprintln(h, f, info.Size(), info.ModTime().UnixNano())
				}
			}
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
