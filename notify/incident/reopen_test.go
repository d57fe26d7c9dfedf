package incident

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestReopened checks that an outage that ended before min_minutes is sent when detect opens it
// again and it lasts.
func TestReopened(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		s := newSim(t, []Route{{Name: "all", To: []string{"chat", "hook"}, Match: Match{MinMinutes: 10}}}, chat("chat"), recordsTarget("hook"))
		s.give(as)
		s.run(6 * time.Minute)
		s.give(s.ended(as, bgp.EndRecovered))
		s.run(14 * time.Minute)
		s.want("chat", "")
		for _, v := range s.e.Explain(as.ID, &as, s.now) {
			if !strings.Contains(strings.Join(v.Lines, "\n"), map[string]string{
				"chat": "it ended before it had lasted 10 min", "hook": "it has to last 10 min",
			}[v.Target]) {
				t.Errorf("explain: got %+v", v)
			}
		}
		if restart {
			s.restart()
		}
		s.give(as)
		s.run(5 * time.Hour)
		s.want("chat", "open AS64496")
		s.want("hook", "open AS64496")
		if m := s.last("chat"); m.EventsTotal != 1 {
			t.Errorf("got %d events, want 1", m.EventsTotal)
		}
		s.give(s.ended(as, bgp.EndRecovered))
		s.run(8 * 24 * time.Hour)
		s.want("chat", "open AS64496; close AS64496")
		s.want("hook", "open AS64496; close AS64496")
		consistent(t, s)
	}
}

// TestForgotten checks that the engine forgets the events of incidents that it dropped: outages
// that were too short, and the narrowest of more than maxEvents.
func TestForgotten(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"chat"}, Match: Match{MinMinutes: 10}}}, chat("chat"))
	var all []bgp.Outage
	for i := range maxEvents + 100 {
		all = append(all, an(bgp.EntityPrefix, fmt.Sprintf("2001:db8:%x::/48", i), v6, in(kp)))
		s.put(all[i])
	}
	short := an(bgp.EntityAS, "AS64497")
	s.give(short)
	consistent(t, s)
	s.run(5 * time.Minute)
	s.give(s.ended(short, bgp.EndRecovered))
	s.run(10 * time.Minute)
	for _, o := range all {
		s.put(s.ended(o, bgp.EndRecovered))
	}
	s.run(time.Hour)
	consistent(t, s)
	s.run(8 * 24 * time.Hour)
	if p := s.e.places["chat"]; len(p.byEvent)+len(p.links) > 0 || len(s.e.all) != 1 {
		t.Errorf("got %d events, %d links and %d deliveries, want the target's own delivery alone",
			len(p.byEvent), len(p.links), len(s.e.all))
	}
}

// consistent checks that the engine finds each event of its incidents, and no others.
func consistent(t testing.TB, s *sim) {
	t.Helper()
	want := map[string]*Delivery{}
	for _, d := range s.e.all {
		for i := range d.Events {
			if d.FoldedInto == "" {
				want[d.Target+" "+d.Events[i].ID] = d
			}
		}
	}
	got := map[string]*Delivery{}
	for name, p := range s.e.places {
		for id, d := range p.byEvent {
			got[name+" "+id] = d
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the engine finds %d events, its incidents have %d", len(got), len(want))
	}
}

// TestChangedStyle checks that a target that takes records from now on can have incidents without
// an event, which it got when it was a chat.
func TestChangedStyle(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"x"}, Match: Match{MinMinutes: 10}}}, chat("x"))
	s.give(as)
	s.run(6 * time.Minute)
	s.give(s.ended(as, bgp.EndRecovered))
	s.targets = []TargetInfo{recordsTarget("x")}
	s.restart()
	s.run(14 * time.Minute)
	s.give(as)
	s.run(time.Hour)
	s.want("x", "open AS64496")
	s.run(8 * 24 * time.Hour)
}
