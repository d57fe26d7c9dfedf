package rislive

import "time"

// skew estimates how far our clock is ahead of the collectors' clocks.
type skew struct {
	ahead time.Duration // the least lateness that any message showed lately; 0 until known
	known bool          // the lateness of a period was observed
	set   time.Duration // by how much our clock was set forward since the start; negative is back
}

// observe takes the least lateness of a period into account. Between two observations the estimate
// grows by at most drift.
func (s *skew) observe(lateness, drift time.Duration) {
	if !s.known {
		s.ahead, s.known = lateness, true
		return
	}
	s.ahead = min(s.ahead+drift, lateness)
}

// adjust takes into account by how much our clock was set forward since the start. All messages seem
// to come that much later from then on. If the machine slept instead, the next message that is not
// late shows it. A clock that was set back shows in the same way.
func (s *skew) adjust(set time.Duration) {
	s.ahead += max(0, set-s.set)
	s.set = set
}

// standstill notices that this process stood still.
type standstill struct {
	checked time.Duration // the last check, since the merger's start
	ended   time.Duration // when the last standstill of at least the limit ended; 0 is none
}

// check returns how long the process stood still since the last check, 0 if less than a period. Checks
// are a period apart.
func (s *standstill) check(now, period, limit time.Duration) time.Duration {
	stood := now - s.checked - period
	s.checked = now
	if stood < period {
		return 0
	}
	if stood > limit {
		s.ended = now
	}
	return stood
}
