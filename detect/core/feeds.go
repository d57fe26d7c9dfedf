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

// feedOut returns the record at t of an event of a collector's feed.
func feedOut(t int64, collector string, event pb.FeedEvent, why string) Out {
	return Out{Topic: schemas.TopicFeeds, Key: []byte(collector), Record: &pb.FeedRecord{
		TimestampUs: t * 1e6, Collector: collector, Event: event, Reason: why, Source: Name,
	}}
}

// RecordsMissing notes that the log does not begin with its first record, or that other records are
// missing. The table of a peer that is first heard from here on is unknown, and its updates do not
// take the place of a table. It does not vote before a table comes.
func (d *Detector) RecordsMissing() { d.trimmed = true }

// RequestTables returns the requests for tables to publish at the end of the window that began at
// start, when the state has been built from a log without its beginning. There is one for each
// collector that has peers without a whole table, in the order of names. A collector whose open gap
// begins before all records gets no request, as that gap brings the tables. The fill of another gap
// does not bring them.
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
			why := fmt.Sprintf(
				"the detector built its state from a log that lacks records: the tables of %d peers are not known", n)
			out = append(out, feedOut(start+windowSeconds, name, pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED, why))
		}
	}
	return out
}

// lacksTable reports whether a peer is up and, in some family, its table is not known, was not
// known before an open gap, and is not being sent.
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
