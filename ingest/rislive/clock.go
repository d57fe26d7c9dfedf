package rislive

import "time"

// skew estimates how far ingest's clock is ahead of the collectors' clocks.
type skew struct {
	ahead time.Duration // the lowest lateness of any recent message; 0 until known
	known bool          // the lateness of a period was observed
	// sum of the steps by which ingest's clock was set since the start: forward positive, back
	// negative
	clockSteps time.Duration
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

// adjust applies the sum of the steps by which ingest's clock was set since the start. After a step
// forward all messages seem that much later. If the machine slept and the clock was not set, the
// next punctual message corrects the estimate. After a step back, the next message does so.
func (s *skew) adjust(clockSteps time.Duration) {
	s.ahead += max(0, clockSteps-s.clockSteps)
	s.clockSteps = clockSteps
}

// standstill detects standstills of this process.
type standstill struct {
	checked time.Duration // the last check, since the merger's start
	ended   time.Duration // end of the last standstill of at least the limit; 0: none
}

// check returns for how long the process stood still since the last check, or 0 if for less than a
// period. Checks are a period apart.
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
