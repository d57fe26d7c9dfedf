package outage

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestTakeOverUnknown: what was published as suspected or open, and nobody knows any more, ends as lost from sight; the next outage of the entity is another event.
func TestTakeOverUnknown(t *testing.T) {
	t.Parallel()
	before := newWorld(t, noon, DefaultConfig())
	before.add(country("KP"), networks(20))
	before.add(country("AA"), networks(40)[20:])
	before.minutes(30)
	before.setDown(country("KP"), 20)
	before.minutes(57)
	before.setDown(country("AA"), 20)
	before.minutes(3)
	published := []bgp.Outage{before.final(country("KP"))[0], before.finals(country("AA"), true)[0]}
	if published[0].State != bgp.StateOpen || published[1].State != bgp.StateSuspected {
		t.Fatalf("got %s and %s, want an open outage and a suspected one", published[0].State, published[1].State)
	}
	w := newWorld(t, "2024-03-01T15:00Z", DefaultConfig())
	w.events = before.events
	w.engine.TakeOver(published, before.now)
	w.add(country("KP"), networks(20))
	w.minutes(60)
	w.away(country("KP"), 10, 20)
	w.minutes(30)
	if diff := cmp.Diff([]string{"suspected outage suspected 30..-", "opened outage open 30..-", "closed outage closed 30..90", "opened outage open 240..-", "closed outage closed 240..260"}, w.life(country("KP"))); diff != "" {
		t.Errorf("KP (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"suspected outage suspected 87..-", "retracted outage retracted 87..90"}, w.life(country("AA"))); diff != "" {
		t.Errorf("AA (-want +got):\n%s", diff)
	}
	o := w.final(country("KP"))[0]
	if o.EndReason != bgp.EndLostSight || o.DurationSeconds != 3592 || o.Sequence != published[0].Sequence+1 || len(o.LostPrefixes) != 20 || o.Previous == nil ||
		!strings.Contains(string(*o.Previous), `"state":"open"`) || strings.Contains(string(*o.Previous), `"previous"`) {
		t.Errorf("got %+v", o)
	}
	for _, want := range []string{"lost the routes to 100 %", "All 20 prefixes were lost", "lost from sight at 13:30 UTC", "started again without what it had known"} {
		if !strings.Contains(o.Summary, want) {
			t.Errorf("the summary lacks %q: %s", want, o.Summary)
		}
	}
	if want := "North Korea: loss since 12:30 UTC, 1 Mar 2024, lost from sight at 13:30 UTC, 1 Mar 2024"; o.Headline != want {
		t.Errorf("got the headline %q, want %q", o.Headline, want)
	}
}

// TestTakeOverKnown: what the engine knows itself goes on, under the published id and after the published number.
func TestTakeOverKnown(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(o *bgp.Outage){
		"the same":     func(*bgp.Outage) {},
		"more records": func(o *bgp.Outage) { o.Sequence += 7 },
		"an earlier start": func(o *bgp.Outage) {
			o.ID, o.Sequence, o.Start = "country-KP-ipv4-20240301T1200Z", 9, o.Start.Add(-30*time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			w.add(country("KP"), networks(20))
			w.minutes(30)
			w.setDown(country("KP"), 20)
			w.minutes(20)
			o := w.final(country("KP"))[0]
			change(&o)
			w.events = nil
			w.engine.TakeOver([]bgp.Outage{o}, w.now)
			w.setDown(country("KP"), 0)
			w.minutes(30)
			if len(w.events) == 0 {
				t.Fatal("nothing was published")
			}
			last := w.events[len(w.events)-1].Outage
			if len(w.final(country("KP"))) != 1 || last.ID != o.ID || last.EndReason != bgp.EndRecovered || !last.Start.Equal(o.Start) {
				t.Errorf("got %+v, want the end of %s", last, o.ID)
			}
			if first := w.events[0].Outage; first.Sequence != o.Sequence+1 {
				t.Errorf("got the number %d first, want %d", first.Sequence, o.Sequence+1)
			}
			w.events = nil // no life of its own: its first records were published before
		})
	}
}

// TestTakeOverTwo: of two published open events of an entity and kind one goes on, the one with the id that the engine knows, else the
// later one. The other ends as lost from sight.
func TestTakeOverTwo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		renamed, turn bool
	}{{"known first", false, false}, {"known last", false, true}, {"neither known", true, false}, {"neither known, turned", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			w.add(country("KP"), networks(20))
			w.minutes(30)
			w.setDown(country("KP"), 20)
			w.minutes(20)
			near := w.final(country("KP"))[0]
			if tt.renamed {
				near.ID, near.Start = "country-KP-ipv4-20240301T1215Z", near.Start.Add(-15*time.Minute)
			}
			old := near
			old.ID, old.Start, old.Sequence = "country-KP-ipv4-20240201T1200Z", near.Start.Add(-29*24*time.Hour), 4
			published := []bgp.Outage{near, old}
			if tt.turn {
				published = []bgp.Outage{old, near}
			}
			w.events = nil
			w.engine.TakeOver(published, w.now)
			w.setDown(country("KP"), 0)
			w.minutes(30)
			got := map[string][]bgp.EndReason{}
			for _, ev := range w.events {
				got[ev.Outage.ID] = append(got[ev.Outage.ID], ev.Outage.EndReason)
			}
			want := map[string][]bgp.EndReason{near.ID: {bgp.EndRecovered}, old.ID: {bgp.EndLostSight}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			w.events = nil // no life of its own: its first records were published before
		})
	}
}
