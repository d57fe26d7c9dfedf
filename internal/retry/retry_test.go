package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
)

// TestBackoff checks that the interval doubles between the bounds, that each wait is random around
// it, and that Reset starts again.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		backoff   retry.Backoff
		intervals []time.Duration
	}{
		"the zero value": {retry.Backoff{}, []time.Duration{
			100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond,
			1600 * time.Millisecond, 3200 * time.Millisecond, 10 * time.Second / 3, 10 * time.Second / 3,
		}},
		"bounds of its own": {retry.Backoff{Min: time.Second, Max: 6 * time.Second}, []time.Duration{
			time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second,
		}},
		"one bound": {retry.Backoff{Min: 6 * time.Second, Max: 6 * time.Second}, []time.Duration{4 * time.Second, 4 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 {
				b := test.backoff
				for round := range 2 {
					for i, interval := range test.intervals {
						if got := b.Next(); got < interval/2 || got > interval*3/2+1 {
							t.Errorf("round %d: wait %d is %v, want %v, half of it more or less", round, i, got, interval)
						}
					}
					b.Reset()
				}
			}
		})
	}
}

// TestWait checks that Wait waits for the time of Next, and ends with the context.
func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b retry.Backoff
		b.Reset() // on an unused Backoff it does nothing
		began := time.Now()
		if err := b.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < 50*time.Millisecond || waited > 150*time.Millisecond {
			t.Errorf("waited %v, want 50 to 150 ms", waited)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began = time.Now()
		if err := retry.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) || time.Since(began) != 0 {
			t.Errorf("got %v after %v, want the context's error at once", err, time.Since(began))
		}
	})
}
