package outage

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// lastOf writes the last record of every outage of k.
func lastOf(w *world, k Key) []string {
	var s []string
	for _, o := range w.final(k) {
		end := "-"
		if o.End != nil {
			end = o.End.Format("02T15:04")
		}
		s = append(s, string(o.Kind)+" "+string(o.State)+" "+o.Start.Format("02T15:04")+" "+end)
	}
	return s
}

// TestLong plays outages of days, of a country and of a prefix. The baseline must not close them
// by moving, and they last at most seven days.
func TestLong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		play      func(w *world, k Key)
		want      []string
		newNormal bool
	}{
		{
			name: "48 hours, and another one soon after",
			play: func(w *world, k Key) { w.away(k, 1, 48*60); w.minutes(120); w.away(k, 1, 60); w.minutes(20) },
			want: []string{"outage closed 01T12:00 03T12:00", "outage closed 03T14:00 03T15:00"},
		},
		{
			name: "exactly 7 days",
			play: func(w *world, k Key) { w.away(k, 1, 7*24*60); w.minutes(60) },
			want: []string{"outage closed 01T12:00 08T12:00"},
		},
		{
			name: "7 days and a minute: the new normal",
			play: func(w *world, k Key) { w.away(k, 1, 7*24*60+1); w.minutes(60) },
			want: []string{"outage closed 01T12:00 08T12:00"}, newNormal: true,
		},
		{
			name: "8 days, back, and away again",
			play: func(w *world, k Key) { w.away(k, 1, 8*24*60); w.minutes(48 * 60); w.away(k, 1, 60); w.minutes(20) },
			want: []string{"outage closed 01T12:00 08T12:00", "outage closed 11T12:00 11T13:00"}, newNormal: true,
		},
	}
	nets := networks(1)
	for _, tt := range tests {
		for _, k := range []Key{country("AA"), prefixKey(nets[0])} {
			t.Run(tt.name+", "+k.Code, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, noon, DefaultConfig())
				w.add(k, nets)
				w.now -= 48 * 60 * minute
				w.minutes(48 * 60)
				tt.play(w, k)
				if diff := cmp.Diff(tt.want, lastOf(w, k)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := strings.Contains(w.final(k)[0].Summary, "counts as the new normal"); got != tt.newNormal {
					t.Errorf("says new normal: got %v, want %v: %s", got, tt.newNormal, w.final(k)[0].Summary)
				}
			})
		}
	}
}

// TestPeerDown checks that voters that leave while an outage is open neither close nor open an
// event.
func TestPeerDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := country("AA")
	w.add(k, networks(4))
	w.minutes(60)
	w.setDown(k, 3)
	w.minutes(60)
	w.view.panel.Voters = 39
	w.minutes(60)
	w.setDown(k, 0)
	w.minutes(30)
	if diff := cmp.Diff([]string{"outage closed 01T13:00 01T15:00"}, lastOf(w, k)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o := w.final(k)[0]
	if o.Severity != bgp.SeverityMajor || o.Panel.Voters != 39 || !strings.HasPrefix(o.Summary, "3 of 4 IPv4 prefixes of AA lost their routes") {
		t.Errorf("got %s, %d voters: %s", o.Severity, o.Panel.Voters, o.Summary)
	}
}

// TestSuspended checks that without verdicts pending openings are cancelled and open events do not
// change.
func TestSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	open, pending, gone := country("AA"), country("AB"), country("AC")
	for _, k := range []Key{open, pending, gone} {
		w.add(k, networks(20))
	}
	w.minutes(60)
	w.setDown(open, 10)
	w.minutes(10)
	w.setDown(pending, 20)
	w.minutes(3)
	w.view.verdicts = false
	w.setDown(open, 0)
	w.setDown(gone, 10)
	w.minutes(30)
	w.view.verdicts = true
	w.minutes(20)
	want := map[Key][]string{
		open: {"opened outage open 60..-", "closed outage closed 60..103"},
		// The times of the withdrawals are known, but the start is at most five minutes before the
		// loss was seen.
		pending: {"suspected outage suspected 70..-", "retracted outage retracted 70..74", "suspected outage suspected 98..-", "opened outage open 98..-"},
		gone:    {"opened outage open 98..-"},
	}
	for k, events := range want {
		got := w.life(k)
		var kept []string
		for _, s := range got {
			if !strings.HasPrefix(s, "updated") {
				kept = append(kept, s)
			}
		}
		if diff := cmp.Diff(events, kept); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k.Code, diff)
		}
	}
}

// TestQuietCostsNothing checks that a prefix without trouble is not stored, and that one that had
// trouble is forgotten in time.
func TestQuietCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	for _, p := range networks(2000) {
		w.known[prefixKey(p)] = nil
		w.set(Sample{Key: prefixKey(p), Space: 256, Prefixes: 1, KnownSpace: 256, KnownPrefixes: 1, SharePermille: 1000})
	}
	w.minutes(10)
	if n := len(w.engine.entities); n != 0 {
		t.Errorf("got %d entities of quiet prefixes, want 0", n)
	}
	p := networks(1)
	k := prefixKey(p[0])
	w.add(k, p)
	w.away(k, 1, 2)
	w.minutes(5)
	if n := len(w.engine.entities); n != 1 {
		t.Errorf("got %d entities after a short loss, want 1", n)
	}
	w.minutes(9 * 24 * 60)
	if n := len(w.engine.entities); n != 0 {
		t.Errorf("got %d entities after nine days, want 0", n)
	}
}
