package outage

import (
	"net/netip"
	"testing"
)

// TestNeighboursOfOneMinute checks that prefixes that are lost after many others of their origin
// are not compared with each of these.
func TestNeighboursOfOneMinute(t *testing.T) {
	t.Parallel()
	for _, n := range []int{100, 1000} {
		w := newWorld(t, noon, DefaultConfig())
		nets := networks(n)
		for _, p := range nets {
			w.add(prefixKey(p), []netip.Prefix{p})
		}
		w.minutes(10)
		for i, p := range nets {
			if i == n/2 {
				w.minutes(20)
			}
			w.setDown(prefixKey(p), 1)
		}
		w.minutes(20)
		if got, most := w.engine.steps, 40*n; got > most {
			t.Errorf("%d prefixes: looked at %d neighbours, want at most %d", n, got, most)
		}
	}
}
