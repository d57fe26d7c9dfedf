package incident

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// soon is a route that matches everything and does not wait for wider events.
func soon(names ...string) []Route { return []Route{{Name: "all", To: names, GroupWait: "0"}} }

// TestBurst reads 1,000 outages of a minute in polls of 7 records. They must be one incident for a
// pager that does not wait, even if notify is killed at any of these polls. A single outage must be
// sent half a second after it was read, or two seconds after it if records come without a pause.
func TestBurst(t *testing.T) {
	t.Parallel()
	for _, killed := range []int{0, 1, 2, 60, 140} {
		t.Run(fmt.Sprintf("killed after %d polls", killed), func(t *testing.T) {
			t.Parallel()
			s := newSim(t, soon("pager", "chat"), pager("pager"), chat("chat"))
			for i := range 1000 {
				s.put(an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i), at(t0.Add(time.Duration(i%60)*time.Second))))
				if i%7 == 6 {
					s.pump()
					s.now = s.now.Add(10 * time.Millisecond)
					if i/7 == killed {
						s.restart()
					}
				}
			}
			s.run(time.Minute)
			s.want("pager", "open 1000 outages within 5 min")
			s.want("chat", "open 1000 outages within 5 min")
		})
	}
}

func TestBurstOfOne(t *testing.T) {
	t.Parallel()
	s := newSim(t, soon("pager", "records"), pager("pager"), recordsTarget("records"))
	s.give(as)
	s.want("records", "open AS64496")
	s.run(burstQuiet - time.Millisecond)
	s.want("pager", "")
	s.run(time.Millisecond)
	s.want("pager", "open AS64496")
	s = newSim(t, soon("pager"), pager("pager"))
	s.give(as)
	for i := range 20 { // records that open nothing come without a pause
		s.run(burstBound/20 - time.Millisecond)
		s.want("pager", "")
		s.give(an(bgp.EntityPrefix, fmt.Sprintf("10.%d.0.0/16", i), suspected))
	}
	s.run(20 * time.Millisecond)
	s.want("pager", "open AS64496")
}

// TestBurstWider reads an AS before its country, from another partition. One page must name the
// country.
func TestBurstWider(t *testing.T) {
	t.Parallel()
	s := newSim(t, soon("pager"), pager("pager"))
	s.give(as)
	s.run(burstQuiet / 2)
	s.give(kp)
	s.run(time.Hour)
	s.want("pager", "open North Korea")
}

// TestStormAfterRestart kills notify while incidents wait for wider events. After the restart they
// must be one storm.
func TestStormAfterRestart(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("pager", "chat"), pager("pager"), chat("chat"))
	for i := range 100 {
		s.give(an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i)))
	}
	s.run(30 * time.Second)
	s.restart()
	s.run(time.Hour)
	s.want("pager", "open 100 outages within 5 min")
	s.want("chat", "open 100 outages within 5 min")
}

// TestStormOfMinMinutes checks that outages that began within a minute and have lasted min_minutes
// are one storm.
func TestStormOfMinMinutes(t *testing.T) {
	t.Parallel()
	routes := soon("pager", "records")
	routes[0].Match.MinMinutes = 7
	s := newSim(t, routes, pager("pager"), recordsTarget("records"))
	s.now = t0.Add(3 * time.Minute)
	for i := range 60 {
		s.put(an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i), at(t0.Add(time.Duration(i+1)*time.Second))))
	}
	s.run(5*time.Minute - time.Second)
	s.want("pager", "")
	s.run(time.Second)
	s.want("pager", "open 60 outages within 5 min")
	if n := len(s.sent["records"]); n != 60 {
		t.Errorf("records: told of %d of 60", n)
	}
}

// TestRests checks that a record that is older than max_age and still retried causes no extra turn
// of the loop.
func TestRests(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("records"), recordsTarget("records"))
	s.fail = func(*target.Message, string) error { return errors.New("no answer") }
	s.give(as)
	for end := s.now.Add(100 * time.Hour); s.now.Before(end); {
		next := s.e.Next(s.now)
		if next.IsZero() {
			break
		}
		if !next.After(s.now) {
			t.Fatalf("at %s it is to be decided at once again", s.now)
		}
		s.now = next
		s.pump()
	}
}
