package dated

import (
	"crypto/sha256"
	"fmt"
	"os"
	"time"
)

// Follow returns a function that returns the current choice for the present; first is the choice so
// far. The function chooses again once the folder's files differ from those of the last choice and
// are the same at two calls in a row, so that it does not use a folder while it is being filled. An
// error is returned once per change, and the choice stays. The function is for one goroutine.
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

// stamp hashes the snapshots of the present with the names, sizes and times of their files. A
// folder that cannot be listed has a stamp of its error.
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
