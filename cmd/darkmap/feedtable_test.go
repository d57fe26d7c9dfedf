package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/feedlog"
)

// TestFeedLines draws one line for each feed under a heading.
func TestFeedLines(t *testing.T) {
	t.Parallel()
	gap := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	rows := []feedlog.Row{
		{Collector: "ris/rrc01", Source: "rislive", State: "up", PeersUp: 30, FullFeedsIPv4: 2, MessagesPerSecond: 12.3, LagSeconds: new(1.23), LastGap: &gap},
		{Collector: "ris/rrc03", Source: "rislive", State: feedlog.Degraded, LagSeconds: new(0.0), Reason: "no beacon"},
		{Collector: "ris/rrc04", Source: "rislive", State: feedlog.Gone, Reason: "nobody has spoken for it for 5m0s"},
		{Collector: "ris/rrc05", Source: "rislive", State: "opening"},
	}
	got := feedLines(rows, 0)
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

// TestPanelLines: the lines report for each family whether verdicts are possible, or that no panel
// is known yet.
func TestPanelLines(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	got := panelLines([]feedlog.Panel{{Text: "IPv4: verdicts are possible: 21 networks on 4 collectors vote", Since: since, PlacesNotJudged: "IPv4: countries are not judged"}})
	if diff := cmp.Diff([]string{"IPv4: verdicts are possible: 21 networks on 4 collectors vote (since 2026-11-24 11:00 UTC)", "IPv4: countries are not judged"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := panelLines(nil); len(got) != 1 {
		t.Errorf("without a panel: got %q", got)
	}
}
