package visibility

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// TestRangeSet compares the directory with a search of every range, for few and many ranges,
// spread out and close together.
func TestRangeSet(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range bgp.Families {
		for _, ranges := range []int{0, 1, 2, 20, 600} {
			for _, least := range []int{8, 20} { // with 20 bits all have the first 8 bits in common
				key := func() rib.Key {
					n := least + rng.IntN(f.MaxLength()-least+1)
					at := uint64(0x2a)<<(rib.Width(f)-8) | rng.Uint64()>>(64-rib.Width(f)+8)
					if least == 8 {
						at = rng.Uint64() >> (64 - rib.Width(f))
					}
					return truncate(rib.Key(at<<8|uint64(rib.Width(f))), f, n)
				}
				var all []addressRange
				for range ranges {
					all = append(all, rangeOf(key(), f))
				}
				set := newRangeSet(slices.Clone(all), f)
				asked := []addressRange{{0, 0}, {1<<rib.Width(f) - 1, 1<<rib.Width(f) - 1}}
				for range 500 {
					asked = append(asked, rangeOf(key(), f))
				}
				for _, r := range all {
					asked = append(asked, r, addressRange{r.last, r.last}, addressRange{r.first, r.first})
				}
				for _, x := range asked {
					touches := slices.ContainsFunc(all, func(r addressRange) bool { return r.first <= x.last && x.first <= r.last })
					holds := slices.ContainsFunc(all, func(r addressRange) bool { return r.first <= x.first && x.last <= r.last })
					if set.touches(x) != touches || set.holds(x) != holds {
						t.Fatalf("%s, %d ranges, %+v: touches %v, want %v; holds %v, want %v", f, ranges, x, set.touches(x), touches, set.holds(x), holds)
					}
				}
			}
		}
	}
}
