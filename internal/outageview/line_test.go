package outageview

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/terminal"
)

// TestLines draws events as they come: the events of a window together, folded, on every terminal.
func TestLines(t *testing.T) {
	t.Parallel()
	all := exampleOutages(t)
	find := func(_, id string) (bgp.Outage, bool) {
		i := slices.IndexFunc(all, func(o bgp.Outage) bool { return o.ID == id })
		return all[max(i, 0)], i >= 0
	}
	opened := func(o bgp.Outage) bgp.Outage {
		o.Event, o.State, o.End, o.EndReason = bgp.EventOpened, bgp.StateOpen, nil, bgp.NotEnded
		return o
	}
	var mu sync.Mutex // guards got
	var got []Incident
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(got)
	}
	synctest.Test(t, func(t *testing.T) {
		g := NewGather(Fold, func(all []Incident) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, all...)
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }() // ends with ctx
		add := func(o bgp.Outage, window time.Time) {
			if err := g.Add(o, window); err != nil {
				t.Error(err)
			}
		}
		for i, o := range all {
			for _, x := range family(opened(o)) {
				add(x, o.Start)
			}
			if i == 1 { // the end of the flapping, in the same window
				for _, x := range family(all[0]) {
					add(x, o.Start)
				}
			}
		}
		if n := count(); n != 4 {
			t.Errorf("got %d incidents, want 4 before the last window's", n)
		}
		time.Sleep(2 * gatherFor)
		synctest.Wait()
		if n := count(); n != 5 {
			t.Errorf("got %d incidents, want 5 once nothing has come for a second", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for _, width := range []int{0, 60} {
		var lines []string
		for _, in := range got {
			lines = append(lines, terminal.Wrap(Line(in, find), width, 4)...)
		}
		want := []string{
			"2014-12-22 00:00:00  opened    ZZ Nowhere, IPv4, intermittent (62 losses), 4 of 4 prefixes, upstream AS64500 Example Transit, +1 AS, +2 prefixes",
			"2014-12-22 16:15:00  opened    ZZ Nowhere, IPv4, outage, 4 of 4 prefixes, upstream AS64500 Example Transit, +1 AS, +2 prefixes",
			"2014-12-22 16:15:00  closed    ZZ Nowhere, IPv4, intermittent (62 losses), 4 of 4 prefixes, passed into a total outage after 16 h 15 min, upstream AS64500 Example Transit, +1 AS, +2 prefixes",
			"2014-12-23 15:41:00  opened    ZZ Nowhere, IPv4, outage, 4 of 4 prefixes, upstream AS64500 Example Transit, +1 AS, +2 prefixes",
			"2014-12-24 06:00:00  opened    ZZ Nowhere, IPv4, outage, 30.83 % (37 of 120 prefixes), upstream AS64500 Example Transit +1, +1 AS, +2 prefixes",
		}
		if width > 0 {
			var wrapped []string
			for _, l := range want {
				wrapped = append(wrapped, terminal.Wrap(l, width, 4)...)
			}
			want = wrapped
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	dark := exampleOutages(t)[1]
	for want, o := range map[string]bgp.Outage{
		"2014-12-23 01:46:00  closed    ZZ Nowhere, IPv4, outage, 4 of 4 prefixes, routes back after 9 h 31 min, upstream AS64500 Example Transit":                                  dark,
		"2014-12-23 01:46:00  closed    192.0.2.0/24 of AS64496 Example Networks, IPv4, outage, 4 of 4 prefixes, routes back after 9 h 31 min, upstream AS64500 Example Transit":    examplePrefix(dark, "192.0.2.0/24"),
		"2014-12-22 16:15:00  closed    ZZ Nowhere, IPv4, intermittent (62 losses), 4 of 4 prefixes, passed into another event after 16 h 15 min, upstream AS64500 Example Transit": exampleOutages(t)[0],
	} {
		if got := Line(Incident{Outage: o}, nil); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
