package core

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/detect/rib"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// risBeacons are the beacons and anchors of RIPE RIS, with the beacons that it has added since
// 2024.
var risBeacons = [...]netip.Prefix{
	netip.MustParsePrefix("84.205.64.0/19"), netip.MustParsePrefix("2001:7fb:fe00::/40"),
	netip.MustParsePrefix("93.175.149.0/24"), netip.MustParsePrefix("93.175.151.0/24"),
	netip.MustParsePrefix("93.175.153.0/24"),
}

// rhythm is the schedule of some of RIPE's beacons. A collector hears them if it heard one of them
// after enough of their times in a row. A collector that never heard them misses nothing, and
// neither does a capture that happens to hold a beacon.
type rhythm struct {
	seconds int64 // between two times
	enough  int   // times in a row
	name    string
}

// The rhythms of the heartbeat of the feeds.
const (
	hourly = iota
	quick
	rhythms
)

// heartbeats has the rhythms. The beacons are announced at 00, 04, 08, ... and withdrawn at 02, 06,
// 10, ... UTC; since 2024 one of them changes every 10 minutes. Before 2024 the changes of that
// beacon could be heard for some minutes, so the quick rhythm needs an hour of changes.
var heartbeats = [rhythms]rhythm{
	hourly: {2 * 3600, 2, "no RIS beacon was heard"},
	quick:  {600, 6, "the RIS beacon that changes every 10 minutes was not heard"},
}

// The beacons among risBeacons that are heartbeats. The other prefixes there are anchors, which do
// not change.
var (
	beats = [...]netip.Prefix{
		netip.MustParsePrefix("84.205.64.0/20"), netip.MustParsePrefix("2001:7fb:fe00::/40"),
	}
	quickBeats = [...]netip.Prefix{netip.MustParsePrefix("84.205.66.0/24")}
)

// beaconLog has the times at which a collector heard RIPE's beacons, in Unix seconds.
type beaconLog struct {
	heard     [rhythms]int64 // last time that a beacon of the rhythm was heard; hourly includes quick
	beats     [rhythms]int   // times of the rhythm in a row after which a beacon was heard
	disturbed int64          // last interruption of the collector's stream, or end of one
	missed    int64          // time since which a beacon is missing; 0: none is
}

// beacon reports whether k, which a collector's stream names at now, is a beacon. It notes the time
// of a heartbeat.
func (c *collector) beacon(f *familyState, k rib.Key, now int64) bool {
	if !f.beacon(k) {
		return false
	}
	for i, set := range f.beats {
		if f.within(set, k) {
			c.beacons.heard[i] = max(c.beacons.heard[i], now)
		}
	}
	return true
}

// heartbeat returns the feed records about the heartbeat at the end of a window. Only a detector
// that leads publishes them; each one follows the beacons of both families.
func (d *Detector) heartbeat(start int64) []Out {
	end := start + windowSeconds
	var out []Out
	for _, name := range slices.Sorted(maps.Keys(d.collectors)) {
		c := d.collectors[name]
		if !strings.HasPrefix(name, "ris/") && !strings.HasPrefix(name, "routeviews/") {
			continue
		}
		x := &c.beacons
		if x.missed != 0 && x.heard[hourly] > x.missed {
			out = append(out, feedOut(end, name, pb.FeedEvent_FEED_EVENT_RECOVERED, "a RIS beacon was heard again"))
			x.missed = 0
		}
		for i := range heartbeats {
			if why := d.beat(c, i, start); why != "" {
				out = append(out, feedOut(end, name, pb.FeedEvent_FEED_EVENT_DEGRADED, why))
				x.missed = end
			}
		}
	}
	if !d.cfg.Families.Leads() {
		return nil
	}
	return out
}

// beat counts a time of a rhythm if the window that began at start is the last one in which its
// beacon may be heard. It returns the reason why the collector is degraded from here on, or "".
func (d *Detector) beat(c *collector, i int, start int64) string {
	r, x := &heartbeats[i], &c.beacons
	late := int64(d.cfg.Feeds.BeaconLate / time.Second)
	instant := (start + windowSeconds - late) / r.seconds * r.seconds
	if instant+late <= start || c.masked != unmasked || c.gap != nil || x.disturbed > instant {
		return ""
	}
	switch {
	case x.heard[i] >= instant:
		x.beats[i]++
		return ""
	case x.missed != 0:
		return ""
	}
	known := x.beats[i] >= r.enough
	if i == quick || !known {
		x.beats[i] = 0 // the quick beacon may have ended for good
	}
	if !known {
		return ""
	}
	return fmt.Sprintf("%s within %v after %s; the last one at %s",
		r.name, d.cfg.Feeds.BeaconLate, clockTime(instant), clockTime(x.heard[i]))
}
