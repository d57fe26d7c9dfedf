package progress

import "time"

// Costs learns how long a unit of each kind of work takes, and estimates how long the rest takes.
//
// Each kind begins with a cost that is assumed. The time between two looks at which the slowest stage had finished something is shared
// out among the kinds that were worked on, in proportion to what they cost as far as is known; the cost of a kind is the time that it
// had, by the units that were done. It belongs to one goroutine.
type Costs struct {
	assumed Work          // seconds a unit
	had     Work          // seconds that each kind has had
	done    Work          // units that had them
	last    Work          // what was done at the last look
	total   Work          // what is to be done in all
	first   time.Duration // when something was finished first
	at      time.Duration // when something was finished last
	now     time.Duration // of the last look
	begun   bool          // something was finished
}

// assumed and assumedStored are what a unit of each kind takes before it was measured, seconds, without a store and with one: as
// replays of real captures took it on two cores. How fast a machine is shows with the first kind of work that it does.
var (
	assumed       = Work{TableOctets: 1e-6, SettledOctets: 2e-7, Records: 3.5e-5, Minutes: 8e-3, ReadOctets: 1.2e-7, ReadRecords: 1.6e-5}
	assumedStored = Work{TableOctets: 1.5e-6, SettledOctets: 8e-7, Records: 7e-5, Minutes: 3e-3, ReadOctets: 1.2e-7, ReadRecords: 1.6e-5}
)

const (
	// trust is for how many seconds of measuring an assumed cost counts, and the assumed speed of the machine.
	trust = 5.0
	// unseen is the part of the rest that can have been done since something was finished last.
	unseen = 0.8
)

// NewCosts returns Costs for a run with a store or without.
func NewCosts(stored bool) *Costs {
	if stored {
		return &Costs{assumed: assumedStored}
	}
	return &Costs{assumed: assumed}
}

// Look notes what is done, of the total, at a time since the start.
func (c *Costs) Look(now time.Duration, done, total Work) {
	c.now, c.total = now, total
	if done.WithRead(c.last.read()) == c.last { // reading alone does not tell whether the slowest stage is at work on something long
		return
	}
	if c.begun {
		c.share((now - c.at).Seconds(), done)
	} else {
		c.first = now
	}
	c.begun, c.last, c.at = true, done, now
}

// Measured is the time from which the costs are known: from the first work that was finished to the last.
func (c *Costs) Measured() time.Duration { return c.at - c.first }

// share gives seconds to the kinds that were worked on since the last look.
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

// unit is what a unit of each kind costs, seconds: the less was measured, the more the assumed cost counts, at the speed that all
// kinds together were done.
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

// Rest is about how long what is left takes, at the last look. What is under way, such as a window of millions of routes, does not show
// before it is finished: the time since then counts as work that was done.
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
