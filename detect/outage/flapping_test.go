package outage

import (
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestFlappersOneEvent checks that a flapping entity has one published event, for any period and
// any lost share of it.
func TestFlappersOneEvent(t *testing.T) {
	t.Parallel()
	for _, period := range []int{2, 3, 4, 5, 6, 8, 10, 15} {
		for out := 1; out < period; out += max(1, period/5) {
			w := newWorld(t, noon, DefaultConfig())
			nets := networks(6)
			keys := []Key{prefixKey(nets[5]), asKey(64500), country("AA")}
			for i, k := range keys {
				w.add(k, nets[:max(1, i*2)])
			}
			w.add(keys[0], nets[5:])
			w.minutes(61)
			for range 120 / period {
				for _, k := range keys {
					w.setDown(k, len(w.known[k]))
				}
				w.minutes(out)
				for _, k := range keys {
					w.setDown(k, 0)
				}
				w.minutes(period - out)
			}
			w.minutes(90)
			for _, k := range keys {
				var told []bgp.Outage
				for _, o := range w.finals(k, true) {
					if o.State == bgp.StateRetracted && o.Successor != "" {
						continue // published as a part of its successor
					}
					told = append(told, o)
				}
				for i, o := range told {
					if o.End == nil || i > 0 && o.Start.Before(*told[i-1].End) {
						t.Errorf("%d of %d minutes lost: %s %s lies within another event, or has no end: %v", out, period, o.Kind, o.ID, w.life(k))
					}
				}
				if len(told) != 1 {
					t.Errorf("%d of %d minutes lost: %s has %d events, want 1: %v", out, period, k.Code, len(told), w.life(k))
				}
			}
		}
	}
}
