package outage

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// endings writes every record of k that ends or opens an event: its name, its end reason, and the
// events that it names. Events are numbered in the order in which they began.
func (w *world) endings(k Key) []string {
	numbers := map[string]int{"": 0}
	for _, ev := range w.events {
		if _, ok := numbers[ev.Outage.ID]; ev.Key == k && !ok {
			numbers[ev.Outage.ID] = len(numbers)
		}
	}
	var s []string
	for _, ev := range w.events {
		o := ev.Outage
		if ev.Key != k || o.Event == bgp.EventUpdated {
			continue
		}
		line := fmt.Sprintf("%d %s %s", numbers[o.ID], o.Kind, o.Event)
		if o.EndReason != bgp.NotEnded {
			line += " " + string(o.EndReason)
		}
		if o.Successor != "" {
			line += fmt.Sprintf(" for %d", numbers[o.Successor])
		}
		if o.Predecessor != "" {
			line += fmt.Sprintf(" after %d", numbers[o.Predecessor])
		}
		s = append(s, line)
	}
	return s
}

// TestEndReasonOfPrefix plays the ways in which an event of a prefix can end.
func TestEndReasonOfPrefix(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		play func(w *world, k Key)
		want []string
	}{
		{
			name: "outage, recovered",
			play: func(w *world, k Key) { w.away(k, 1, 20); w.minutes(20) },
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed recovered"},
		},
		{
			name: "outage -> partial",
			play: func(w *world, k Key) { w.share(k, 0); w.minutes(20); w.share(k, 650); w.minutes(20) },
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed superseded", "2 partial opened after 1"},
		},
		{
			name: "outage -> moved",
			play: func(w *world, k Key) { w.away(k, 1, 20); w.moved(k); w.minutes(20) },
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed superseded", "2 moved opened after 1"},
		},
		{
			name: "partial -> moved",
			play: func(w *world, k Key) { w.share(k, 600); w.minutes(20); w.share(k, 1000); w.moved(k); w.minutes(20) },
			want: []string{"1 partial opened", "1 partial closed superseded", "2 moved opened after 1"},
		},
		{
			name: "moved -> partial",
			play: func(w *world, k Key) { w.moved(k); w.minutes(20); w.move(k, 0); w.share(k, 600); w.minutes(20) },
			want: []string{"1 moved opened", "1 moved closed superseded", "2 partial opened after 1"},
		},
		{
			name: "partial -> outage",
			play: func(w *world, k Key) { w.share(k, 600); w.minutes(20); w.share(k, 0); w.minutes(10) },
			want: []string{"1 partial opened", "1 partial closed superseded for 2", "2 outage opened after 1"},
		},
		{
			name: "moved -> outage",
			play: func(w *world, k Key) { w.moved(k); w.minutes(20); w.move(k, 0); w.share(k, 0); w.minutes(10) },
			want: []string{"1 moved opened", "1 moved closed superseded for 2", "2 outage opened after 1"},
		},
		{
			name: "intermittent -> outage",
			play: func(w *world, k Key) {
				for range 3 {
					w.away(k, 1, 2)
					w.minutes(5)
				}
				w.share(k, 0)
				w.minutes(10)
			},
			want: []string{
				"1 outage suspected", "1 outage retracted recovered", "2 outage suspected", "2 outage retracted recovered", "1 intermittent reopened",
				"2 outage retracted superseded for 1", "1 intermittent closed superseded for 3", "3 outage opened after 1",
			},
		},
		{
			name: "intermittent, recovered",
			play: func(w *world, k Key) {
				for range 3 {
					w.away(k, 1, 1)
					w.minutes(5)
				}
				w.minutes(80)
			},
			want: []string{
				"1 outage closed recovered", "2 outage closed recovered", "1 intermittent reopened", "2 outage retracted superseded for 1",
				"1 intermittent closed recovered",
			},
		},
		{
			name: "reopened, and then lost sight of",
			play: func(w *world, k Key) {
				w.away(k, 1, 20)
				w.minutes(15)
				w.away(k, 1, 20)
				w.view.returns[k] = Returns{Unproven: 256}
				w.minutes(20)
			},
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed recovered", "1 outage reopened", "1 outage closed lost_sight"},
		},
		{
			name: "proven in the first quiet minute, and not later",
			play: func(w *world, k Key) {
				w.away(k, 1, 20)
				w.minutes(3)
				w.view.returns[k] = Returns{Unproven: 256}
				w.minutes(20)
			},
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed recovered"},
		},
		{
			name: "back from another origin, for too short a time for an event of its own",
			play: func(w *world, k Key) {
				w.view.returns[k] = Returns{Foreign: 256}
				w.away(k, 1, 20)
				w.minutes(8)
				w.moved(k)
				w.minutes(20)
			},
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed superseded", "2 moved opened after 1"},
		},
		{
			name: "what follows is over before it is an event",
			play: func(w *world, k Key) {
				w.view.returns[k] = Returns{Foreign: 256}
				w.away(k, 1, 20)
				w.minutes(8)
				w.moved(k)
				w.minutes(3)
				w.move(k, 0)
				w.minutes(5)
				w.view.returns[k] = Returns{}
				w.moved(k)
				w.minutes(10)
			},
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed superseded", "2 moved opened"},
		},
		{
			name: "moved, covered by the usual origin",
			play: func(w *world, k Key) {
				w.moved(k)
				w.minutes(20)
				w.view.returns[k] = Returns{Covered: true}
				w.move(k, 0)
				w.minutes(20)
			},
			want: []string{"1 moved opened", "1 moved closed covered"},
		},
		{
			name: "settled in sight",
			play: func(w *world, k Key) {
				w.share(k, 600)
				w.minutes(20)
				w.view.returns[k] = Returns{Settled: true}
				w.share(k, 1000)
				w.minutes(20)
			},
			want: []string{"1 partial opened", "1 partial closed new_normal"},
		},
		{
			name: "seven days",
			play: func(w *world, k Key) { w.share(k, 0); w.minutes(8 * 1440) },
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed new_normal"},
		},
		{
			name: "it leaves the table",
			play: func(w *world, k Key) {
				w.share(k, 0)
				w.minutes(20)
				w.view.returns[k] = Returns{Settled: true}
				w.set(Sample{Key: k})
				w.minutes(5)
			},
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed left_table"},
		},
		{
			name: "a change of the panel makes it unknown",
			play: func(w *world, k Key) { w.share(k, 0); w.minutes(20); w.set(Sample{Key: k}); w.minutes(5) },
			want: []string{"1 outage suspected", "1 outage opened", "1 outage closed lost_sight"},
		},
		{
			name: "suspected, and it leaves the table",
			play: func(w *world, k Key) {
				w.share(k, 0)
				w.minutes(3)
				w.view.returns[k] = Returns{Settled: true}
				w.set(Sample{Key: k})
				w.minutes(5)
			},
			want: []string{"1 outage suspected", "1 outage retracted left_table"},
		},
		{
			name: "suspected, and too few vote",
			play: func(w *world, k Key) { w.share(k, 0); w.minutes(3); w.view.verdicts = false; w.minutes(5) },
			want: []string{"1 outage suspected", "1 outage retracted lost_sight"},
		},
		{
			name: "a short loss within a partial one",
			play: func(w *world, k Key) {
				w.share(k, 600)
				w.minutes(20)
				w.share(k, 100)
				w.minutes(2)
				w.share(k, 600)
				w.minutes(20)
				w.share(k, 1000)
				w.minutes(15)
			},
			want: []string{"1 partial opened", "2 outage closed superseded for 1", "1 partial closed recovered after 2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			p := netip.MustParsePrefix("192.0.2.0/24")
			k := prefixKey(p)
			w.add(k, []netip.Prefix{p})
			w.minutes(30)
			tt.play(w, k)
			if diff := cmp.Diff(tt.want, w.endings(k)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// moved sets other ASes as origins of a prefix entity.
func (w *world) moved(k Key) { w.move(k, 1) }

// TestEndReasonOfSpace checks how much of an entity's return must be proven.
func TestEndReasonOfSpace(t *testing.T) {
	t.Parallel()
	const unit = 256
	tests := []struct {
		name    string
		down    int // number of 20 that stay lost
		returns Returns
		want    string
	}{
		{"all of it", 0, Returns{}, "recovered"},
		{"as much as the end needs", 0, Returns{Unproven: unit}, "recovered"},
		{"less", 0, Returns{Unproven: unit + 1}, "lost_sight"},
		{"less, since a part is away", 1, Returns{Unproven: 1}, "lost_sight"},
		{"from other origins", 0, Returns{Foreign: unit + 1}, "superseded"},
		{"from other origins and unproven", 0, Returns{Foreign: 2 * unit, Unproven: 2 * unit}, "lost_sight"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			k := country("AA")
			w.add(k, networks(20)) // the threshold is 2
			w.minutes(30)
			w.setDown(k, 10)
			w.minutes(20)
			w.setDown(k, tt.down)
			w.view.returns[k] = tt.returns
			w.minutes(20)
			got := w.final(k)
			if len(got) != 1 || string(got[0].EndReason) != tt.want {
				t.Fatalf("got %v, want %s", w.endings(k), tt.want)
			}
			if back := strings.Contains(got[0].Summary, "The routes were back"); back != (tt.want == "recovered") {
				t.Errorf("got %s", got[0].Summary)
			}
		})
	}
}

// TestMovedASIsNotBack checks an AS that loses all its prefixes, which others originate
// afterwards.
func TestMovedASIsNotBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := asKey(64500)
	w.add(k, networks(10))
	w.minutes(30)
	w.setDown(k, 10)
	w.minutes(20)
	w.move(k, 10)
	w.minutes(20)
	want := []string{"1 outage suspected", "1 outage opened", "1 outage closed superseded", "2 moved opened after 1"}
	if diff := cmp.Diff(want, w.endings(k)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
