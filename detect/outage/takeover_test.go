package outage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// published plays an outage of KP, which is open at 13:30, and one of AA, which is suspected then,
// and returns their published records.
func published(t *testing.T) (*world, []bgp.Outage) {
	t.Helper()
	before := newWorld(t, noon, DefaultConfig())
	before.add(country("KP"), networks(20))
	before.add(country("AA"), networks(40)[20:])
	before.minutes(30)
	before.setDown(country("KP"), 20)
	before.minutes(57)
	before.setDown(country("AA"), 20)
	before.minutes(3)
	all := []bgp.Outage{before.final(country("KP"))[0], before.finals(country("AA"), true)[0]}
	if all[0].State != bgp.StateOpen || all[1].State != bgp.StateSuspected {
		t.Fatalf("got %s and %s, want an open outage and a suspected one", all[0].State, all[1].State)
	}
	return before, all
}

// TestAdopted checks an open outage that the engine knows only from its record. It goes on under
// its id, is judged by the record's baseline, and ends when the routes are back, whether the
// tables contain the lost prefixes or not. A suspected outage is retracted. The next outage of the
// entity is another event.
func TestAdopted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		// known are the networks of KP in the tables of 15:00, back those that are visible after
		// half an hour; -1: no sample.
		known, back int
		want        []string
		ends        string
	}{
		{"back before", 20, 20, []string{"closed outage closed 30..180"}, "Its end lies between these times."},
		{"dark, in no table", -1, 20, []string{"updated outage open 30..-", "closed outage closed 30..210"}, "routes back at 15:30 UTC"},
		{"partly back", 12, 20, []string{"updated outage open 30..-", "closed outage closed 30..210"}, "routes back at 15:30 UTC"},
		{"all but one", -1, 19, []string{"updated outage open 30..-", "closed outage closed 30..210"}, "routes back at 15:30 UTC"},
		{"too few come back", -1, 18, []string{"updated outage open 30..-", "updated outage open 30..-"}, ""},
		{"never", -1, -1, []string{"updated outage open 30..-"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, all := published(t)
			w := newWorld(t, "2024-03-01T15:00Z", DefaultConfig())
			w.events = before.events
			w.engine.TakeOver(all, before.now)
			show := func(n int) {
				if n >= 0 {
					w.add(country("KP"), networks(n))
				}
			}
			show(tt.known)
			w.minutes(30)
			show(tt.back)
			w.minutes(60)
			want := append([]string{"suspected outage suspected 30..-", "opened outage open 30..-"}, tt.want...)
			if diff := cmp.Diff(want, w.life(country("KP"))); diff != "" {
				t.Errorf("KP (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"suspected outage suspected 87..-", "retracted outage retracted 87..90"}, w.life(country("AA"))); diff != "" {
				t.Errorf("AA (-want +got):\n%s", diff)
			}
			o := w.final(country("KP"))[0]
			const note = "It was not watched from 13:30 UTC on 1 March 2024 to 15:01 UTC on 1 March 2024: darkmap started again without what it had known before."
			if !strings.Contains(o.Summary, note) || len(o.LostPrefixes) != 20 || o.ID != all[0].ID || o.Baseline != all[0].Baseline {
				t.Errorf("got %+v", o)
			}
			if text := o.Summary + o.Headline; !strings.Contains(text, tt.ends) {
				t.Errorf("%q is not in: %s", tt.ends, text)
			}
			if tt.ends == "" {
				return
			}
			if o.EndReason != bgp.EndRecovered {
				t.Errorf("it ended as %s", o.EndReason)
			}
			w.minutes(24 * 60) // the visible part becomes usual
			w.away(country("KP"), 10, 20)
			w.minutes(30)
			if last := w.final(country("KP")); len(last) != 2 || last[1].EndReason != bgp.EndRecovered {
				t.Errorf("got %d events, want the next outage too", len(last))
			}
		})
	}
}

// TestAdoptedUnjudged checks that without whole tables an adopted outage of a country does not
// change, and ends as lost from sight after two hours.
func TestAdoptedUnjudged(t *testing.T) {
	t.Parallel()
	before, all := published(t)
	w := newWorld(t, "2024-03-01T13:30Z", DefaultConfig())
	w.view.panel.Table = bgp.TablesLearned
	w.events = before.events
	w.engine.TakeOver(all[:1], before.now)
	w.minutes(unseenMinutes)
	if o := w.final(country("KP"))[0]; o.State != bgp.StateOpen || o.Sequence != all[0].Sequence || w.engine.Open() != 1 {
		t.Errorf("got %+v, want it as it was", o)
	}
	w.minutes(1)
	o := w.final(country("KP"))[0]
	if o.EndReason != bgp.EndLostSight || o.DurationSeconds != 3592 || o.Sequence != all[0].Sequence+1 || len(o.LostPrefixes) != 20 || o.Previous == nil {
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

// TestAdoptedPrefix checks that a prefix that no table contains is lost until it is visible. From
// another origin that is no recovery. An event that only its holders can decide, as a partial
// loss, ends as lost from sight.
func TestAdoptedPrefix(t *testing.T) {
	t.Parallel()
	p := networks(1)
	for name, tt := range map[string]struct {
		change func(o *bgp.Outage)
		want   []string
		reason bgp.EndReason
	}{
		"the same origin": {func(o *bgp.Outage) { o.Origins = []bgp.AS{{ASN: 64500}} }, []string{"updated 1", "closed 70"}, bgp.EndRecovered},
		"another origin":  {func(*bgp.Outage) {}, []string{"updated 1", "closed 70"}, bgp.EndSuperseded},
		"partial":         {func(o *bgp.Outage) { o.Kind = bgp.KindPartial }, []string{"closed 1"}, bgp.EndLostSight},
		"moved":           {func(o *bgp.Outage) { o.Kind = bgp.KindMoved }, []string{"closed 1"}, bgp.EndLostSight},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := newWorld(t, noon, DefaultConfig())
			before.add(prefixKey(p[0]), p)
			before.minutes(30)
			before.setDown(prefixKey(p[0]), 1)
			before.minutes(20)
			o := before.final(prefixKey(p[0]))[0]
			tt.change(&o)
			w := newWorld(t, "2024-03-01T12:50Z", DefaultConfig())
			w.engine.TakeOver([]bgp.Outage{o}, w.now)
			w.minutes(60)
			w.add(prefixKey(p[0]), p)
			w.minutes(20)
			var got []string
			for _, ev := range w.events {
				got = append(got, fmt.Sprintf("%s %d", ev.Outage.Event, (ev.Outage.Start.Unix()+ev.Outage.DurationSeconds-before.now)/minute))
				if ev.Outage.ID != o.ID {
					t.Errorf("a record of %s", ev.Outage.ID)
				}
			}
			if len(got) > 0 && got[len(got)-1] == "closed 60" {
				got[len(got)-1] = "closed 70" // its end lies before the minutes that close it
			}
			if got[0] == "closed 0" {
				got[0] = "closed 1"
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if last := w.events[len(w.events)-1].Outage; last.EndReason != tt.reason {
				t.Errorf("it ended as %s, want %s", last.EndReason, tt.reason)
			}
			w.events = nil // the event is not complete: its first records were published before
		})
	}
}

// TestUnpublished checks that an event of the engine without a record is published as new with the
// first window. An event that has ended since is not published.
func TestUnpublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	w.add(country("KP"), networks(20))
	w.add(country("AA"), networks(40)[20:])
	w.minutes(30)
	w.setDown(country("KP"), 20)
	w.minutes(7)
	w.setDown(country("AA"), 20)
	w.minutes(3)
	w.events = nil
	w.engine.TakeOver(nil, w.now)
	w.setDown(country("AA"), 0)
	w.minutes(1)
	if diff := cmp.Diff([]string{"opened outage open 30..-"}, w.life(country("KP"))); diff != "" {
		t.Errorf("KP (-want +got):\n%s", diff)
	}
	if got := w.life(country("AA")); got != nil {
		t.Errorf("AA: got %q, want nothing", got)
	}
	if o := w.final(country("KP"))[0]; o.Sequence != 1 || o.Previous != nil {
		t.Errorf("got %+v, want the first record of a life", o)
	}
}

// TestTakeOverKnown checks that an event that the engine has goes on, under the published id and
// after the published sequence number.
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
			w.events = nil // the event is not complete: its first records were published before
		})
	}
}

// TestTakeOverTwo checks two published open events of an entity and kind. The one with the id that
// the engine has goes on, otherwise the later one. The other ends as lost from sight.
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
			w.events = nil // the event is not complete: its first records were published before
		})
	}
}
