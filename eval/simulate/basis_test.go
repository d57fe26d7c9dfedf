package simulate

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestBasis checks that each event of the schedule gets the row from which it comes, and that other
// events get none.
func TestBasis(t *testing.T) {
	t.Parallel()
	for seed, want := range map[uint64][]string{
		0: {"assumed", "published", "end assumed", "published", "end assumed", "end assumed"},
		1: {"simulated", "simulated", "simulated", "simulated", "simulated", "simulated"},
	} {
		w := world(t, Config{Seed: seed})
		var got []string
		for i, r := range w.Schedule() {
			got = append(got, r.Basis())
			for _, e := range w.Truth() {
				if e.Kind == "blip" || e.Start.Before(r.Start.Add(-time.Minute)) || e.Start.After(r.Start.Add(time.Minute)) {
					continue
				}
				for _, entity := range []bgp.Entity{
					{Type: bgp.EntityCountry, Code: e.Country}, {Type: bgp.EntityAS, Code: e.Origins[0].String()}, {Type: bgp.EntityPrefix, Code: e.Prefixes[0].String()},
				} {
					if row := w.Row(bgp.Outage{Entity: entity, Start: e.Start.Add(8 * time.Second), End: &e.End}); row != i {
						t.Errorf("seed %d: %s of %s comes from row %d, want %d", seed, e.Kind, entity.Code, row, i)
					}
				}
			}
			if (r.Source == "") != (seed != 0) {
				t.Errorf("seed %d, row %d: source %q", seed, i, r.Source)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
	w, at := world(t, Config{}), time.Date(2014, 12, 22, 17, 0, 0, 0, time.UTC)
	end := at.Add(time.Hour)
	for _, o := range []bgp.Outage{
		{Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "NL"}, Start: at, End: &end},
		{Entity: bgp.Entity{Type: bgp.EntityAS, Code: "AS1103"}, Start: at},
		{Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP"}, Start: at.AddDate(0, 0, -2), End: &at},
	} {
		if o.End == &at {
			before := at.AddDate(0, 0, -1)
			o.End = &before
		}
		if row := w.Row(o); row != -1 {
			t.Errorf("%s from %v comes from row %d, want none", o.Entity.Code, o.Start, row)
		}
	}
}
