package rislive

import "time"

// skew estimates how far ingest's clock is ahead of the collectors' clocks.
type skew struct {
	ahead time.Duration // the lowest lateness of any recent message; 0 until known
	known bool          // the lateness of a period was observed
	// by how much ingest's clock was set forward since the start; negative: back
	set time.Duration
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

// adjust applies the amount by which ingest's clock was set forward since the start. From then on
// all messages seem that much later. If the machine slept instead, the next punctual message
// corrects the estimate. A clock that was set back shows in the same way.
func (s *skew) adjust(set time.Duration) {
	s.ahead += max(0, set-s.set)
	s.set = set
}

// standstill detects standstills of this process.
type standstill struct {
	checked time.Duration // the last check, since the merger's start
	ended   time.Duration // end of the last standstill of at least the limit; 0: none
}

// check returns how long the process stood still since the last check, 0 if less than a period.
// Checks are a period apart.
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
