package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestBounds checks that no target gets more events than its bound, and that the engine gets no
// more deliveries than its own: of targets that take incidents, records and ends of unknown
// outages.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "hook", "pager"), chat("chat"), recordsTarget("hook"), pager("pager"))
	s.now = t0.Add(time.Hour) // outages begin before their targets
	s.restart()
	s.e.bounds = bounds{events: 20, deliveries: 50}
	for i := range 100 {
		s.put(an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i)))
		s.put(s.ended(an(bgp.EntityAS, fmt.Sprintf("AS%d", 65000+i)), bgp.EndRecovered))
	}
	for name, p := range s.e.places {
		if len(p.byEvent) > 20 {
			t.Errorf("%s has %d events, want at most 20", name, len(p.byEvent))
		}
	}
	s.pump()
	if said := s.e.Said(); len(said) == 0 {
		t.Error("nothing is in the log")
	}
	if len(s.e.all) > 50 {
		t.Errorf("got %d deliveries, want at most 50", len(s.e.all))
	}
	s.e.bounds.events = 1000
	for i := range 100 {
		s.put(an(bgp.EntityAS, fmt.Sprintf("AS%d", 63000+i)))
	}
	if len(s.e.all) > 50 {
		t.Errorf("got %d deliveries, want at most 50", len(s.e.all))
	}
	s.pump()
	for i := range 50 { // an event that is known changes nevertheless
		s.put(s.ended(an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i)), bgp.EndRecovered))
	}
	s.run(8 * 24 * time.Hour)
	s.give(an(bgp.EntityAS, "AS64496", at(s.now)))
	s.run(2 * time.Minute)
	if s.last("chat").Title != "AS64496" {
		t.Errorf("after all are over: got %s", s.told("chat"))
	}
}
