package outage

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// updates writes the records of k that were sent while an event was open: the present and the
// greatest number of lost prefixes, and minutes since noon.
func (w *world) updates(k Key) []string {
	var s []string
	for _, ev := range w.events {
		if o := ev.Outage; ev.Key == k && o.State == bgp.StateOpen {
			at := (o.Start.Unix() + o.DurationSeconds - unix(w.tb, noon)) / minute
			s = append(s, fmt.Sprintf("%s at %d: %d of %d", o.Event, at, o.Now.LostPrefixes, o.Peak.LostPrefixes))
		}
	}
	return s
}

// TestUpdated checks that an update is sent when a loss is greater or smaller than in any record,
// and not when a loss comes again.
func TestUpdated(t *testing.T) {
	t.Parallel()
	down := func(counts ...int) func(*world, Key) {
		return func(w *world, k Key) {
			for _, n := range counts {
				w.setDown(k, n)
				w.minutes(6)
			}
		}
	}
	tests := []struct {
		name string
		play func(*world, Key)
		want []string
	}{
		{"greater by 10 points", down(5, 7), []string{"opened at 5: 5 of 5", "updated at 10: 7 of 7"}},
		{"by 5", down(5, 6, 6), []string{"opened at 5: 5 of 5"}},
		{"by 5 twice", down(5, 6, 7), []string{"opened at 5: 5 of 5", "updated at 13: 7 of 7"}},
		{"another severity", down(9, 10), []string{"opened at 5: 9 of 9", "updated at 10: 10 of 10"}},
		{"smaller, again and again", down(19, 15, 11, 7), []string{
			"opened at 5: 19 of 19", "updated at 10: 15 of 19", "updated at 15: 11 of 19", "updated at 20: 7 of 19",
		}},
		{"two values that come again and again", down(10, 5, 10, 5, 10, 5, 10, 5, 10, 5, 10, 5, 10, 5, 10), []string{
			"opened at 5: 10 of 10", "updated at 10: 5 of 10",
		}},
		{"quiet, and lost again", down(10, 0, 10, 0, 10), []string{"opened at 5: 10 of 10"}},
		{"a worse loss that is over when an update is due", func(w *world, k Key) {
			w.setDown(k, 5)
			w.minutes(6)
			w.setDown(k, 10)
			w.minutes(2)
			w.setDown(k, 5)
			w.minutes(20)
		}, []string{"opened at 5: 5 of 5", "updated at 10: 5 of 10"}},
		{"a value that was published before, for an hour", func(w *world, k Key) {
			down(10, 5, 10)(w, k)
			w.minutes(60)
		}, []string{"opened at 5: 10 of 10", "updated at 10: 5 of 10", "updated at 72: 10 of 10"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			k := country("AA")
			w.add(k, networks(20))
			w.now -= 30 * minute
			w.minutes(30)
			tt.play(w, k)
			got := slices.DeleteFunc(w.updates(k), func(s string) bool { return s[0] == 's' })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUpdatedMoved checks that a moved event is updated for other origins, and for twice or half
// as many prefixes.
func TestUpdatedMoved(t *testing.T) {
	t.Parallel()
	to := func(w *world, k Key, a bgp.ASN) {
		for i := range w.view.moved[k] {
			w.view.moved[k][i].To = a
		}
	}
	tests := []struct {
		name string
		play func(*world, Key)
		want []string
	}{
		{"once more as many", func(w *world, k Key) { w.move(k, 7); w.minutes(30) }, nil},
		{"twice as many", func(w *world, k Key) { w.move(k, 8); w.minutes(30) }, []string{"updated 8 [64501]"}},
		{"twice as many and back, twice", func(w *world, k Key) {
			for _, n := range []int{8, 4, 8, 4} {
				w.move(k, n)
				w.minutes(10)
			}
		}, []string{"updated 8 [64501]"}},
		{"to another origin and back, twice", func(w *world, k Key) {
			for range 2 {
				to(w, k, 64502)
				w.set(w.samples[k])
				w.minutes(10)
				to(w, k, 64501)
				w.set(w.samples[k])
				w.minutes(10)
			}
		}, []string{"updated 4 [64501 64502]"}},
		{"none", func(w *world, k Key) { w.move(k, 0); w.minutes(9); w.move(k, 4); w.minutes(9) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			k := asKey(64500)
			w.add(k, networks(20))
			w.minutes(30)
			w.move(k, 4)
			w.minutes(10)
			tt.play(w, k)
			var got []string
			for _, ev := range w.events {
				if o := ev.Outage; o.Event == bgp.EventUpdated {
					var origins []bgp.ASN
					for _, a := range o.Evidence.MovedTo {
						origins = append(origins, a.ASN)
					}
					got = append(got, fmt.Sprintf("%s %d %d", o.Event, o.Now.LostPrefixes, origins))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUpdatedFlapping checks that a prefix that is lost for 5 minutes in every 12 sends no record
// for each loss.
func TestUpdatedFlapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	p := netip.MustParsePrefix("192.0.2.0/24")
	k := prefixKey(p)
	w.add(k, []netip.Prefix{p})
	w.minutes(30)
	for range 5 * 12 {
		w.setDown(k, 1)
		w.minutes(6)
		w.setDown(k, 0)
		w.minutes(6)
	}
	w.minutes(90)
	names := map[bgp.Event]int{}
	for _, ev := range w.events {
		names[ev.Outage.Event]++
	}
	if names[bgp.EventOpened] != 1 || names[bgp.EventClosed] != 1 || names[bgp.EventUpdated] == 0 || names[bgp.EventUpdated] > 6 {
		t.Errorf("got %v, want one event with at most 6 updates in 12 hours", names)
	}
}
