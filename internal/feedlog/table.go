// Package feedlog computes the state of each collector's feed from the records of bgp.feeds.v1 and
// bgp.panel.v1 of one dataset. A feed is the stream of one collector. A status is a regular record
// of ingest about a feed.
//
// In: records of both topics, in the order of their partitions. Read and Follow read them from
// Kafka; Table.Add takes them one by one. Out: a Row for each collector and a Panel for each
// family. The package starts no goroutine. Several goroutines may use a Table at once. A Table
// holds at most MaxCollectors feeds. Of each family it holds the newest panel record only.
package feedlog

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// GoneAfter is the largest age of a collector's last status before the feed counts as gone.
	// Statuses come every ten seconds.
	GoneAfter = time.Minute
	// MaxCollectors is the largest number of feeds in a Table. To add another feed, the Table drops
	// the feed whose newest record is oldest.
	MaxCollectors = 4096
)

// Reasons of detect for peers that have a whole table and do not vote: other peers of their AS
// vote, or too few peers have whole tables.
const (
	secondFeed = "second_feed"
	noPanel    = "no_panel"
)

// State is the state of a feed: a bgp.FeedState that ingest reported, or Degraded or Gone.
type State string

// States that this package derives. No record has them.
const (
	// Degraded: ingest reports that the feed is up, and detect reports that it is degraded.
	Degraded State = "degraded"
	// Gone: the last status is older than GoneAfter.
	Gone State = "gone"
)

// Row is the state of one collector's feed, as `darkmap feeds --format json` prints it.
type Row struct {
	Collector string `json:"collector"`
	// Source is the kind of source. Instance is the name of the ingest process that follows the
	// collector.
	Source   string `json:"source"`
	Instance string `json:"instance"`
	State    State  `json:"state"`
	// Reason describes the fault in words; empty if there is none.
	Reason string `json:"reason,omitempty"`
	// PeersUp is the number of BGP sessions that are up.
	PeersUp uint32 `json:"peers_up"`
	// FullFeedsIPv4 and FullFeedsIPv6 are the numbers of full feeds among the collector's peers, by
	// the newest panel record of the family.
	FullFeedsIPv4     int     `json:"full_feeds_ipv4"`
	FullFeedsIPv6     int     `json:"full_feeds_ipv6"`
	MessagesPerSecond float64 `json:"messages_per_second"`
	// LagSeconds is the delay of the messages; nil before the first message.
	LagSeconds *float64 `json:"lag_seconds,omitempty"`
	// LastGap is the time when the newest gap began; nil if there was no gap.
	LastGap *time.Time `json:"last_gap,omitempty"`
	// Updated is the time when Kafka received the newest status.
	Updated time.Time `json:"updated"`
}

// Panel reports whether verdicts are possible in a family, as `darkmap feeds --format json` prints
// it.
type Panel struct {
	Family string `json:"family"`
	// Verdicts reports whether a verdict is possible. If it is not, NoVerdict is the reason. Text
	// describes both in words.
	Verdicts  bool          `json:"verdicts"`
	NoVerdict bgp.NoVerdict `json:"no_verdict,omitempty"`
	bgp.Votes
	// Table reports whether verdicts use whole tables or updates alone.
	Table bgp.TableKnowledge `json:"table,omitempty"`
	// Since is the event time of the first record with the present answer, among the records that
	// were read. Updated is the event time of the newest record.
	Since   time.Time `json:"since"`
	Updated time.Time `json:"updated"`
	Text    string    `json:"text"`
	// PlacesNotJudged is the reason why countries, regions and the world have no events; empty if
	// they can have events.
	PlacesNotJudged string `json:"places_not_judged,omitempty"`
	// OpenEvents is the number of open events at the time of the newest record. They stay open
	// while no verdict is possible.
	OpenEvents int `json:"open_events"`
}

// Table holds the state of the feeds of one dataset. It is safe for concurrent use.
type Table struct {
	mu    sync.Mutex
	feeds map[string]*feed             // by collector
	full  map[pb.Family]map[string]int // by collector
	panel map[bgp.Family]Panel         // newest panel
	votes map[bgp.Family]voters        // voters of the newest panel
	limit int
}

// feed is the knowledge about the feed of one collector.
type feed struct {
	source, instance string
	status           *pb.FeedStatus
	// at is the time when Kafka received the status. The status's own time is the feed's clock,
	// which is half an hour late with --follow.
	at time.Time
	// heard is the time when Kafka received the newest record of ingest or detect.
	heard time.Time
	ended bool   // the feed went down after the status
	sick  string // detect's reason why the feed is degraded
	why   string // ingest's reason for the last going down, degradation or gap
}

// New returns a Table without feeds.
func New() *Table {
	return &Table{
		feeds: map[string]*feed{}, full: map[pb.Family]map[string]int{}, panel: map[bgp.Family]Panel{},
		votes: map[bgp.Family]voters{}, limit: MaxCollectors,
	}
}

// Add applies a record of either topic. The error names a record that cannot be decoded.
func (t *Table) Add(rec *kgo.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if strings.HasSuffix(rec.Topic, schemas.TopicPanel) {
		var p pb.PanelRecord
		if err := p.UnmarshalVT(rec.Value); err != nil {
			return fmt.Errorf("decoding a panel at offset %d: %w", rec.Offset, err)
		}
		t.count(&p)
		t.answer(&p)
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

// answer stores whether verdicts are possible in the family of a panel record.
func (t *Table) answer(p *pb.PanelRecord) {
	f, err := codec.ParseFamily(p.GetFamily())
	if err != nil {
		return // a family of a later version
	}
	why, votes := codec.ParseVerdict(p)
	at := time.UnixMicro(p.GetTimeUs()).UTC()
	was, known := t.panel[f]
	now := Panel{
		Family: f.String(), Verdicts: why == bgp.VerdictPossible, NoVerdict: why, Votes: votes,
		Since: at, Updated: at,
	}
	now.Table, _ = codec.ParseTableKnowledge(p.GetTable()) // A value of a later version stays empty.
	if known && was.NoVerdict == why {
		now.Since = was.Since
	}
	now.OpenEvents, now.PlacesNotJudged = int(p.GetOpenEvents()), p.GetPlacesNotJudged()
	now.Text = why.Standing(f, votes, now.OpenEvents)
	t.panel[f], t.votes[f] = now, votersOf(p)
}

// count counts the full feeds of each collector: the peers that vote, and those that do not because
// of other peers of their AS, or because too few peers have whole tables.
func (t *Table) count(p *pb.PanelRecord) {
	full := map[string]int{}
	for _, x := range p.GetPeers() {
		if x.GetVotes() || x.GetReason() == secondFeed || x.GetReason() == noPanel {
			full[x.GetCollector()]++
		}
	}
	switch p.GetFamily() {
	case pb.Family_FAMILY_IPV4, pb.Family_FAMILY_IPV6:
		t.full[p.GetFamily()] = full
	case pb.Family_FAMILY_UNSPECIFIED:
	}
}

// note applies a feed record that Kafka received at at.
func (t *Table) note(f *pb.FeedRecord, at time.Time) {
	x := t.feeds[f.GetCollector()]
	if x == nil {
		if len(t.feeds) >= t.limit {
			t.drop()
		}
		x = &feed{}
		t.feeds[f.GetCollector()] = x
	}
	x.heard = at
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
	case pb.FeedEvent_FEED_EVENT_UNSPECIFIED, pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED,
		pb.FeedEvent_FEED_EVENT_PROGRESS:
	}
}

// drop removes the feed whose newest record is oldest.
func (t *Table) drop() {
	oldest := slices.MinFunc(slices.Collect(maps.Keys(t.feeds)), func(a, b string) int {
		return cmp.Or(t.feeds[a].heard.Compare(t.feeds[b].heard), cmp.Compare(a, b))
	})
	delete(t.feeds, oldest)
}

// Rows returns the state at now of each feed that has had a status, sorted by collector.
func (t *Table) Rows(now time.Time) []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows(now)
}

func (t *Table) rows(now time.Time) []Row {
	var out []Row
	for _, name := range slices.Sorted(maps.Keys(t.feeds)) {
		x := t.feeds[name]
		if x.status == nil {
			continue
		}
		r := Row{
			Collector: name, Source: x.source, Instance: x.instance,
			State: State(x.status.GetState()), Reason: cmp.Or(x.sick, x.why),
			PeersUp: x.status.GetPeersUp(), MessagesPerSecond: math.Round(x.status.GetMessagesPerSecond()*10) / 10,
			Updated:       x.at.UTC(),
			FullFeedsIPv4: t.full[codec.Family(bgp.IPv4)][name],
			FullFeedsIPv6: t.full[codec.Family(bgp.IPv6)][name],
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
			r.State, r.PeersUp = State(bgp.FeedDown), 0
		case age > GoneAfter:
			r.State, r.Reason = Gone, fmt.Sprintf("nobody has spoken for it for %v", age.Round(time.Second))
		case x.sick != "" && r.State == State(bgp.FeedUp):
			r.State = Degraded
		}
		out = append(out, r)
	}
	return out
}
