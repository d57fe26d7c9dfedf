package outage

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestDecember2014 runs the schedule of the reconstruction against the engine.
func TestDecember2014(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2014-12-21T00:00Z", DefaultConfig())
	kp := country("KP")
	w.add(kp, networks(4))
	w.until("2014-12-22T00:00Z")
	for w.now < unix(t, "2014-12-22T15:30Z") {
		w.away(kp, 4, 3)
		w.minutes(12)
	}
	w.until("2014-12-22T16:15Z")
	w.setDown(kp, 4)
	w.until("2014-12-23T01:46Z")
	w.setDown(kp, 0)
	w.until("2014-12-23T08:00Z")
	w.away(kp, 4, 10)
	w.until("2014-12-23T15:41Z")
	w.setDown(kp, 4)
	w.until("2014-12-23T16:12Z")
	w.setDown(kp, 0)
	w.until("2014-12-27T10:30Z")
	w.away(kp, 4, 120)
	w.until("2014-12-28T04:00Z")
	w.away(kp, 4, 60)
	w.until("2014-12-29T00:00Z")

	for _, ev := range w.events {
		end := ev.Outage.End
		if ev.Outage.EndReason == bgp.EndRecovered && end.Unix() >= unix(t, "2014-12-22T16:15Z") && end.Unix() < unix(t, "2014-12-23T01:46Z") {
			t.Errorf("%s: recovered at %v, while all is dark", ev.Outage.ID, end)
		}
	}
	want := []struct {
		kind       bgp.Kind
		start, end string
	}{
		{bgp.KindIntermittent, "2014-12-22T00:00:08Z", "2014-12-22T16:15:08Z"},
		{bgp.KindOutage, "2014-12-22T16:15:08Z", "2014-12-23T01:46:00Z"},
		{bgp.KindOutage, "2014-12-23T08:00:08Z", "2014-12-23T08:10:00Z"},
		{bgp.KindOutage, "2014-12-23T15:41:08Z", "2014-12-23T16:12:00Z"},
		{bgp.KindOutage, "2014-12-27T10:30:08Z", "2014-12-27T12:30:00Z"},
		{bgp.KindOutage, "2014-12-28T04:00:08Z", "2014-12-28T05:00:00Z"},
	}
	got := w.final(kp)
	for _, o := range got {
		t.Logf("%s %s %v..%v %s\n%s", o.ID, o.Kind, o.Start, o.End, o.Severity, o.Summary)
	}
	if len(got) != len(want) {
		t.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i, o := range got {
		if o.Kind != want[i].kind || o.Start.Format(time.RFC3339) != want[i].start || o.End == nil || o.End.Format(time.RFC3339) != want[i].end ||
			o.State != bgp.StateClosed || o.Severity != bgp.SeverityTotal {
			t.Errorf("event %d: got %s %v to %v, %s, %s; want %v, closed, total", i, o.Kind, o.Start, o.End, o.State, o.Severity, want[i])
		}
	}
	if gaps := got[0].Gaps; len(gaps) == 0 || !gaps[len(gaps)-1].End.Equal(*got[0].End) || gaps[len(gaps)-1].Start.Format("15:04") != "15:18" {
		t.Errorf("the last of the flapping's gaps are %v, want one from its last loss to its end", gaps[max(len(gaps)-2, 0):])
	}
	main := got[1]
	if main.ID != "country-KP-ipv4-20141222T1615Z" || main.LostPrefixesTotal != 4 || main.Peak.LostPrefixes != 4 || main.Flaps.Day != 62 ||
		main.Score != 57100 || len(main.Upstreams) != 1 || main.Upstreams[0].ASN != 4837 {
		t.Errorf("the main outage: got %+v", main)
	}
	for _, part := range []string{
		"All 4 IPv4 prefixes of North Korea lost their routes at 16:15 UTC on 22 December 2014.",
		"after 9 h 31 min", "only upstream AS4837 (China Unicom)", "62 short losses", "BGP cannot tell these apart.",
	} {
		if !strings.Contains(main.Summary, part) {
			t.Errorf("the summary lacks %q: %s", part, main.Summary)
		}
	}
	if !strings.HasSuffix(main.Summary, caveat) {
		t.Errorf("the summary does not end with the caveat: %s", main.Summary)
	}
}
