package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestFeedTable: the newest status of each collector, full feeds of the newest panel, and what is wrong in words.
func TestFeedTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	table := newFeedTable()
	late := time.Duration(0) // the feed's clock
	say := func(ago time.Duration, f *pb.FeedRecord) {
		t.Helper()
		at := now.Add(-ago)
		f.TimestampUs = at.Add(-late).UnixMicro()
		b, err := f.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := table.add(&kgo.Record{Topic: "bgp.feeds.v1", Timestamp: at, Value: b}); err != nil {
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
	panel := &pb.PanelRecord{Family: pb.Family_FAMILY_IPV4, Peers: []*pb.PanelPeer{
		{Collector: "ris/rrc01", Votes: true}, {Collector: "ris/rrc01", Reason: "second_feed"}, {Collector: "ris/rrc01", Reason: "partial"},
	}}
	b, err := panel.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	if err := table.add(&kgo.Record{Topic: "site1.bgp.panel.v1", Value: b}); err != nil {
		t.Fatal(err)
	}
	got := feedLines(table.rows(now), 0)
	want := []string{
		"COLLECTOR  SOURCE   STATE     PEERS UP  FULL IPV4  FULL IPV6  MESSAGES/S  LAG    LAST GAP (UTC)       WHY",
		"ris/rrc01  rislive  up        30        2          0          12.3        1.2 s  2026-11-24 11:00:00",
		"ris/rrc03  rislive  degraded  0         0          0          0.0         0.0 s  -                    no beacon",
		"ris/rrc04  rislive  gone      0         0          0          0.0         -      -                    nobody has spoken for it for 5m0s",
		"ris/rrc05  rislive  opening   0         0          0          0.0         -      -",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
