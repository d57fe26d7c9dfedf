package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/datatest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func clockOf(s int64) string { return time.Unix(s, 0).UTC().Format("15:04:05") }

func describe(r *pb.OutageRecord) string {
	end := "open"
	if r.EndS != nil {
		end = clockOf(*r.EndS)
	}
	s := clockOf(r.StartS) + " " + end + " " + r.Kind + " " + r.State + " " + r.Entity.Code
	if r.Blip {
		s += " blip"
	}
	return s
}

// TestRouteViews2013 replays 46 minutes of route-views2 without a table (docs/detection.md, Updates
// without a table).
func TestRouteViews2013(t *testing.T) {
	t.Parallel()
	var files []string
	for _, n := range []string{"0", "1", "2", "3"} {
		files = append(files, datatest.Path(t, "mrt", "routeviews2-20130101-arch"+n+".mrt.gz"))
	}
	recs := captured(t, "file/local", files...)
	var runs []string
	var f *feed
	for run := range 2 {
		f = newFeed(t, small())
		f.undisturbed = true
		for i, r := range recs {
			if f.apply(r); run == 1 && i%(len(recs)/7) == 0 { // in the middle of windows
				f.detector = restored(t, f.detector)
			}
		}
		f.close()
		runs = append(runs, encoded(t, f))
	}
	if runs[0] != runs[1] {
		t.Error("two runs publish different things")
	}
	got := map[string][]*pb.OutageRecord{}
	for _, r := range f.final() {
		if r.Entity.Type != pb.EntityType_ENTITY_TYPE_PREFIX {
			t.Errorf("%s: updates alone say nothing about a %v", describe(r), r.Entity.Type)
		}
		got[r.Entity.Code] = append(got[r.Entity.Code], r)
	}
	at := func(hour, minute int64) int64 { return 1356998400 + hour*3600 + minute*60 } // of 2013-01-01
	for _, n := range []string{"1", "2", "3", "31", "4", "6", "7", "8", "9"} {
		code := "41.204." + n + ".0/24" // AS32398, gone for good
		if r := got[code]; len(r) != 1 || r[0].State != "open" || r[0].Kind != "outage" || !near(r[0].StartS, at(0, 20)) {
			t.Errorf("%s: got %v, want one outage open since 00:20", code, describeAll(r))
		}
	}
	if r := got["67.98.25.0/24"]; len(r) != 1 || r[0].Blip || !near(r[0].StartS, at(0, 15)) || !near(r[0].GetEndS(), at(0, 51)) {
		t.Errorf("67.98.25.0/24: got %v, want one outage from 00:15 to 00:51", describeAll(r))
	}
	for n := range 16 {
		code := fmt.Sprintf("189.76.%d.0/24", 80+n) // AS28355
		if r := got[code]; len(r) != 2 || !r[0].Blip || !r[1].Blip {
			t.Errorf("%s: got %v, want two blips", code, describeAll(r))
		}
	}
}

// near allows a minute.
func near(got, want int64) bool { return got >= want-60 && got <= want+60 }

func describeAll(rs []*pb.OutageRecord) []string {
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, describe(r))
	}
	return out
}

// TestRRC15 replays five minutes in which AS1916 sends its table again without a state message.
func TestRRC15(t *testing.T) {
	t.Parallel()
	f := newFeed(t, small())
	for _, r := range captured(t, "file/local", datatest.Path(t, "mrt", "bgpkit-rrc15-updates.20100227.1600.gz")) {
		f.apply(r)
	}
	f.close()
	found := 0
	for _, r := range f.final() {
		switch {
		case strings.HasPrefix(r.Entity.Code, "201.94."):
			found++
			if r.Blip || r.State != "open" {
				t.Errorf("got %s, want it gone for good", describe(r))
			}
		case !r.Blip:
			t.Errorf("got %s, want nothing but 201.94.x", describe(r))
		}
	}
	if found != 6 {
		t.Errorf("got %d of AS28662's prefixes, want 6", found)
	}
}

// TestWholeTable replays a single session that sends its whole table: never an outage.
func TestWholeTable(t *testing.T) {
	t.Parallel()
	f := newFeed(t, small())
	for _, r := range captured(t, "file/local", datatest.Path(t, "mrt", "updates.et-header.2015.gz")) {
		f.apply(r)
	}
	f.close()
	if r := f.final(); len(r) > 0 {
		t.Errorf("got %v, want nothing", describeAll(r))
	}
	if got := f.detector.family(bgp.IPv4).rib.Len(); got < 565_000 {
		t.Errorf("got %d prefixes, want the whole table, but for what is longer than a /24", got)
	}
}
