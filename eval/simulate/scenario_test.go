package simulate

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, s := range append(Scenarios(), FourWithdrawn(time.Date(2015, 10, 23, 2, 2, 0, 0, time.UTC))) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			w, err := Build(s)
			if err != nil {
				t.Fatal(err)
			}
			dir, files := export(t, w)
			checkTruth(t, w, readNaive(t, dir, files, w.start, w.end))
			events := map[bgp.Family]int{}
			for _, e := range w.Truth() {
				if e.Kind != "blip" {
					events[e.Family]++
				}
			}
			if events[bgp.IPv4] != 1 || events[bgp.IPv6] > 1 {
				t.Errorf("the truth has %v events, want one a family", events)
			}
		})
	}
}

// TestOriginChange follows the moved prefix through the messages: no withdrawal, and for six hours
// the other origin.
func TestOriginChange(t *testing.T) {
	t.Parallel()
	s := Scenarios()[slices.IndexFunc(Scenarios(), func(s Scenario) bool { return s.Name == "origin-change" })]
	w, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	m := s.Moves[0]
	origins := map[bgp.ASN]int{}
	for _, collector := range w.Collectors() {
		for _, r := range w.record(collector).records {
			group := &w.groups[r.group]
			if r.to != 0 || r.endOfRIB != 0 || r.mask&group.mask([]netip.Prefix{m.Prefix}) == 0 {
				continue
			}
			if r.path == withdrawn {
				continue // a single peer's loss, of the background
			}
			origin := w.topo.networks[group.network].ASN
			origins[origin]++
			during := r.at > m.Start.Add(2*time.Minute).UnixMicro() && r.at < m.End.UnixMicro()
			if near := r.at > m.Start.UnixMicro() && r.at < m.End.Add(2*time.Minute).UnixMicro(); !near && during != (origin == m.To) {
				t.Errorf("%v announces it at %v", origin, time.UnixMicro(r.at).UTC())
			}
		}
	}
	if origins[m.From] < 40 || origins[m.To] < 40 {
		t.Errorf("got announcements %v, want at least 40 of each origin", origins)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	start := time.Date(2015, 1, 5, 0, 0, 0, 0, time.UTC)
	for name, s := range map[string]Scenario{
		"unknown origin":  {Losses: []Loss{{Origin: 64496, Start: start}}},
		"unknown prefix":  {Losses: []Loss{{Origin: 131279, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Start: start}}},
		"unknown peer":    {Peers: []PeerDown{{ASN: 131279, Down: start}}},
		"unknown network": {More: []Origination{{64496, netip.MustParsePrefix("192.0.2.0/24")}}},
		"unknown move":    {Moves: []Move{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), From: 131279, To: 9329, Start: start}}},
	} {
		s.Start, s.End = start, start.Add(time.Hour)
		if _, err := Build(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
