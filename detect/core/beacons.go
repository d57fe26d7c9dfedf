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

// risBeacons are RIPE RIS' beacons and anchors, and the beacons that it has added since 2024.
var risBeacons = [...]netip.Prefix{
	netip.MustParsePrefix("84.205.64.0/19"), netip.MustParsePrefix("2001:7fb:fe00::/40"),
	netip.MustParsePrefix("93.175.149.0/24"), netip.MustParsePrefix("93.175.151.0/24"), netip.MustParsePrefix("93.175.153.0/24"),
}

// A rhythm is how often some of RIPE's beacons come or go. A collector that heard one of them after enough of their times in a row is
// one that hears them: one that never did is not missing anything, and neither is a capture that happens to hold a beacon.
type rhythm struct {
	seconds int64 // between two times
	enough  int
	name    string
}

// The heartbeats of the feeds.
const (
	hourly = iota
	quick
	rhythms
)

// heartbeats are announced at 00, 04, 08, ... and withdrawn at 02, 06, 10, ... UTC; one of them since 2024 every 10 minutes. Before, its
// changes could be heard for some minutes, so that it takes an hour of them to believe that it is quick.
var heartbeats = [rhythms]rhythm{
	hourly: {2 * 3600, 2, "no RIS beacon was heard"},
	quick:  {600, 6, "the RIS beacon that changes every 10 minutes was not heard"},
}

// The beacons among risBeacons that are heartbeats; the others there are anchors, which stand still.
var (
	beats      = [...]netip.Prefix{netip.MustParsePrefix("84.205.64.0/20"), netip.MustParsePrefix("2001:7fb:fe00::/40")}
	quickBeats = [...]netip.Prefix{netip.MustParsePrefix("84.205.66.0/24")}
)

// beaconLog is what a collector hears of RIPE's beacons, in Unix seconds.
type beaconLog struct {
	heard     [rhythms]int64 // when one was heard last; hourly is any
	beats     [rhythms]int   // how many times in a row one was heard after
	disturbed int64          // when the collector's stream was interrupted last, or whole again
	missed    int64          // since when one is missing; 0 is not
}

// beacon reports whether a prefix that a collector's stream names at now is one.
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

// heartbeat is what is to be published of the feeds' heartbeat at the end of a window.
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
	return out
}

// beat counts the time of a rhythm of which the window that began at start is the last in which a beacon may be heard. It says why the
// collector is degraded from here on, or nothing.
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
		x.beats[i] = 0 // the quick one may have ended for good
	}
	if !known {
		return ""
	}
	return fmt.Sprintf("%s within %v after %s; the last one at %s", r.name, d.cfg.Feeds.BeaconLate, clockTime(instant), clockTime(x.heard[i]))
}
