package outage

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// hijacked lets other ASes announce a prefix of the world to a number of 40 voters. With 0 voters
// the announcements end.
func (w *world) hijacked(p netip.Prefix, voters int, routes ...UnexpectedRoute) {
	w.view.unexpected = nil
	w.view.guarded = map[Key]bool{prefixKey(p): true}
	if voters > 0 {
		w.view.unexpected = []Unexpected{{Key: prefixKey(p), Space: bgp.Space(p), Voters: voters, Of: 40, Collectors: 2, Routes: routes}}
	}
}

// TestOriginLife checks an event that opens in the first minute, closes after ten quiet ones, and
// is reopened within half an hour. After that a new event opens.
func TestOriginLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	p := networks(1)[0]
	route := UnexpectedRoute{Prefix: p, Origin: 64666, Expected: []bgp.ASN{64500}, Voters: 3, Of: 40, Collectors: 2}
	w.hijacked(p, 3, route)
	w.minutes(2)
	w.hijacked(p, 0)
	w.minutes(3)
	w.hijacked(p, 3, route) // a pause
	w.minutes(1)
	w.hijacked(p, 0)
	w.minutes(20)
	w.hijacked(p, 38, route)
	w.minutes(7)
	w.hijacked(p, 0)
	w.minutes(60)
	w.hijacked(p, 3, route)
	w.minutes(1)
	w.view.verdicts = false
	w.hijacked(p, 0)
	w.minutes(30)
	w.view.verdicts = true
	w.minutes(3)
	w.view.guarded = nil
	w.minutes(1)
	want := []string{
		"opened origin open 0..-", "closed origin closed 0..6", "reopened origin open 0..-", "closed origin closed 0..33",
		"opened origin open 93..-", "closed origin closed 93..127",
	}
	if got := w.life(prefixKey(p)); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i, reason := range map[int]bgp.EndReason{1: bgp.EndRecovered, 3: bgp.EndRecovered, 5: bgp.EndRemoved} {
		if o := w.events[i].Outage; o.EndReason != reason {
			t.Errorf("record %d ended as %s, want %s", i, o.EndReason, reason)
		}
	}
	first, total := w.events[0].Outage, w.events[2].Outage
	if first.Severity != bgp.SeverityMajor || total.Severity != bgp.SeverityTotal || first.Unexpected[0].SharePercent != 750 {
		t.Errorf("severities %s and %s, share %s", first.Severity, total.Severity, first.Unexpected[0].SharePercent)
	}
	if !strings.HasPrefix(first.Summary, "The prefix 20.0.0.0/24 of AS64500 (Example Net) has been announced by AS64666 since ") &&
		!strings.HasPrefix(first.Summary, "The prefix 20.0.0.0/24 has been announced by AS64666 since ") {
		t.Errorf("summary: %s", first.Summary)
	}
}

// TestOriginUpdates checks that an increase is published after five minutes, and that an unchanged
// event is not.
func TestOriginUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	p := networks(1)[0]
	route := UnexpectedRoute{Prefix: p, Origin: 64666, Expected: []bgp.ASN{64500}, Voters: 3, Of: 40, Collectors: 2}
	other := route
	other.Origin = 64667
	w.hijacked(p, 3, route)
	w.minutes(1)
	w.hijacked(p, 3, route, other)
	w.minutes(60)
	w.hijacked(p, 20, route, other)
	w.minutes(60)
	got := w.life(prefixKey(p))
	if len(got) != 3 || w.events[1].Outage.DurationSeconds != 6*60 || w.events[2].Outage.DurationSeconds != int64(62*time.Minute/time.Second) {
		t.Errorf("got %q, %v", got, w.events)
	}
}

// TestShift moves usual values. They do not fall below 0.
func TestShift(t *testing.T) {
	t.Parallel()
	h := history{points: []point{{since: 1, space: 100, prefixes: 2}, {since: 9, space: 10, prefixes: 1}}}
	h.shift(-50, -2)
	if h.points[0].space != 50 || h.points[0].prefixes != 0 || h.points[1].space != 0 || h.points[1].prefixes != 0 {
		t.Errorf("got %+v", h.points)
	}
	b := baseline{space: 10, prefixes: 1}
	b.shift(5, 1)
	if b.space != 15 || b.prefixes != 2 {
		t.Errorf("got %+v", b)
	}
	c := DefaultConfig()
	c.Family = bgp.IPv4
	was, is := baseline{space: 100 << 8}, baseline{space: 50 << 8}
	if got := c.rebased(c.threshold(was), was, is); got != c.threshold(is) {
		t.Errorf("threshold: got %d, want %d", got, c.threshold(is))
	}
}
