package core

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestAdopted: a country is dark when the detector ends, and the tables of the next detector do not
// have its prefixes. The events of the country, its AS and its prefixes go on under their ids, and
// end when the routes are back, not when they are usual again.
func TestAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.gone(dawn+hours, w.in("KP")...)
	cut := dawn + hours + 20*minute
	before := w.run(cut)
	var published []bgp.Outage
	for _, r := range before.final() {
		if o := lastRecord(t, before, r.Entity.Type, r.Entity.Code); o.State == bgp.StateOpen {
			published = append(published, o)
		}
	}
	later := newWorld(t)
	dark := later.in("KP")
	later.networks = slices.DeleteFunc(later.networks, func(n network) bool { return n.country == "KP" })
	later.tables()
	later.back(cut+30*minute, dark...)
	after, took := newFeed(t, small()), false
	slices.SortStableFunc(later.records, func(a, b *pb.RouteRecord) int { return int(a.TimestampUs/60e6 - b.TimestampUs/60e6) })
	for _, r := range later.records {
		if r.TimestampUs/1e6 >= cut && !took {
			after.until(cut)
			after.outs, took = nil, true
			after.detector.TakeOver(bgp.IPv4, published, cut)
		}
		after.apply(r)
	}
	after.until(cut + 2*hours)
	for _, code := range []string{"KP", "AS131279", dark[0].prefix} {
		var got []string
		for _, o := range outagesOf(t, after, code) {
			if !slices.ContainsFunc(published, func(p bgp.Outage) bool { return p.ID == o.ID }) {
				t.Errorf("%s: a record of %s, which is new", code, o.ID)
			}
			got = append(got, fmt.Sprintf("%s %d %s", o.Event, (o.Start.Unix()+o.DurationSeconds-cut)/60, o.EndReason))
		}
		if diff := cmp.Diff([]string{"updated 1 ", "closed 30 recovered"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", code, diff)
		}
	}
}
