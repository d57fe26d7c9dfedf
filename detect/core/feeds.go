package core

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

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
