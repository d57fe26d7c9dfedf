package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

func kind(k bgp.Kind) func(*bgp.Outage) { return func(o *bgp.Outage) { o.Kind = k } }

// TestKindChanges checks that the change from an intermittent loss to an outage is sent at once,
// even if severity, entity and families stay the same.
func TestKindChanges(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("c"), chat("c"))
	flaps := an(bgp.EntityCountry, "KP", severity(bgp.SeverityTotal), kind(bgp.KindIntermittent))
	s.give(flaps)
	s.run(2 * time.Hour)
	s.want("c", "open North Korea")
	dark := an(bgp.EntityCountry, "KP", severity(bgp.SeverityTotal), at(s.now))
	over := s.ended(flaps, bgp.EndSuperseded)
	over.Successor, dark.Predecessor = dark.ID, flaps.ID
	s.give(over, dark)
	s.want("c", "open North Korea; update North Korea")
	s.run(time.Hour)
	s.restart()
	s.run(time.Hour)
	s.give(s.ended(dark, bgp.EndRecovered))
	s.want("c", "open North Korea; update North Korea; close North Korea")
}

// TestLiveOnly checks that a target of live data gets no exercise, and that Explain gives this
// reason.
func TestLiveOnly(t *testing.T) {
	t.Parallel()
	only := pager("p")
	only.Traits.LiveOnly = true
	routes := to("c", "p")
	routes[0].Match.Datasets = []string{live, "demo"}
	s := newSim(t, routes, chat("c"), only)
	demo := an(bgp.EntityCountry, "KP", func(o *bgp.Outage) { o.Dataset = "demo" })
	s.give(demo, an(bgp.EntityCountry, "SY"))
	s.run(time.Hour)
	s.want("c", "open North Korea; open Syria")
	s.want("p", "open Syria")
	for _, v := range s.e.Explain(demo.ID, &demo, s.now) {
		if v.Target == "p" && (v.Matched || !strings.Contains(v.Why, "live data alone")) {
			t.Errorf("got %+v", v)
		}
	}
}

// TestPendingParents checks that ASes of a pending country are one incident, which the country
// joins when it opens.
func TestPendingParents(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("c"), chat("c"))
	pending := func(o *bgp.Outage) {
		o.Parents = []bgp.Parent{{Type: bgp.EntityCountry, Code: "KP", SharePercent: 10000}}
	}
	a, b := an(bgp.EntityAS, "AS64496", pending), an(bgp.EntityAS, "AS64497", pending)
	s.give(a)
	s.run(3 * time.Minute)
	s.give(b)
	s.run(7 * time.Minute)
	s.give(kp)
	s.run(time.Hour)
	s.want("c", "open AS64496; update North Korea")
	s.give(s.ended(kp, bgp.EndRecovered), s.ended(a, bgp.EndRecovered), s.ended(b, bgp.EndRecovered))
	s.run(time.Hour)
	s.want("c", "open AS64496; update North Korea; close North Korea")
}
