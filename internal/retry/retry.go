// Package retry waits between attempts: Backoff with increasing waits, Sleep for a given time. Both
// end early if the caller's context ends. No goroutine is started.
package retry

import (
	"cmp"
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// The bounds of a Backoff without its own.
const (
	ShortestWait = 100 * time.Millisecond
	LongestWait  = 5 * time.Second
)

// Backoff waits between attempts. Its interval starts at Min, doubles with each wait, and is at
// most two thirds of Max. A wait is random between half and one and a half of the interval, so that
// none is longer than Max. The zero value is ready to use. One goroutine uses it.
type Backoff struct {
	Min time.Duration // 0: ShortestWait
	Max time.Duration // 0: LongestWait

	steps *backoff.ExponentialBackOff // nil before the first wait
}

// Next returns the time to wait before the next attempt, for callers that wait themselves.
func (b *Backoff) Next() time.Duration {
	if b.steps == nil {
		most := cmp.Or(b.Max, LongestWait) * 2 / 3
		b.steps = backoff.NewExponentialBackOff(backoff.WithInitialInterval(min(cmp.Or(b.Min, ShortestWait), most)),
			backoff.WithMaxInterval(most), backoff.WithMultiplier(2), backoff.WithMaxElapsedTime(0))
	}
	return b.steps.NextBackOff()
}

// Wait waits before the next attempt. When ctx ends first it returns ctx.Err().
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Reset starts the intervals at Min again, after a successful attempt.
func (b *Backoff) Reset() {
	if b.steps != nil {
		b.steps.Reset()
	}
}

// Sleep waits for d. When ctx ends first it returns ctx.Err().
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
