package incident

import "time"

const (
	// burstQuiet is the time without a record after which a burst is over.
	burstQuiet = 500 * time.Millisecond
	// burstBound is the maximum length of a burst.
	burstBound = 2 * time.Second
)

// burst is a group of records that are read close together: detect publishes the records of a
// minute at once, and a reader gets them in several polls, from several partitions. Messages about
// incidents of a burst wait for its end, so that a storm or a wider event is seen before the first
// page is sent.
type burst struct{ first, last time.Time }

// over returns the time at which the burst ends if no other record comes. For nil it returns the
// zero time.
func (b *burst) over() time.Time {
	if b == nil {
		return time.Time{}
	}
	quiet, bound := b.last.Add(burstQuiet), b.first.Add(burstBound)
	if quiet.Before(bound) {
		return quiet
	}
	return bound
}

// arrives adds a record that is read now to the current burst, or to a new one.
func (e *Engine) arrives(now time.Time) {
	if e.burst == nil || !now.Before(e.burst.over()) {
		e.burst = &burst{first: now}
	}
	e.burst.last = now
}
