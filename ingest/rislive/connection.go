package rislive

import "time"

// connection is a link that is connected. The merger's mu guards it. Times are since the merger's
// start.
type connection struct {
	n      int    // the link's number
	origin string // the service's address
	frames int64  // how many came
	since  time.Duration
	// alive is when the last frame of any kind came, heard when the last message of a collector came.
	// Before the first message heard is when the connection was made or subscribed first.
	alive, heard time.Duration
	// delay is the least lateness of a message in the last period, 0 before the first one; least is
	// that of the present period, -1 if no message came.
	delay, least time.Duration
	delivers     bool // a message of a collector came
	// overlap is when the last message came that both connections brought; 0 is never.
	overlap time.Duration
	drop    func(why string) // ends the connection; may be called again
}

// lag is how late the connection's messages are, at least. Silence counts as lateness.
func (c *connection) lag(now, period time.Duration) time.Duration {
	return c.delay + max(0, now-c.heard-period)
}

// noteTimestamp notes a message's timestamp t, microseconds. A timestamp further in the future than
// limit is no measure of lateness.
func (c *connection) noteTimestamp(t int64, now time.Time, limit time.Duration) {
	c.heard, c.delivers = c.alive, true
	delay := time.Duration(now.UnixMicro()-t) * time.Microsecond
	if delay < -limit {
		return
	}
	if delay = max(delay, 0); c.least < 0 || delay < c.least {
		c.least = delay
	}
}
