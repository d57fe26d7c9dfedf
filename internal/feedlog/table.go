// Package feedlog folds the records of bgp.feeds.v1 and bgp.panel.v1 of one dataset to how each collector's feed stands.
//
// In: records of both topics, from Kafka (Read, Follow) or one by one (Table.Add), in the order of their partitions. Out:
// a row for each collector. No goroutine is started; a Table may be used by several at once. It holds at most
// MaxCollectors feeds, and the counts and the answer of the newest panel of each family.
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
	// GoneAfter is how old the last status of a collector may be: statuses come every ten seconds.
	GoneAfter = time.Minute
	// MaxCollectors is how many feeds a Table holds. For another one it drops that of which nothing was written for longest.
	MaxCollectors = 4096
)

// detect's reasons of peers with a whole table that would vote, but for others of their AS, or for too few such peers.
const (
	secondFeed = "second_feed"
	noPanel    = "no_panel"
)

// State is how a feed stands: a bgp.FeedState as ingest reported it, or what is concluded here.
type State string

// What is concluded here, and never on the wire.
const (
	// Degraded: ingest says that the feed is up, and detect calls it degraded.
	Degraded State = "degraded"
	// Gone: no status came for GoneAfter.
	Gone State = "gone"
)

// Row is how one collector's feed stands, as `darkmap feeds --format json` prints it.
type Row struct {
	Collector string `json:"collector"`
	// Source is the kind of source, Instance the process of ingest that follows it.
	Source   string `json:"source"`
	Instance string `json:"instance"`
	State    State  `json:"state"`
	// Reason says in words what is wrong; empty where nothing is.
	Reason string `json:"reason,omitempty"`
	// PeersUp are BGP sessions that are up.
	PeersUp uint32 `json:"peers_up"`
	// FullFeeds are peers with a full table in the newest panel.
	FullFeedsIPv4     int     `json:"full_feeds_ipv4"`
	FullFeedsIPv6     int     `json:"full_feeds_ipv6"`
	MessagesPerSecond float64 `json:"messages_per_second"`
	// LagSeconds is how late messages come; nil before the first one.
	LagSeconds *float64 `json:"lag_seconds,omitempty"`
	// LastGap is when the newest gap began; nil where none was.
	LastGap *time.Time `json:"last_gap,omitempty"`
	// Updated is when Kafka was given the newest status.
	Updated time.Time `json:"updated"`
}

// Panel is whether verdicts are possible in a family, as `darkmap feeds --format json` prints it.
type Panel struct {
	Family string `json:"family"`
	// Verdicts: one is possible. NoVerdict is why none is, Text says so in words.
	Verdicts  bool          `json:"verdicts"`
	NoVerdict bgp.NoVerdict `json:"no_verdict,omitempty"`
	bgp.Votes
	// Table is what verdicts rest on.
	Table bgp.TableKnowledge `json:"table,omitempty"`
	// Since is the event time of the first record read that gave this answer, Updated that of the newest.
	Since   time.Time `json:"since"`
	Updated time.Time `json:"updated"`
	Text    string    `json:"text"`
	// PlacesNotJudged says why countries, regions and the world are not judged; empty where they are.
	PlacesNotJudged string `json:"places_not_judged,omitempty"`
	// OpenEvents is how many events of outages were open then. While no verdict is possible they stay so.
	OpenEvents int `json:"open_events"`
}

// Table holds how the feeds of one dataset stand. It is safe for concurrent use.
type Table struct {
	mu    sync.Mutex
	feeds map[string]*feed             // by collector
	full  map[pb.Family]map[string]int // by collector
	panel map[bgp.Family]Panel         // the newest
	votes map[bgp.Family]voters        // of that
	limit int
}

// feed is what is known of one collector's.
type feed struct {
	source, instance string
	status           *pb.FeedStatus
	at               time.Time // when Kafka was given the status: its own time is the feed's clock, which --follow has half an hour late
	heard            time.Time // when Kafka was given the newest record of ingest or detect
	ended            bool      // it went down after the status
	sick             string    // why detect calls it degraded
	why              string    // of its last going down
}

// New returns a Table without feeds.
func New() *Table {
	return &Table{feeds: map[string]*feed{}, full: map[pb.Family]map[string]int{}, panel: map[bgp.Family]Panel{}, votes: map[bgp.Family]voters{}, limit: MaxCollectors}
}

// Add takes a record of either topic. The error names the record that cannot be decoded.
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

// answer takes whether verdicts are possible.
func (t *Table) answer(p *pb.PanelRecord) {
	f, err := codec.ParseFamily(p.GetFamily())
	if err != nil {
		return // a family of a later version
	}
	why, votes := codec.ParseVerdict(p)
	at := time.UnixMicro(p.GetTimeUs()).UTC()
	was, known := t.panel[f]
	now := Panel{Family: f.String(), Verdicts: why == bgp.VerdictPossible, NoVerdict: why, Votes: votes, Since: at, Updated: at}
	now.Table, _ = codec.ParseTableKnowledge(p.GetTable()) // one of a later version stays unsaid
	if known && was.NoVerdict == why {
		now.Since = was.Since
	}
	now.OpenEvents, now.PlacesNotJudged = int(p.GetOpenEvents()), p.GetPlacesNotJudged()
	now.Text = why.Standing(f, votes, now.OpenEvents)
	t.panel[f], t.votes[f] = now, votersOf(p)
}

// count counts the full feeds: those that vote, and those that would but for others of their AS, or for too few of them.
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

// note takes what was written at at.
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
	case pb.FeedEvent_FEED_EVENT_UNSPECIFIED, pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED, pb.FeedEvent_FEED_EVENT_PROGRESS:
	}
}

// drop removes the feed of which nothing was written for longest.
func (t *Table) drop() {
	oldest := slices.MinFunc(slices.Collect(maps.Keys(t.feeds)), func(a, b string) int {
		return cmp.Or(t.feeds[a].heard.Compare(t.feeds[b].heard), cmp.Compare(a, b))
	})
	delete(t.feeds, oldest)
}

// Rows lists the feeds that have had a status, by collector, as they stand at now.
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
			Collector: name, Source: x.source, Instance: x.instance, State: State(x.status.GetState()), Reason: cmp.Or(x.sick, x.why),
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
