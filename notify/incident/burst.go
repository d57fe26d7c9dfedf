package incident

import "time"

const (
	// burstQuiet is how long no record comes before a burst is over.
	burstQuiet = 500 * time.Millisecond
	// burstBound is how long a burst lasts at most.
	burstBound = 2 * time.Second
)

// burst is records that are read close together: detect publishes those of a minute at once, and a reader takes them in several polls, out of several
// partitions. What a burst opens is told when it is over, so that a storm, or a wider event, is seen before the first page goes out.
type burst struct{ first, last time.Time }

// over is when the burst is over, unless another record comes before; of no burst, it was always.
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

// arrives puts a record that is read now into the burst that lasts, or into a new one.
func (e *Engine) arrives(now time.Time) {
	if e.burst == nil || !now.Before(e.burst.over()) {
		e.burst = &burst{first: now}
	}
	e.burst.last = now
}
