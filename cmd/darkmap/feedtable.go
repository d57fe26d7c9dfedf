package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// goneAfter is how old the last status of a collector may be: statuses come every ten seconds.
const goneAfter = time.Minute

// rowState is the state of a row: a bgp.FeedState as ingest reported it, or what the reader concludes.
type rowState string

// What the reader concludes.
const (
	// rowDegraded: ingest says that the feed is up, and detect calls it degraded.
	rowDegraded rowState = "degraded"
	// rowGone: no status came for goneAfter.
	rowGone rowState = "gone"
)

// feedRow is how one collector's feed stands, as printed with --format json.
type feedRow struct {
	Collector         string     `json:"collector"`
	Source            string     `json:"source"`
	Instance          string     `json:"instance"`
	State             rowState   `json:"state"`
	Reason            string     `json:"reason,omitempty"`
	PeersUp           uint32     `json:"peers_up"`
	FullFeedsIPv4     int        `json:"full_feeds_ipv4"`
	FullFeedsIPv6     int        `json:"full_feeds_ipv6"`
	MessagesPerSecond float64    `json:"messages_per_second"`
	LagSeconds        *float64   `json:"lag_seconds,omitempty"` // nil before the first message
	LastGap           *time.Time `json:"last_gap,omitempty"`
	Updated           time.Time  `json:"updated"`
}

// feedTable gathers what bgp.feeds and bgp.panel say. It is for one goroutine.
type feedTable struct {
	feeds map[string]*feed
	full  map[pb.Family]map[string]int // by collector
}

// feed is what is known of one collector's.
type feed struct {
	source, instance string
	status           *pb.FeedStatus
	at               time.Time // when Kafka was given the status: its own time is the feed's clock, which --follow has half an hour late
	ended            bool      // it went down after that
	sick             string    // why detect calls it degraded
	why              string    // of its last going down
}

func newFeedTable() *feedTable {
	return &feedTable{feeds: map[string]*feed{}, full: map[pb.Family]map[string]int{}}
}

// add takes a record of either topic.
func (t *feedTable) add(rec *kgo.Record) error {
	if strings.HasSuffix(rec.Topic, "bgp.panel.v1") {
		var p pb.PanelRecord
		if err := p.UnmarshalVT(rec.Value); err != nil {
			return fmt.Errorf("decoding a panel at offset %d: %w", rec.Offset, err)
		}
		t.panel(&p)
		return nil
	}
	var f pb.FeedRecord
	if err := f.UnmarshalVT(rec.Value); err != nil {
		return fmt.Errorf("decoding a feed record at offset %d: %w", rec.Offset, err)
	}
	if f.GetCollector() != "" && f.GetPeer() == nil {
		t.note(&f, rec.Timestamp)
	}
	return nil
}

// panel counts the full feeds: those that vote, and those that would but for another of their AS.
func (t *feedTable) panel(p *pb.PanelRecord) {
	full := map[string]int{}
	for _, x := range p.GetPeers() {
		if x.GetVotes() || x.GetReason() == "second_feed" {
			full[x.GetCollector()]++
		}
	}
	t.full[p.GetFamily()] = full
}

// note takes what was written at at.
func (t *feedTable) note(f *pb.FeedRecord, at time.Time) {
	x := t.feeds[f.GetCollector()]
	if x == nil {
		x = &feed{}
		t.feeds[f.GetCollector()] = x
	}
	if f.GetSource() == "detect" {
		x.sick = ""
		if f.GetEvent() == pb.FeedEvent_FEED_EVENT_DEGRADED {
			x.sick = f.GetReason()
		}
		return
	}
	x.source, x.instance = f.GetSource(), f.GetInstance()
	switch f.GetEvent() {
	case pb.FeedEvent_FEED_EVENT_STATUS:
		x.status, x.at, x.ended = f.GetStatus(), at, false
	case pb.FeedEvent_FEED_EVENT_DOWN:
		x.why, x.ended = f.GetReason(), true
	case pb.FeedEvent_FEED_EVENT_DEGRADED, pb.FeedEvent_FEED_EVENT_GAP:
		x.why = f.GetReason()
	case pb.FeedEvent_FEED_EVENT_UP, pb.FeedEvent_FEED_EVENT_RECOVERED:
		x.why, x.ended = "", false
	case pb.FeedEvent_FEED_EVENT_UNSPECIFIED, pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED, pb.FeedEvent_FEED_EVENT_PROGRESS:
	}
}

// rows lists the feeds by collector as they stand at now.
func (t *feedTable) rows(now time.Time) []feedRow {
	var out []feedRow
	for _, name := range slices.Sorted(maps.Keys(t.feeds)) {
		x := t.feeds[name]
		if x.status == nil {
			continue
		}
		r := feedRow{
			Collector: name, Source: x.source, Instance: x.instance, State: rowState(x.status.GetState()), Reason: cmp.Or(x.sick, x.why),
			PeersUp: x.status.GetPeersUp(), MessagesPerSecond: math.Round(x.status.GetMessagesPerSecond()*10) / 10,
			Updated:       x.at.UTC(),
			FullFeedsIPv4: t.full[codec.Family(bgp.IPv4)][name], FullFeedsIPv6: t.full[codec.Family(bgp.IPv6)][name],
		}
		if x.status.GetMessages() > 0 {
			r.LagSeconds = new(math.Round(float64(x.status.GetLagUs())/1e4) / 100)
		}
		if us := x.status.GetLastGapUs(); us != 0 {
			gap := time.UnixMicro(us).UTC()
			r.LastGap = &gap
		}
		switch age := now.Sub(r.Updated); {
		case x.ended:
			r.State, r.PeersUp = rowState(bgp.FeedDown), 0
		case age > goneAfter:
			r.State, r.Reason = rowGone, fmt.Sprintf("nobody has spoken for it for %v", age.Round(time.Second))
		case x.sick != "" && r.State == rowState(bgp.FeedUp):
			r.State = rowDegraded
		}
		out = append(out, r)
	}
	return out
}

// writeFeedsJSON prints one object a line.
func writeFeedsJSON(w io.Writer, rows []feedRow) error {
	enc := json.NewEncoder(w)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("writing the feeds: %w", err)
		}
	}
	return nil
}

// feedLines draws the rows under a heading, no line longer than width; 0 is unlimited.
func feedLines(rows []feedRow, width int) []string {
	cells := [][]string{{"COLLECTOR", "SOURCE", "STATE", "PEERS UP", "FULL IPV4", "FULL IPV6", "MESSAGES/S", "LAG", "LAST GAP (UTC)", "WHY"}}
	for _, r := range rows {
		gap, lag := "-", "-"
		if r.LastGap != nil {
			gap = r.LastGap.Format("2006-01-02 15:04:05")
		}
		if r.LagSeconds != nil {
			lag = fmt.Sprintf("%.1f s", *r.LagSeconds)
		}
		cells = append(cells, []string{
			r.Collector, r.Source, string(r.State), fmt.Sprint(r.PeersUp), fmt.Sprint(r.FullFeedsIPv4), fmt.Sprint(r.FullFeedsIPv6),
			fmt.Sprintf("%.1f", r.MessagesPerSecond), lag, gap, r.Reason,
		})
	}
	return alignedLines(cells, []bool{9: true}, width)
}
