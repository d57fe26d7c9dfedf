package core

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// RIPE's beacons are announced at 00, 04, 08, ... and withdrawn at 02, 06, 10, ... UTC.
	beatSeconds = 2 * 3600
	// enoughBeats in a row make a collector one that hears the beacons: one that never did is not missing anything, and neither is
	// a capture that happens to hold a beacon.
	enoughBeats = 2
)

// heartbeats are the beacons among risBeacons; the others there are anchors, which stand still.
var heartbeats = [...]netip.Prefix{netip.MustParsePrefix("84.205.64.0/20"), netip.MustParsePrefix("2001:7fb:fe00::/40")}

// beaconLog is what a collector hears of RIPE's beacons, in Unix seconds.
type beaconLog struct {
	heard     int64 // when one was heard last
	beats     int   // how many instants in a row one was heard after
	disturbed int64 // when the collector's stream was interrupted last, or whole again
	missed    int64 // since when one is missing; 0 is not
}

// beacon reports whether a prefix that a collector's stream names at now is one.
func (c *collector) beacon(f *familyState, k rib.Key, now int64) bool {
	if !f.beacon(k) {
		return false
	}
	if f.within(f.beats, k) {
		c.beacons.heard = max(c.beacons.heard, now)
	}
	return true
}

// heartbeat is what is to be published of the feeds' heartbeat at the end of a window.
func (d *Detector) heartbeat(start int64) []Out {
	end, late := start+windowSeconds, int64(d.cfg.Feeds.BeaconLate/time.Second)
	instant := (end - late) / beatSeconds * beatSeconds
	due := instant+late > start
	var out []Out
	for _, name := range slices.Sorted(maps.Keys(d.collectors)) {
		c := d.collectors[name]
		if !strings.HasPrefix(name, "ris/") && !strings.HasPrefix(name, "routeviews/") {
			continue
		}
		x := &c.beacons
		if x.missed != 0 && x.heard > x.missed {
			out = append(out, feedOut(end, name, pb.FeedEvent_FEED_EVENT_RECOVERED, "a RIS beacon was heard again"))
			x.missed = 0
		}
		if !due || c.masked || c.gap != nil || x.disturbed > instant {
			continue
		}
		switch {
		case x.heard >= instant:
			x.beats++
		case x.beats >= enoughBeats && x.missed == 0:
			why := fmt.Sprintf("no RIS beacon was heard within %v after %s; the last one at %s", d.cfg.Feeds.BeaconLate, clockTime(instant), clockTime(x.heard))
			out = append(out, feedOut(end, name, pb.FeedEvent_FEED_EVENT_DEGRADED, why))
			x.missed = end
		case x.missed == 0:
			x.beats = 0
		}
	}
	return out
}

func clockTime(s int64) string { return time.Unix(s, 0).UTC().Format(time.RFC3339) }

// feedOut says at t what happened to a collector's feed.
func feedOut(t int64, collector string, event pb.FeedEvent, why string) Out {
	return Out{Topic: schemas.TopicFeeds, Key: []byte(collector), Record: &pb.FeedRecord{
		TimestampUs: t * 1e6, Collector: collector, Event: event, Reason: why, Source: Name,
	}}
}

// RecordsMissing says that the log does not begin with its first record, or lacks others: what the table of a peer is that is heard first from
// here on is not known, and nothing is learned from updates in its place. Such a peer does not vote before a table came.
func (d *Detector) RecordsMissing() { d.trimmed = true }

// RequestTables is what to publish at the end of the window that began at start when the state has been built from a log without its
// beginning: for each collector, in order, that has peers without a whole table, that tables are wanted. A gap since ever brings them; the
// fill of another gap does not.
func (d *Detector) RequestTables(start int64) []Out {
	var out []Out
	for _, name := range slices.Sorted(maps.Keys(d.collectors)) {
		c, n := d.collectors[name], 0
		for _, p := range c.peers {
			if (c.gap == nil || c.gap.since != 0) && d.lacksTable(p) {
				n++
			}
		}
		if n > 0 {
			why := fmt.Sprintf("the detector built its state from a log that lacks records: the tables of %d peers are not known", n)
			out = append(out, feedOut(start+windowSeconds, name, pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED, why))
		}
	}
	return out
}

// lacksTable reports whether a peer is up and its table in some family is not known, nor was before an open gap, nor is being sent.
func (d *Detector) lacksTable(p *peer) bool {
	for _, f := range d.families {
		if ps := p.slots[f.family-bgp.IPv4]; ps.used {
			if s := f.panel.Session(ps.slot); s.Up && !s.Knows() && !s.Transferring() {
				return true
			}
		}
	}
	return false
}
