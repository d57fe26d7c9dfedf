package rislive

import "time"

// connection is the state of a connected link. The merger's mu guards it. Times are since the
// merger's start.
type connection struct {
	n      int    // the link's number
	origin string // the service's address
	frames int64  // number of frames that came
	since  time.Duration
	alive  time.Duration // time of the last frame of any kind
	// heard is the time of the last message of any collector. Before the first message it is the
	// time at which the connection was made or first subscribed.
	heard time.Duration
	// periodDelay is the least lateness of a message in the last period with a message; 0 before
	// the first one
	periodDelay time.Duration
	// currentDelay is the least lateness of a message in the present period; -1: no message came
	currentDelay time.Duration
	delivers     bool // a message of a collector came
	// overlap is the time of the last message that both connections brought. 0 means never.
	overlap time.Duration
	drop    func(why string) // ends the connection; may be called again
}

// lag returns the least lateness of the connection's messages. Silence counts as lateness.
func (c *connection) lag(now, period time.Duration) time.Duration {
	return c.periodDelay + max(0, now-c.heard-period)
}

// noteTimestamp records a message's timestamp t, microseconds. A timestamp further in the future
// than limit is no measure of lateness.
func (c *connection) noteTimestamp(t int64, now time.Time, limit time.Duration) {
	c.heard, c.delivers = c.alive, true
	delay := time.Duration(now.UnixMicro()-t) * time.Microsecond
	if delay < -limit {
		return
	}
	if delay = max(delay, 0); c.currentDelay < 0 || delay < c.currentDelay {
		c.currentDelay = delay
	}
}
