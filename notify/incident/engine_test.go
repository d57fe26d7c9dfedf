package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

func TestDualStack(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	kp6 := an(bgp.EntityCountry, "KP", v6)
	s.give(kp, kp6)
	s.run(5 * time.Minute)
	s.want("chat", "open North Korea")
	s.give(s.ended(kp, bgp.EndRecovered))
	s.now = s.now.Add(30 * time.Second)
	s.give(s.ended(kp6, bgp.EndRecovered))
	s.run(time.Hour)
	s.want("chat", "open North Korea; close North Korea")
	if m := s.last("chat"); m.Incident != kp.ID || m.Reason != bgp.EndRecovered || m.Number != 2 || m.Link != "https://darkmap.example.net/outages/"+kp6.ID {
		t.Errorf("got %+v", m)
	}
}

// TestFamilyStays checks an incident in which one family is back and the other is not.
func TestFamilyStays(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	kp6 := an(bgp.EntityCountry, "KP", v6)
	s.give(kp, kp6)
	s.run(5 * time.Minute)
	s.give(s.ended(kp, bgp.EndRecovered))
	s.run(5 * time.Minute)
	s.want("chat", "open North Korea; update North Korea")
	s.give(s.ended(kp6, bgp.EndLostSight))
	s.run(5 * time.Minute)
	if m := s.last("chat"); m.Kind != target.Close || m.Reason != bgp.EndLostSight {
		t.Errorf("one family was lost from sight: got %s, %s", m.Kind, m.Reason)
	}
}

// TestGrowing opens prefixes first, then their AS, then the country, over 20 minutes.
func TestGrowing(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	var all []bgp.Outage
	for i := range 4 {
		p := an(bgp.EntityPrefix, fmt.Sprintf("192.0.2.%d/26", i*64), severity(bgp.SeverityMinor))
		all = append(all, p)
	}
	s.give(all[0])
	s.run(5 * time.Minute)
	s.want("chat", "open 192.0.2.0/26")
	for i := range all {
		in(as)(&all[i])
	}
	s.give(append([]bgp.Outage{an(bgp.EntityAS, "AS64496")}, all...)...)
	s.run(10 * time.Minute)
	s.want("chat", "open 192.0.2.0/26; update AS64496")
	as2 := as
	s.give(kp, as2)
	s.run(10 * time.Minute)
	s.want("chat", "open 192.0.2.0/26; update AS64496; update North Korea")
	m := s.last("chat")
	if m.Incident != all[0].ID || m.EventsTotal != 6 || len(m.Events) != 6 || m.Events[0].Entity.Code != "KP" || !strings.Contains(m.Summary, "Also open: 1 network, 4 prefixes.") {
		t.Errorf("got incident %s, %d events, %s", m.Incident, m.EventsTotal, m.Summary)
	}
	s.give(s.ended(kp, bgp.EndRecovered))
	s.run(10 * time.Minute)
	m = s.last("chat")
	if m.Kind != target.Update || m.Remainder != "North Korea is back; 1 network, 4 prefixes are not" || !strings.HasPrefix(m.Headline, m.Remainder) || !strings.HasSuffix(m.Post, caveat) {
		t.Errorf("got %s %q, %q, %q", m.Kind, m.Remainder, m.Headline, m.Post)
	}
	s.give(s.ended(as, bgp.EndRecovered), s.ended(all[0], bgp.EndRecovered), s.ended(all[1], bgp.EndRecovered))
	s.run(10 * time.Minute)
	if n := len(s.sent["chat"]); n != 4 {
		t.Errorf("got %d messages while two prefixes are left: %s", n, s.told("chat"))
	}
	s.give(s.ended(all[2], bgp.EndRecovered), s.ended(all[3], bgp.EndNewNormal))
	s.run(10 * time.Minute)
	s.want("chat", "open 192.0.2.0/26; update AS64496; update North Korea; update North Korea; close North Korea")
}

// TestLargeCountry checks a pending country: its ASes open after 5 minutes and name it; it opens
// after 15 minutes.
func TestLargeCountry(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "pager"), chat("chat"), pager("pager"))
	var all []bgp.Outage
	for i := range 12 {
		all = append(all, an(bgp.EntityAS, fmt.Sprintf("AS%d", 64500+i), in(kp)))
	}
	s.give(all...)
	s.run(10 * time.Minute)
	s.give(kp)
	s.run(10 * time.Minute)
	s.want("chat", "open AS64500; update North Korea")
	s.want("pager", "open AS64500; update North Korea")
}

// TestFolded checks two known incidents that turn out to be one.
func TestFolded(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	a, b := an(bgp.EntityAS, "AS64496"), an(bgp.EntityAS, "AS64497")
	s.give(a)
	s.run(2 * time.Minute)
	s.give(b)
	s.run(2 * time.Minute)
	s.want("chat", "open AS64496; open AS64497")
	in(kp)(&a)
	in(kp)(&b)
	s.give(kp, a, b)
	s.run(2 * time.Minute)
	s.want("chat", "open AS64496; open AS64497; update North Korea; close AS64497")
	if m := s.sent["chat"][3]; m.Incident != b.ID || m.Reason != bgp.EndSuperseded || strings.Contains(m.Headline, "back") || !strings.Contains(m.Summary, a.ID) {
		t.Errorf("got %s %s %q %q", m.Incident, m.Reason, m.Headline, m.Summary)
	}
	s.restart()
	s.give(s.ended(kp, bgp.EndRecovered), s.ended(a, bgp.EndRecovered), s.ended(b, bgp.EndRecovered))
	s.run(time.Hour)
	s.want("chat", "open AS64496; open AS64497; update North Korea; close AS64497; close North Korea")
}

// TestMovedAS checks an AS with 200 prefixes that other ASes originate.
func TestMovedAS(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	moved := func(o *bgp.Outage) { o.Kind = bgp.KindMoved }
	parent := an(bgp.EntityAS, "AS64496", moved)
	all := []bgp.Outage{}
	for i := range 200 {
		all = append(all, an(bgp.EntityPrefix, fmt.Sprintf("10.0.%d.0/24", i), moved, in(parent), severity(bgp.SeverityMinor)))
	}
	s.give(append(all, parent)...)
	s.run(10 * time.Minute)
	s.want("chat", "open AS64496")
	if m := s.last("chat"); m.EventsTotal != 201 || len(m.Events) != 100 || m.Events[0].Entity.Code != "AS64496" {
		t.Errorf("got %d events of %d, %s", len(m.Events), m.EventsTotal, m.Events[0].ID)
	}
	for i := range all {
		s.give(s.ended(all[i], bgp.EndRecovered))
	}
	s.give(s.ended(parent, bgp.EndRecovered))
	s.run(10 * time.Minute)
	s.want("chat", "open AS64496; close AS64496")
}

// TestLifeCycle checks all combinations of the last sent state and the new state.
func TestLifeCycle(t *testing.T) {
	t.Parallel()
	early := []Route{{Name: "all", To: []string{"chat"}, Match: Match{States: []string{"suspected", "open", "closed"}}, GroupWait: "0"}}
	s := newSim(t, early, chat("chat"))
	sus := as
	suspected(&sus)
	s.give(sus)
	s.run(time.Minute)
	s.give(s.retracted(as))
	s.run(time.Minute)
	s.want("chat", "open AS64496; take_back AS64496")
	s.give(sus)
	s.run(time.Minute)
	s.give(as)
	s.run(time.Minute)
	s.give(s.ended(as, bgp.EndRecovered))
	s.run(time.Minute)
	s.want("chat", "open AS64496; take_back AS64496; open AS64496; update AS64496; close AS64496")

	s = newSim(t, to("chat"), chat("chat"))
	s.give(sus)
	s.run(time.Hour)
	s.give(s.retracted(as))
	s.run(time.Hour)
	s.want("chat", "")
	s.give(as) // reopened; its opening was never sent
	s.run(time.Hour)
	s.give(s.ended(as, bgp.EndRecovered))
	s.run(time.Minute)
	s.give(as)
	s.run(time.Hour)
	s.want("chat", "open AS64496; close AS64496; open AS64496")
	if m := s.last("chat"); m.Incident != as.ID || m.Number != 3 {
		t.Errorf("got %s %d: it opens anew in the same incident", m.Incident, m.Number)
	}
}

// TestSuperseded checks that an event that continues as another event is not back, whether or not
// its successor has an id already.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{true, false} {
		s := newSim(t, []Route{{Name: "all", To: []string{"chat"}, Match: Match{Kinds: []string{"intermittent"}}}}, chat("chat"))
		flap := an(bgp.EntityCountry, "KP", func(o *bgp.Outage) { o.Kind = bgp.KindIntermittent })
		s.give(flap)
		s.run(10 * time.Minute)
		next := an(bgp.EntityCountry, "KP", at(t0.Add(9*time.Minute)), func(o *bgp.Outage) { o.Predecessor = flap.ID })
		closed := s.ended(flap, bgp.EndSuperseded)
		if named {
			closed.Successor = next.ID
		}
		s.give(closed)
		s.run(time.Minute)
		s.want("chat", "open North Korea")
		s.restart()
		s.give(next)
		s.run(time.Hour)
		s.want("chat", "open North Korea; update North Korea")
		s.give(s.ended(next, bgp.EndRecovered))
		s.run(time.Hour)
		s.want("chat", "open North Korea; update North Korea; close North Korea")
		if m := s.last("chat"); m.Reason != bgp.EndRecovered || m.Incident != flap.ID {
			t.Errorf("got %s %s", m.Reason, m.Incident)
		}
	}
	s := newSim(t, to("chat"), chat("chat")) // the successor never comes
	s.give(kp)
	s.run(10 * time.Minute)
	s.give(s.ended(kp, bgp.EndSuperseded))
	s.run(2 * time.Minute)
	s.want("chat", "open North Korea")
	s.run(2 * time.Minute)
	s.want("chat", "open North Korea; close North Korea")
	if m := s.last("chat"); m.Reason != bgp.EndSuperseded {
		t.Errorf("got %s", m.Reason)
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{"none": 0, "severity": 2, "": 2, "all": 4} {
		s := newSim(t, []Route{{Name: "all", To: []string{"chat"}, Updates: policy}}, chat("chat"))
		for _, v := range []bgp.Severity{bgp.SeverityMinor, bgp.SeverityMinor, bgp.SeverityMajor, bgp.SeverityMajor, bgp.SeverityTotal} {
			s.give(an(bgp.EntityCountry, "KP", severity(v)))
			s.run(5 * time.Minute)
		}
		if got := len(s.sent["chat"]) - 1; got != want {
			t.Errorf("updates %q: got %d, want %d: %s", policy, got, want, s.told("chat"))
		}
		s.give(s.ended(kp, bgp.EndRecovered))
		s.run(5 * time.Minute)
		if m := s.last("chat"); m.Kind != target.Close || m.Severity != bgp.SeverityTotal {
			t.Errorf("updates %q: got %s %s", policy, m.Kind, m.Severity)
		}
	}
}

// TestMinMinutes checks that a shorter outage is not sent, and that a longer one is sent at
// min_minutes without a new record.
func TestMinMinutes(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"chat", "records"}, Match: Match{MinMinutes: 10}}}, chat("chat"), recordsTarget("records"))
	s.now = t0.Add(5 * time.Minute)
	s.give(as)
	s.now = t0.Add(8 * time.Minute)
	s.pump()
	s.give(s.ended(as, bgp.EndRecovered))
	s.run(time.Hour)
	s.want("chat", "")
	s.want("records", "")
	again := an(bgp.EntityAS, "AS64497", at(s.now))
	s.now = s.now.Add(5 * time.Minute)
	s.give(again)
	s.restart()
	s.run(4 * time.Minute)
	s.want("chat", "")
	s.run(3 * time.Minute)
	s.want("chat", "open AS64497")
	s.want("records", "open AS64497")
}
