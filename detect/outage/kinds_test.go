package outage

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// share sets a prefix entity to a share of its usual voters, in 1/1000.
func (w *world) share(k Key, permille int) {
	n := 0
	if permille < 500 {
		n = 1
	}
	w.setDown(k, n)
	s := w.samples[k]
	s.SharePermille = permille
	w.set(s)
}

// TestPrefix plays the changes of a single prefix.
func TestPrefix(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		play func(w *world, k Key)
		want []string
	}{
		{
			name: "a part of the voters for ten minutes is partial",
			play: func(w *world, k Key) { w.share(k, 600); w.minutes(20); w.share(k, 1000); w.minutes(15) },
			want: []string{"opened partial open 0..-", "closed partial closed 0..20"},
		},
		{
			name: "for nine it is nothing",
			play: func(w *world, k Key) { w.share(k, 600); w.minutes(9); w.share(k, 1000); w.minutes(15) },
		},
		{
			name: "below one half it is partial too, and no outage",
			play: func(w *world, k Key) { w.share(k, 200); w.minutes(20) },
			want: []string{"opened partial open 0..-"},
		},
		{
			name: "below one fifth it is an outage",
			play: func(w *world, k Key) { w.share(k, 199); w.minutes(20) },
			want: []string{"suspected outage suspected 0..-", "opened outage open 0..-"},
		},
		{
			name: "eight tenths are not partial",
			play: func(w *world, k Key) { w.share(k, 800); w.minutes(60) },
		},
		{
			name: "partial ends only above nine tenths",
			play: func(w *world, k Key) {
				w.share(k, 700)
				w.minutes(15)
				w.share(k, 899)
				w.minutes(15)
				w.share(k, 900)
				w.minutes(15)
			},
			want: []string{"opened partial open 0..-", "updated partial open 0..-", "closed partial closed 0..30"},
		},
		{
			name: "a slow loss is an outage from its beginning",
			play: func(w *world, k Key) { w.share(k, 400); w.minutes(3); w.share(k, 50); w.minutes(10) },
			want: []string{"suspected outage suspected 0..-", "opened outage open 0..-"},
		},
		{
			name: "a real loss ends partial at its start",
			play: func(w *world, k Key) { w.share(k, 300); w.minutes(20); w.share(k, 0); w.minutes(10) },
			want: []string{"opened partial open 0..-", "updated partial open 0..-", "closed partial closed 0..20", "opened outage open 20..-"},
		},
		{
			name: "an outage of which one third stays away ends, and partial begins",
			play: func(w *world, k Key) { w.share(k, 0); w.minutes(20); w.share(k, 650); w.minutes(15) },
			want: []string{
				"suspected outage suspected 0..-", "opened outage open 0..-", "closed outage closed 0..20",
				"opened partial open 20..-",
			},
		},
		{
			name: "others originate it for five minutes: moved",
			play: func(w *world, k Key) { w.move(k, 1); w.minutes(30); w.move(k, 0); w.minutes(15) },
			want: []string{"opened moved open 0..-", "closed moved closed 0..30"},
		},
		{
			name: "for four: nothing",
			play: func(w *world, k Key) { w.move(k, 1); w.minutes(4); w.move(k, 0); w.minutes(15) },
		},
		{
			name: "a prefix that leaves the table ends its outage as the new normal",
			play: func(w *world, k Key) {
				w.setDown(k, 1)
				w.minutes(20)
				w.set(Sample{Key: k})
				w.minutes(20)
				w.setDown(k, 0)
				w.minutes(20)
			},
			want: []string{"suspected outage suspected 0..-", "opened outage open 0..-", "closed outage closed 0..20"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			p := netip.MustParsePrefix("192.0.2.0/24")
			k := prefixKey(p)
			w.add(k, []netip.Prefix{p})
			w.now -= 30 * minute
			w.minutes(30)
			tt.play(w, k)
			if diff := cmp.Diff(tt.want, w.life(k)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// move lets AS64501 originate the first n prefixes of k, which stay visible if k is a prefix.
func (w *world) move(k Key, n int) {
	if k.Type == bgp.EntityAS {
		w.setDown(k, n)
		w.view.lost[k] = nil
	}
	w.view.moved[k] = nil
	for _, p := range w.known[k][:n] {
		w.view.moved[k] = append(w.view.moved[k], MovedPrefix{Prefix: p, From: 64500, To: 64501, Since: w.now})
	}
	s := w.samples[k]
	s.Moved = n
	w.set(s)
}

// TestMovedAS checks that prefixes which others originate are no loss. A real loss beside them is
// an outage that ends when the loss ends.
func TestMovedAS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := asKey(64500)
	w.add(k, networks(10))
	w.minutes(1)
	w.until("2024-03-01T13:00Z")
	w.move(k, 2)
	w.until("2024-03-01T14:00Z")
	// Three more prefixes go dark; the two stay moved.
	w.move(k, 5)
	w.setDown(k, 5)
	w.view.lost[k], w.view.moved[k] = w.view.lost[k][2:], w.view.moved[k][:2]
	s := w.samples[k]
	s.Moved = 2
	w.set(s)
	w.until("2024-03-01T14:30Z")
	w.move(k, 2)
	w.until("2024-03-01T15:00Z")
	w.move(k, 0)
	w.until("2024-03-01T15:30Z")
	want := []string{
		"opened moved open 60..-", "closed moved closed 60..120", "opened outage open 120..-",
		"closed outage closed 120..150", "opened moved open 150..-", "closed moved closed 150..180",
	}
	got := w.life(k)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o := w.final(k)[0]
	if len(o.Evidence.MovedTo) != 1 || o.Evidence.MovedTo[0].ASN != 64501 || !strings.Contains(o.Summary, "originated by AS64501") ||
		o.Peak.LossPercent != 2000 {
		t.Errorf("got %+v", o)
	}
	if o = w.final(k)[1]; o.Peak.LossPercent != 3000 || o.Peak.LostPrefixes != 3 {
		t.Errorf("outage: got peak %+v, want the 3 prefixes that nobody originates", o.Peak)
	}
}

// TestMovedOfLarge checks that prefixes which others originate are subtracted from the loss of a
// large AS, also if they are less than a tenth of it.
func TestMovedOfLarge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		moved, dark int
		want        []string
	}{
		{"270 moved", 270, 0, nil},
		{"290 moved", 290, 0, nil},
		{"330 moved", 330, 0, nil},
		{"255 lost beside them", 270, 255, nil},
		{"256 lost beside them", 270, 256, []string{"opened outage open 0..-", "closed outage closed 0..40"}},
	}
	for _, many := range []int{10000, 400} { // the prefixes whose loss opens an outage: out of reach, or not
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, %d open by number", tt.name, many), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, noon, DefaultConfig())
				w.engine.cfg.ASMinPrefixes, w.engine.cfg.ASPermille = many, 1
				k := asKey(64500)
				w.add(k, networks(6000))
				w.now -= 30 * minute
				w.minutes(30)
				w.setDown(k, tt.moved+tt.dark)
				lost, s := w.view.lost[k][tt.moved:], w.samples[k]
				w.move(k, tt.moved)
				w.view.lost[k], s.Moved = lost, tt.moved
				w.set(s)
				w.minutes(40)
				w.setDown(k, 0)
				w.move(k, 0)
				w.minutes(30)
				if diff := cmp.Diff(tt.want, w.life(k)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := w.final(k); len(got) > 0 && got[0].Peak.LostPrefixes != tt.dark {
					t.Errorf("got the peak %+v, want %d prefixes", got[0].Peak, tt.dark)
				}
			})
		}
	}
}

// TestMovedByNumber checks an AS that loses 20 prefixes with little space. A large prefix that
// others originate is no part of the loss.
func TestMovedByNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := asKey(64500)
	w.add(k, networks(1000))
	w.minutes(30)
	w.setDown(k, 30)
	lost, s := w.view.lost[k][10:], w.samples[k]
	w.engine.cfg.ASPermille = 10
	w.move(k, 10)
	w.view.lost[k], s.Moved = lost, 10
	w.set(s)
	w.minutes(10)
	if got := w.final(k); len(got) != 1 || got[0].Peak.LostPrefixes != 20 || got[0].Peak.LostSpace != 2000 {
		t.Errorf("got %+v, want an outage of 20 prefixes and as many /24s", got)
	}
}

// cover lets a prefix lose its own routes while its origin still carries its addresses.
func (w *world) cover(k Key) {
	w.setDown(k, 1)
	w.view.lost[k][0].Deaggregated = true
	s := w.samples[k]
	s.Covered = true
	w.set(s)
}

func TestCoveredAndDeaggregated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	own, foreign := networks(2)[0], networks(2)[1]
	a, b := prefixKey(own), prefixKey(foreign)
	w.add(a, []netip.Prefix{own})
	w.add(b, []netip.Prefix{foreign})
	w.minutes(10)
	w.cover(a)
	w.setDown(b, 1)
	w.view.lost[b][0].CoveredBy = 64502
	w.minutes(10)
	w.setDown(a, 0)
	w.setDown(b, 0)
	w.minutes(20)
	if got := w.finals(a, true); len(got) != 1 || got[0].Sequence != 1 || got[0].State != bgp.StateClosed || got[0].EndReason != bgp.EndCovered ||
		got[0].Severity != bgp.SeverityMinor || got[0].Score != 0 || got[0].Peak.LostSpace != 0 || got[0].Peak.LostPrefixes != 1 || !slices.Equal(got[0].Evidence.Deaggregated, []string{own.String()}) ||
		!strings.Contains(got[0].Summary, "Deaggregated: visible routes of the same origin still cover it") {
		t.Errorf("own aggregate: got %+v", got)
	}
	if got := w.final(b); len(got) != 1 || got[0].Severity != bgp.SeverityTotal || got[0].Peak.LostSpace != 100 ||
		!slices.Equal(got[0].Evidence.Covered, []bgp.Covered{{Prefix: foreign.String(), By: 64502}}) ||
		!strings.Contains(got[0].Summary, "an aggregate of AS64502 still covers") {
		t.Errorf("foreign aggregate: got %+v", got)
	}
}

// TestLarge plays small losses of an entity of 6,000 /24s. 2 % of it are 120 /24s, and at least
// 256 are required.
func TestLarge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		down    int
		minutes int
		origins int
		want    []string
	}{
		{"256 /24s of two origins for 15 minutes", 256, 15, 2, []string{"opened outage open 0..-", "closed outage closed 0..15"}},
		{"for 14 minutes", 256, 14, 2, nil},
		{"of one origin", 256, 60, 1, nil},
		{"255", 255, 60, 2, nil},
		{"of an AS, which has but one origin", 256, 15, 0, []string{"opened outage open 0..-", "closed outage closed 0..15"}},
		{"a tenth does not wait", 600, 6, 1, []string{"opened outage open 0..-", "closed outage closed 0..6"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, DefaultConfig())
			k := country("AA")
			if tt.origins == 0 {
				k, tt.origins = asKey(64500), 1
				w.engine.cfg.ASMinPrefixes = 1000 // so that the number of prefixes opens nothing
			}
			w.add(k, networks(6000))
			w.now -= 30 * minute
			w.minutes(30)
			w.setDown(k, tt.down)
			for i := range w.view.lost[k] {
				w.view.lost[k][i].Origin = bgp.ASN(64500 + i%tt.origins)
			}
			w.minutes(tt.minutes)
			w.setDown(k, 0)
			w.minutes(20)
			if diff := cmp.Diff(tt.want, w.life(k)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLargeGrows checks that an entity whose small loss has only one origin is checked again when
// it changes.
func TestLargeGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := country("AA")
	w.add(k, networks(6000))
	w.minutes(30)
	w.setDown(k, 300)
	w.minutes(30)
	w.setDown(k, 310)
	w.view.lost[k][309].Origin = 64501
	w.minutes(1)
	if diff := cmp.Diff([]string{"opened outage open 30..-"}, w.life(k)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLearned checks that only prefixes are decided from updates alone.
func TestLearned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	w.view.panel.Table = bgp.TablesLearned
	p := networks(1)
	k := prefixKey(p[0])
	for _, key := range []Key{country("AA"), asKey(64500), k} {
		w.add(key, p)
		w.minutes(5)
		w.setDown(key, 1)
	}
	w.minutes(30)
	for _, ev := range w.events {
		if ev.Key != k || ev.Outage.Panel.Table != bgp.TablesLearned || !strings.Contains(ev.Outage.Summary, "from updates alone") {
			t.Errorf("got %v, %s", ev.Key, ev.Outage.Summary)
		}
	}
	if len(w.final(k)) != 1 {
		t.Errorf("got %d outages of the prefix, want 1", len(w.final(k)))
	}
}

// TestNeighbours checks that prefixes of one origin that are lost in the same minute name each
// other, and countries those within 20 minutes.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(6)
	for _, p := range nets {
		w.add(prefixKey(p), []netip.Prefix{p})
	}
	for _, c := range []string{"AA", "AB", "AC"} {
		w.add(country(c), nets)
	}
	w.minutes(10)
	for i, p := range nets {
		if i == 4 {
			w.minutes(3) // the last two come later
		}
		if i == 3 {
			w.origin = 64500
		}
		w.setDown(prefixKey(p), 1)
	}
	w.setDown(country("AB"), 6)
	w.minutes(17)
	w.up = []bgp.ASN{64510}
	w.setDown(country("AA"), 3)
	w.minutes(21)
	w.setDown(country("AC"), 3)
	w.minutes(10)
	want := map[string][]string{
		nets[0].String(): {nets[1].String(), nets[2].String()},
		nets[1].String(): {nets[0].String(), nets[2].String()},
		nets[2].String(): {nets[0].String(), nets[1].String()},
		nets[3].String(): nil,
		nets[4].String(): {nets[5].String()},
		"AA":             {"AB"}, // 17 minutes after AB
		"AC":             {"AA"}, // 21 after AA, but behind the same upstream
	}
	for code, names := range want {
		for _, ev := range w.events {
			if ev.Key.Code == code && ev.Outage.Event == bgp.EventOpened && !slices.Equal(ev.Outage.Evidence.Neighbours, names) {
				t.Errorf("%s: got neighbours %v, want %v", code, ev.Outage.Evidence.Neighbours, names)
			}
		}
	}
}
