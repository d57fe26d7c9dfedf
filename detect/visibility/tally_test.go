package visibility

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestOriginsInAnyOrder checks that an origin whose voters come over several paths counts with all
// of them, in any order of the paths.
func TestOriginsInAnyOrder(t *testing.T) {
	t.Parallel()
	pairs := []HeardFrom{{64520, 2}}
	for i := range bgp.ASN(8) {
		pairs = append(pairs, HeardFrom{64500 + i, 2})
	}
	pairs = append(pairs, HeardFrom{64520, 2}, HeardFrom{64520, 2}, HeardFrom{64510, 1})
	r := rand.New(rand.NewPCG(1, 2))
	var o asCount
	for range 20 {
		o.empty()
		for _, p := range pairs {
			o.add(p.ASN, p.Voters)
		}
		if got, want := o.atLeastFifth(23), []bgp.ASN{64520}; !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", pairs, got, want)
		}
		r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	}
}

// TestOriginsAreBounded checks that of too many origins the most seen stay, and the lower numbers
// among equals.
func TestOriginsAreBounded(t *testing.T) {
	t.Parallel()
	var o asCount
	for i := range bgp.ASN(12) {
		o.add(64511-i, 1+int(i&1))
	}
	got, want := o.atLeastFifth(5), []bgp.ASN{64500, 64501, 64502, 64503, 64504, 64506, 64508, 64510}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
