package core

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestNewNetwork: a country without known prefixes is watched when its prefixes are half an hour
// old. A single young prefix is not, and neither are new prefixes of a known country.
func TestNewNetwork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		age, prefixes int64
		country       string
		found         bool
	}{
		{10, 4, "KP", false},
		{25, 4, "KP", false},
		{40, 4, "KP", true},
		{60, 4, "KP", true},
		{120, 4, "KP", true},
		{2, 1, "KP", false},
		{60, 1, "KP", false},
		{60, 4, "AA", false},
	} {
		t.Run(fmt.Sprintf("%d prefixes of %s after %d minutes", tt.prefixes, tt.country, tt.age), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			fresh := w.in("KP")[:tt.prefixes]
			w.networks = w.networks[:40]
			for i := range fresh {
				fresh[i].country = tt.country
			}
			w.tables()
			w.back(dawn+hours, fresh...)
			w.gone(dawn+hours+tt.age*minute, fresh...)
			w.back(dawn+hours+(tt.age+40)*minute, fresh...)
			f := w.run(dawn + 6*hours)
			var want []string
			if tt.found {
				want = []string{fmt.Sprintf("KP outage closed %d-%d", 60+tt.age, 100+tt.age)}
			}
			if diff := cmp.Diff(want, told(f, country)); diff != "" {
				t.Errorf("countries (-want +got):\n%s", diff)
			}
			if got := told(f, single); len(got) > 0 != tt.found {
				t.Errorf("prefixes: %v, want some: %v", got, tt.found)
			}
		})
	}
}

// TestLossInTheMinuteOfTheTables: prefixes that go within half a minute of the tables were there.
func TestLossInTheMinuteOfTheTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.gone(dawn+1, w.in("KP")...)
	w.back(dawn+40*minute, w.in("KP")...)
	want := []string{"AS131279 outage closed 0-40", "KP outage closed 0-40"}
	if diff := cmp.Diff(want, told(w.run(dawn+2*hours), as, country)); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
}

// TestVotersThatLoseEverything: a quarter of the voters lose their upstream and withdraw all or
// much of their tables. They lose their votes with that reason, and no prefix is lost. The others
// find the next outage. When all lose everything, everything is lost.
func TestVotersThatLoseEverything(t *testing.T) {
	t.Parallel()
	for _, kept := range []int{0, 1, 8, 20} {
		w := newWorld(t)
		w.tables()
		for c := range 2 {
			for p := range w.peers {
				for i, n := range w.networks[kept:] {
					w.withdraw(c, p, dawn+17*minute+int64(i), n.prefix)
				}
			}
		}
		w.gone(dawn+50*minute, w.in("KP")...)
		f := w.run(dawn + 80*minute)
		want := []string{"KP outage open 50-open"}
		if diff := cmp.Diff(want, told(f, country, everything)); diff != "" {
			t.Errorf("%d kept (-want +got):\n%s", kept, diff)
		}
		if got := told(f, single); len(got) != 4 {
			t.Errorf("%d kept: %v, want the four of KP", kept, got)
		}
		if n := saidOf(f, "lost_table"); n != 2*w.peers {
			t.Errorf("%d kept: bgp.panel says it of %d voters, want %d", kept, n, 2*w.peers)
		}
	}
	w := newWorld(t)
	w.tables()
	w.gone(dawn+17*minute, w.networks...)
	if got := told(w.run(dawn+25*minute), everything); len(got) != 1 {
		t.Errorf("everybody loses everything: got %v, want the world", got)
	}
}

// TestLossOfMostVotersStands: 20 of 32 voters withdraw everything for 40 minutes. They go on
// voting, and the losses end when it is back.
func TestLossOfMostVotersStands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	for c := range 5 {
		for p := range w.peers {
			for _, n := range w.networks {
				w.withdraw(c, p, dawn+20*minute+int64(c), n.prefix)
			}
			w.announce(c, p, dawn+60*minute+int64(c), w.networks...)
		}
	}
	f := w.run(dawn + 100*minute)
	got := told(f, single)
	if len(got) != len(w.networks) {
		t.Fatalf("got %q, want one loss of each prefix", got)
	}
	for _, s := range got {
		if !strings.HasSuffix(s, " partial closed 20-60") {
			t.Errorf("got %q, want it to last until the routes were back", s)
		}
	}
	if n := saidOf(f, "lost_table"); n != 0 {
		t.Errorf("lost_table is said of %d voters, want none", n)
	}
}

// saidOf counts the peers that have a reason in a panel record.
func saidOf(f *feed, reason string) int {
	peers := map[string]bool{}
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.PanelRecord); ok {
			for _, p := range r.Peers {
				if p.Reason == reason {
					peers[fmt.Sprintf("%s %x", p.Collector, p.Peer.GetAddress())] = true
				}
			}
		}
	}
	return len(peers)
}
