package progress

import "time"

// Costs learns the time of a unit of each kind of work, and estimates the remaining time.
//
// Each kind starts with an assumed cost. The time between two calls of Look in which the slowest
// stage finished work is divided among the kinds that were worked on, in proportion to their known
// costs. The cost of a kind is its time divided by its units. One goroutine uses a Costs.
type Costs struct {
	assumed Work          // seconds per unit before any measurement
	had     Work          // seconds assigned to each kind
	done    Work          // units finished in those seconds
	last    Work          // work finished at the last Look
	total   Work          // work of the whole run
	first   time.Duration // time of the first finished work
	at      time.Duration // time of the last finished work
	now     time.Duration // time of the last Look
	begun   bool          // whether any work is finished
}

// assumed and assumedStored are the seconds per unit before any measurement, without and with a
// store, from replays of real captures on two cores. The first kind of work that a machine does
// shows its speed.
var (
	assumed = Work{
		TableOctets: 1e-6, SettledOctets: 2e-7, Records: 3.5e-5, Minutes: 8e-3, ReadOctets: 1.2e-7,
		ReadRecords: 1.6e-5,
	}
	assumedStored = Work{
		TableOctets: 1.5e-6, SettledOctets: 8e-7, Records: 7e-5, Minutes: 3e-3, ReadOctets: 1.2e-7,
		ReadRecords: 1.6e-5,
	}
)

const (
	// trust is the weight, in seconds of measurement, of an assumed cost and of the machine's
	// assumed speed.
	trust = 5.0
	// unseen bounds the part of the rest that may have been done since work was last finished.
	unseen = 0.8
)

// NewCosts returns Costs for a run with a store or without.
func NewCosts(stored bool) *Costs {
	if stored {
		return &Costs{assumed: assumedStored}
	}
	return &Costs{assumed: assumed}
}

// Look takes the work done and the total work at a time since the start.
func (c *Costs) Look(now time.Duration, done, total Work) {
	c.now, c.total = now, total
	// Reading alone does not show whether the slowest stage works on a long unit.
	if done.WithRead(c.last.read()) == c.last {
		return
	}
	if c.begun {
		c.share((now - c.at).Seconds(), done)
	} else {
		c.first = now
	}
	c.begun, c.last, c.at = true, done, now
}

// Measured returns the time in which costs were measured, from the first finished work to the last.
func (c *Costs) Measured() time.Duration { return c.at - c.first }

// share divides seconds among the kinds that were worked on since the last Look.
func (c *Costs) share(seconds float64, done Work) {
	unit, sum := c.unit(), 0.0
	for k := range unit {
		sum += unit[k] * (done[k] - c.last[k])
	}
	if sum <= 0 {
		return
	}
	for k := range unit {
		n := done[k] - c.last[k]
		c.had[k] += seconds * unit[k] * n / sum
		c.done[k] += n
	}
}

// unit returns the cost of a unit of each kind, in seconds. The less was measured, the more weight
// the assumed cost has, scaled by the measured speed of all kinds together.
func (c *Costs) unit() (out Work) {
	had, foreseen := trust, trust
	for k := range c.had {
		had += c.had[k]
		foreseen += c.assumed[k] * c.done[k]
	}
	for k := range out {
		out[k] = (trust + c.had[k]) / (trust*foreseen/(c.assumed[k]*had) + c.done[k])
	}
	return out
}

// Rest estimates the remaining time at the last Look. Work under way, such as a window of millions
// of routes, is visible only once it is finished, so the time since the last finished work counts
// as work done.
func (c *Costs) Rest() time.Duration {
	unit, rest := c.unit(), 0.0
	for k := range unit {
		rest += unit[k] * max(0, c.total[k]-c.last[k])
	}
	if c.begun {
		rest = max((1-unseen)*rest, rest-(c.now-c.at).Seconds())
	}
	return time.Duration(rest * float64(time.Second))
}
