package main

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestDemoEnds: while North Korea is dark none of its events ends as recovered, and an event that
// ends names its successor. Every text has the label.
func TestDemoEnds(t *testing.T) {
	t.Parallel()
	all := parse(t, lines(t, "demo", "--no-store", "--format", "json", "--all", "--data-dir", t.TempDir()))
	from, to := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC), time.Date(2014, 12, 23, 1, 46, 0, 0, time.UTC)
	byID := map[string]bgp.Outage{}
	for _, o := range all {
		byID[o.ID] = o
		for _, text := range []string{o.Headline, o.Post, o.Summary} {
			if !strings.HasPrefix(text, "Reconstruction: ") {
				t.Errorf("%s: a text without its label: %q", o.ID, text)
			}
		}
	}
	superseded := 0
	for _, o := range all {
		ended := o.State == bgp.StateClosed || o.State == bgp.StateRetracted
		if ended != (o.EndReason != bgp.NotEnded) {
			t.Errorf("%s: end reason %q in state %s", o.ID, o.EndReason, o.State)
		}
		if !ended || o.End.Before(from) || !o.End.Before(to) {
			continue
		}
		next := byID[o.Successor]
		if o.EndReason != bgp.EndSuperseded || o.Kind != bgp.KindIntermittent || next.Kind != bgp.KindOutage || next.Predecessor != o.ID {
			t.Errorf("%s ended at %v as %q for %q, which names %q", o.ID, o.End, o.EndReason, o.Successor, next.Predecessor)
		}
		superseded++
	}
	if superseded != 6 { // the country, its AS, its four prefixes
		t.Errorf("got %d superseded events, want 6", superseded)
	}
	if o := byID["country-KP-ipv4-20141222T1615Z"]; o.EndReason != bgp.EndRecovered ||
		o.Headline != "Reconstruction: North Korea: routes back at 01:46 UTC, 23 Dec 2014, after 9 h 31 min" {
		t.Errorf("got %q, %q", o.EndReason, o.Headline)
	}
}
