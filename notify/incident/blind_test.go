package incident

import (
	"errors"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// blindSim is a pager and a simulation whose verdicts the test sets. tick lets n seconds pass.
func blindSim(t *testing.T) (s *sim, tick func(n int, possible bool)) {
	t.Helper()
	s = newSim(t, []Route{{Name: "all", To: []string{"pager"}, Match: Match{Families: []string{"ipv4"}}}}, pager("pager"))
	s.e.sight.ignored = false
	return s, func(n int, possible bool) {
		for range n {
			s.e.Decided(s.now.Add(-time.Minute), s.now)
			s.e.Verdicts(bgp.IPv4, possible, "3 networks can vote", s.now, s.now)
			s.run(time.Second)
		}
	}
}

// restartBlind builds the engine from the ledger, with its checks for blindness.
func (s *sim) restartBlind() {
	s.t.Helper()
	s.restart()
	s.e.sight.ignored = false
}

// TestBlindWrites checks that a delivery is written when it changes, and not in each second in
// which the close of a blind incident waits.
func TestBlindWrites(t *testing.T) {
	t.Parallel()
	s, tick := blindSim(t)
	tick(600, false)
	s.want("pager", "open darkmap is blind")
	attempts := 0
	s.fail = func(m *target.Message, name string) error {
		attempts++
		return down(m, name)
	}
	s.writes = 0
	tick(7200, true)
	if most := 2*attempts + 1; attempts < 4 || s.writes > most {
		t.Errorf("got %d writes for %d attempts, want at most %d", s.writes, attempts, most)
	}
	s.fail = nil
	s.restartBlind()
	tick(7200, true)
	s.want("pager", "open darkmap is blind; close darkmap sees again")
}

// TestBlindAgain checks that blindness that comes back is sent: before the target accepted that it
// was over, and after the target refused that.
func TestBlindAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*target.Fault{
		"down":    {Status: 500, Err: errors.New("it is broken")},
		"refused": {Status: 400, Err: errors.New("no"), Refused: true},
	} {
		s, tick := blindSim(t)
		tick(600, false)
		s.fail = func(*target.Message, string) error { return fault }
		tick(600, true)
		s.restartBlind()
		tick(600, false)
		s.restartBlind()
		s.fail = nil
		tick(7200, false)
		if m := s.last("pager"); m.Kind == target.Close {
			t.Errorf("%s: darkmap is blind, the pager was told %s", name, s.told("pager"))
		}
		if d := s.e.places["pager"].blind; d == nil || !d.Ended.IsZero() || d.Told.State != bgp.StateOpen {
			t.Errorf("%s: got the blind incident %+v", name, d)
		}
		tick(7200, true)
		if m := s.last("pager"); m.Kind != target.Close {
			t.Errorf("%s: darkmap sees again, the pager was told %s", name, s.told("pager"))
		}
		balance(t, s, "pager")
	}
}
