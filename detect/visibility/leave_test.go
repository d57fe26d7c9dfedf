package visibility

import (
	"slices"
	"testing"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// TestManyLeaveAtOnce checks that the cost is linear when all prefixes of a country move to
// another one.
func TestManyLeaveAtOnce(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 8, 9, 1000, 8000} {
		b := newBench(t, 4, true)
		for b.now%3600 != 3540 { // places may change in the first minute of an hour
			b.now += 60
		}
		keys := make([]rib.Key, n)
		for i := range keys {
			keys[i] = rib.Key(uint64(10<<24|i<<8)<<8 | 24)
			b.announce(keys[i], 64500, 64510, upTo(4)...)
			b.place(keys[i], "AA")
		}
		b.close()
		b.s.steps = 0
		for _, k := range keys {
			b.place(k, "BB")
		}
		b.close()
		if got := b.s.steps; got > 8*n {
			t.Errorf("%d prefixes: looked at %d members, want at most %d", n, got, 8*n)
		}
		for code, want := range map[string]int{"AA": 0, "BB": n} {
			i := b.s.byKey[outage.Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: code}]
			if got := len(b.s.entities[i].members); got != want {
				t.Errorf("%d prefixes: %s has %d members, want %d", n, code, got, want)
			}
		}
	}
}

// TestLeaveAndComeBack checks that a row that leaves a list and comes back in the same round stays
// in it once.
func TestLeaveAndComeBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, 4, true)
	e := b.s.entity(bgp.EntityCountry, "AA")
	for r := range rib.Row(20) {
		b.s.join(e, r)
	}
	for r := range rib.Row(15) {
		b.s.leave(e, r)
	}
	b.s.join(e, 3)
	b.s.dismiss()
	got := slices.Sorted(slices.Values(b.s.entities[e].members))
	if want := []rib.Row{3, 15, 16, 17, 18, 19}; !slices.Equal(got, want) {
		t.Errorf("got members %v, want %v", got, want)
	}
}
