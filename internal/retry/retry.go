// Package retry waits between attempts: Backoff for longer and longer, Sleep for a given time. Both end early when the
// caller's context ends. No goroutine is started.
package retry

import (
	"cmp"
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// The bounds of a Backoff that names none.
const (
	ShortestWait = 100 * time.Millisecond
	LongestWait  = 5 * time.Second
)

// Backoff waits between attempts. Its interval is Min at first, doubles with each wait, and is at most two thirds of Max;
// a wait is drawn from half to one and a half of the interval, so that none is longer than Max. The zero value is ready to
// use. It serves one goroutine.
type Backoff struct {
	Min time.Duration // 0: ShortestWait
	Max time.Duration // 0: LongestWait

	steps *backoff.ExponentialBackOff // nil before the first wait
}

// Next returns how long to wait before the next attempt, for callers that wait themselves.
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

// Reset makes the next wait one of the shortest again: an attempt succeeded.
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
