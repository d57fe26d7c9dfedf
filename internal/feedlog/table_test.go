package feedlog

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestTable: the newest status of each collector, full feeds of the newest panel, and the faults in
// words.
func TestTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	table := New()
	late := time.Duration(0) // the feed's clock
	say := func(ago time.Duration, f *pb.FeedRecord) {
		t.Helper()
		at := now.Add(-ago)
		f.TimestampUs = at.Add(-late).UnixMicro()
		b, err := f.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Add(&kgo.Record{Topic: "bgp.feeds.v1", Timestamp: at, Value: b}); err != nil {
			t.Fatal(err)
		}
	}
	status := func(c string, s *pb.FeedStatus) *pb.FeedRecord {
		return &pb.FeedRecord{Collector: c, Source: "rislive", Instance: "0", Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: s}
	}
	say(20*time.Second, status("ris/rrc01", &pb.FeedStatus{State: "up", PeersUp: 1}))
	say(10*time.Second, status("ris/rrc01", &pb.FeedStatus{State: "up", PeersUp: 30, Messages: 9, MessagesPerSecond: 12.34, LagUs: 1_234_000, LastGapUs: now.Add(-time.Hour).UnixMicro()}))
	say(10*time.Second, status("ris/rrc03", &pb.FeedStatus{State: "up", Messages: 1}))
	say(9*time.Second, &pb.FeedRecord{Collector: "ris/rrc03", Source: "detect", Event: pb.FeedEvent_FEED_EVENT_DEGRADED, Reason: "no beacon"})
	say(5*time.Minute, status("ris/rrc04", &pb.FeedStatus{State: "up"}))
	say(time.Second, &pb.FeedRecord{Collector: "ris/rrc01", Source: "rislive", Peer: &pb.Peer{Asn: 64496}, Event: pb.FeedEvent_FEED_EVENT_DOWN, Reason: "a peer's"})
	late = 30 * time.Minute
	say(10*time.Second, status("ris/rrc05", &pb.FeedStatus{State: "opening"}))
	say(time.Second, &pb.FeedRecord{Collector: "ris/rrc06", Source: "rislive", Event: pb.FeedEvent_FEED_EVENT_DOWN}) // without a status: no row
	say(10*time.Second, status("ris/rrc07", &pb.FeedStatus{State: "up", PeersUp: 3}))
	say(9*time.Second, &pb.FeedRecord{Collector: "ris/rrc07", Source: "rislive", Event: pb.FeedEvent_FEED_EVENT_DOWN, Reason: "stale"})
	panel := &pb.PanelRecord{Family: pb.Family_FAMILY_IPV4, Peers: []*pb.PanelPeer{
		{Collector: "ris/rrc01", Votes: true},
		{Collector: "ris/rrc01", Reason: "second_feed"},
		{Collector: "ris/rrc01", Reason: "partial"},
		{Collector: "ris/rrc03", Reason: "no_panel"},
	}}
	b, err := panel.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Add(&kgo.Record{Topic: "site1.bgp.panel.v1", Value: b}); err != nil {
		t.Fatal(err)
	}
	gap := now.Add(-time.Hour)
	row := func(collector string, state State, ago time.Duration) Row {
		return Row{Collector: collector, Source: "rislive", Instance: "0", State: state, Updated: now.Add(-ago)}
	}
	want := []Row{
		row("ris/rrc01", "up", 10*time.Second), row("ris/rrc03", Degraded, 10*time.Second), row("ris/rrc04", Gone, 5*time.Minute),
		row("ris/rrc05", "opening", 10*time.Second), row("ris/rrc07", "down", 10*time.Second),
	}
	want[0].PeersUp, want[0].FullFeedsIPv4, want[0].MessagesPerSecond, want[0].LagSeconds, want[0].LastGap = 30, 2, 12.3, new(1.23), &gap
	want[1].Reason, want[1].LagSeconds, want[1].FullFeedsIPv4 = "no beacon", new(0.0), 1
	want[2].Reason = "nobody has spoken for it for 5m0s"
	want[4].Instance, want[4].Reason = "", "stale"
	if diff := cmp.Diff(want, table.Rows(now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTablePanels: for each family the newest panel decides whether a verdict is possible, and
// since when.
func TestTablePanels(t *testing.T) {
	t.Parallel()
	table, at := New(), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	say := func(minute int64, p *pb.PanelRecord) {
		t.Helper()
		p.TimeUs = at.Unix()*1e6 + minute*60e6
		b, err := p.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Add(&kgo.Record{Topic: "bgp.panel.v1", Value: b}); err != nil {
			t.Fatal(err)
		}
	}
	none := func(voters uint32) *pb.PanelRecord {
		return &pb.PanelRecord{Family: pb.Family_FAMILY_IPV6, Voters: voters, Collectors: 1, MinVoters: 20, MinCollectors: 3, Verdicts: new(false), NoVerdict: "voters"}
	}
	say(0, &pb.PanelRecord{Family: pb.Family_FAMILY_IPV6, Voters: 20, Collectors: 3, MinVoters: 20, MinCollectors: 3, Verdicts: new(true), Table: pb.TableKnowledge_TABLE_KNOWLEDGE_COMPLETE})
	say(1, none(5))
	say(15, none(1))
	say(15, &pb.PanelRecord{Family: pb.Family_FAMILY_IPV4, Voters: 21, Collectors: 4, MinVoters: 20, PlacesNotJudged: "IPv4: countries are not judged"}) // Verdicts as in an earlier version
	want := []Panel{
		{
			Family: "ipv4", Verdicts: true, Votes: bgp.Votes{Voters: 21, Collectors: 4, MinVoters: 20}, Since: at.Add(15 * time.Minute), Updated: at.Add(15 * time.Minute),
			Text: "IPv4: verdicts are possible: 21 networks on 4 collectors vote", PlacesNotJudged: "IPv4: countries are not judged",
		},
		{
			Family: "ipv6", NoVerdict: bgp.NoVerdictVoters, Votes: bgp.Votes{Voters: 1, Collectors: 1, MinVoters: 20, MinCollectors: 3}, Since: at.Add(time.Minute), Updated: at.Add(15 * time.Minute),
			Text: "IPv6: no verdict is possible: 1 network on 1 collector can vote, and a verdict needs 20 on 3",
		},
	}
	if diff := cmp.Diff(want, table.Panels(at)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPanelsOfSilentCollectors: if collectors are no longer up and too few voters are left, no
// verdict is possible, even before the detector reports that. The text has the number of events
// that stay open.
func TestPanelsOfSilentCollectors(t *testing.T) {
	t.Parallel()
	table, at := New(), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	add := func(topic string, m interface{ MarshalVT() ([]byte, error) }) {
		t.Helper()
		b, err := m.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Add(&kgo.Record{Topic: topic, Value: b, Timestamp: at}); err != nil {
			t.Fatal(err)
		}
	}
	state := func(collector string, s bgp.FeedState) {
		t.Helper()
		add("bgp.feeds.v1", &pb.FeedRecord{Collector: collector, Source: "rislive", Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: &pb.FeedStatus{State: string(s)}})
	}
	panel := &pb.PanelRecord{Family: pb.Family_FAMILY_IPV4, Voters: 3, Collectors: 2, MinVoters: 2, MinCollectors: 2, Verdicts: new(true), OpenEvents: 3}
	for i, collector := range []string{"a", "a", "b", "c"} {
		panel.Peers = append(panel.Peers, &pb.PanelPeer{Collector: collector, Peer: &pb.Peer{Asn: uint32(64496 + i)}, Votes: collector != "c"})
	}
	add("bgp.panel.v1", panel)
	for _, tt := range []struct {
		a, b bgp.FeedState
		want string
	}{
		{bgp.FeedUp, bgp.FeedBootstrapping, "IPv4: verdicts are possible: 3 networks on 2 collectors vote"},
		{bgp.FeedUp, bgp.FeedSuspended, "IPv4: no verdict is possible: 2 networks on 1 collector can vote, and a verdict needs 2 on 2; 3 events stay open, nothing is decided (1 collector that voted is not up)"},
		{bgp.FeedDown, bgp.FeedUp, "IPv4: no verdict is possible: 1 network on 1 collector can vote, and a verdict needs 2 on 2; 3 events stay open, nothing is decided (1 collector that voted is not up)"},
	} {
		state("a", tt.a)
		state("b", tt.b)
		if got := table.Panels(at); len(got) != 1 || got[0].Text != tt.want || got[0].Verdicts != (got[0].NoVerdict == bgp.VerdictPossible) {
			t.Errorf("a %s, b %s: got %+v, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestTableBound: a full table drops the feed whose newest record is oldest.
func TestTableBound(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	table := New()
	table.limit = 3
	for i, collector := range []string{"c", "a", "b", "c", "d", "e"} {
		b, err := (&pb.FeedRecord{Collector: collector, Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: &pb.FeedStatus{State: "up"}}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Add(&kgo.Record{Topic: "bgp.feeds.v1", Timestamp: now.Add(time.Duration(i) * time.Second), Value: b}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range table.Rows(now) {
		got = append(got, r.Collector)
	}
	if diff := cmp.Diff([]string{"c", "d", "e"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTableDamaged names the record that cannot be decoded.
func TestTableDamaged(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"bgp.feeds.v1", "bgp.panel.v1"} {
		if err := New().Add(&kgo.Record{Topic: topic, Offset: 7, Value: []byte{0xff}}); err == nil || !strings.Contains(err.Error(), "offset 7") {
			t.Errorf("%s: got %v, want an error that names the offset", topic, err)
		}
	}
}
