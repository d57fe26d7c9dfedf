package core

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// midnight is a time at which RIPE's beacons are announced.
const midnight = int64(1_400_025_600)

// said lists the records on bgp.feeds: minute from midnight, collector, event.
func said(f *feed) []string {
	var out []string
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.FeedRecord); ok && o.Topic == schemas.TopicFeeds {
			out = append(out, fmt.Sprintf("%d %s %s", (r.TimestampUs/1e6-midnight)/60, r.Collector, strings.TrimPrefix(r.Event.String(), "FEED_EVENT_")))
		}
	}
	return out
}

// TestHeartbeat: a collector that heard RIPE's beacons and then does not is degraded until it hears
// them again.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFeed(t, small())
	hear := func(name string, at int64, prefix string) {
		r := record(name, at, &pb.RouteChanges{Peer: w.peer(0, 0), Withdrawn: []*pb.Route{{Prefix: octets(t, prefix)}}})
		f.apply(r)
	}
	const beacon, anchor = "84.205.64.0/24", "84.205.80.0/24"
	hour := func(h int64) int64 { return midnight + h*3600 }
	for _, h := range []int64{0, 2, 4, 6} {
		f.until(hour(h) + 60)
		hear("ris/rrc00", hour(h)+65, beacon)
		hear("routeviews/a", hour(h)+65, "2001:7fb:fe01::/48")
		hear("file/x", hour(h)+65, beacon) // not a feed
		if h < 2 {
			hear("ris/rrc01", hour(h)+65, beacon) // once is not enough
		}
		hear("ris/rrc02", hour(h)+3600, beacon) // not at their times
		hear("ris/rrc03", hour(h)+3601, anchor)
	}
	down := record("routeviews/a", hour(7), &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE})
	f.apply(down)
	hear("ris/rrc00", hour(8)+1, anchor)
	f.until(hour(10))
	f.apply(record("routeviews/a", hour(10)+60, &pb.CollectorUp{}))
	f.until(hour(11) + 60)
	hear("ris/rrc00", hour(11)+61, beacon)
	f.until(hour(15))
	want := []string{"500 ris/rrc00 DEGRADED", "662 ris/rrc00 RECOVERED", "740 routeviews/a DEGRADED", "740 ris/rrc00 DEGRADED"}
	want[2], want[3] = want[3], want[2]
	if diff := cmp.Diff(want, said(f)); diff != "" {
		t.Errorf("feeds (-want +got):\n%s", diff)
	}
}

// TestQuickHeartbeat: a collector that heard the beacon of every 10 minutes for an hour, and then
// does not, is degraded after 20 minutes; one that heard it less often is not. Any beacon ends it.
func TestQuickHeartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFeed(t, small())
	hear := func(name string, minute int64, prefix string) {
		f.apply(record(name, midnight+60*minute+5, &pb.RouteChanges{Peer: w.peer(0, 0), Withdrawn: []*pb.Route{{Prefix: octets(t, prefix)}}}))
	}
	for m := int64(60); m <= 120; m += 10 {
		f.until(midnight + 60*m)
		hear("ris/rrc00", m, "84.205.66.0/24")
		if m >= 100 { // the rhythm of the beacon before 2024
			hear("ris/rrc01", m, "84.205.66.0/24")
		}
	}
	f.until(midnight + 60*240)
	hear("ris/rrc00", 240, "84.205.64.0/24")
	f.until(midnight + 60*300)
	if diff := cmp.Diff([]string{"150 ris/rrc00 DEGRADED", "241 ris/rrc00 RECOVERED"}, said(f)); diff != "" {
		t.Errorf("feeds (-want +got):\n%s", diff)
	}
}

// TestNewBeacons: the beacons that RIPE added are not counted as other prefixes are.
func TestNewBeacons(t *testing.T) {
	t.Parallel()
	f := newFeed(t, small()).detector.family(bgp.IPv4)
	for code, want := range map[string]bool{
		"93.175.149.0/24": true, "93.175.151.0/24": true, "93.175.153.0/24": true, "93.175.150.0/24": false, "84.205.66.0/24": true,
	} {
		if _, k, _ := rib.KeyOf(netip.MustParsePrefix(code)); f.beacon(k) != want {
			t.Errorf("%s is a beacon: %t, want %t", code, !want, want)
		}
	}
}
