package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestLateLines checks the line about an outage that was over before it was sent: the state of each
// kind, and a time that crosses midnight.
func TestLateLines(t *testing.T) {
	t.Parallel()
	part := func(o *bgp.Outage) { o.Peak.LossPercent = 6000 }
	night := at(time.Date(2026, 3, 1, 23, 50, 0, 0, time.UTC))
	for want, change := range map[string][]func(*bgp.Outage){
		"AS64496 was dark 10:00-10:20 UTC on 2 Mar 2026":                                       {},
		"AS64496 was dark from 23:50 UTC, 1 Mar 2026 to 10:20 UTC, 2 Mar 2026":                 {night},
		"AS64496 had a loss of routes 10:00-10:20 UTC on 2 Mar 2026":                           {part},
		"AS64496 had a partial loss 10:00-10:20 UTC on 2 Mar 2026":                             {kind(bgp.KindPartial)},
		"AS64496 was flapping 10:00-10:20 UTC on 2 Mar 2026":                                   {kind(bgp.KindIntermittent)},
		"AS64496 had a change of origin 10:00-10:20 UTC on 2 Mar 2026":                         {kind(bgp.KindMoved)},
		"AS64496 had an unexpected origin from 23:50 UTC, 1 Mar 2026 to 10:20 UTC, 2 Mar 2026": {kind(bgp.KindOrigin), night},
	} {
		s := newSim(t, to("chat"), chat("chat"))
		s.fail = down
		o := an(bgp.EntityAS, "AS64496", change...)
		s.give(o)
		s.run(20 * time.Minute)
		s.give(s.ended(o, bgp.EndRecovered))
		s.fail = nil
		s.run(time.Hour)
		s.want("chat", "notice Over before it was sent")
		if got := s.last("chat").Headline; got != want+", told late" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestWordsOfKinds checks that texts about a change of origin name no loss, and do not say that it
// is back.
func TestWordsOfKinds(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"chat"}, Updates: "all"}}, chat("chat"))
	bare := func(o *bgp.Outage) { o.Headline, o.Post, o.Summary, o.Now.LossPercent = "", "", "", 2000 }
	country := an(bgp.EntityCountry, "KP", kind(bgp.KindMoved), bare)
	part := an(bgp.EntityAS, "AS64496", in(country), kind(bgp.KindMoved))
	s.give(country, part)
	s.run(2 * time.Minute)
	m := s.last("chat")
	if m.Headline != "North Korea: change of origin since 10:00 UTC, 2 Mar 2026" ||
		!strings.Contains(m.Summary, " Also open: 1 network. Now 20 % of it has moved (4 prefixes), at worst 100 % (4 prefixes).") {
		t.Errorf("got %q, %q", m.Headline, m.Summary)
	}
	s.give(s.ended(country, bgp.EndRecovered))
	s.run(2 * time.Minute)
	if m = s.last("chat"); m.Headline != "North Korea is as usual again; 1 network goes on" {
		t.Errorf("got %q", m.Headline)
	}
	s = newSim(t, to("chat"), chat("chat"))
	part.Kind, country.Kind = bgp.KindMoved, bgp.KindOutage
	s.give(country, part)
	s.run(2 * time.Minute)
	s.give(s.ended(country, bgp.EndRecovered))
	s.run(2 * time.Minute)
	if m = s.last("chat"); m.Headline != "North Korea is back; 1 network goes on" {
		t.Errorf("got %q", m.Headline)
	}
}
