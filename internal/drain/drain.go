// Package drain gives running work time to end: its contexts end a while after another one.
package drain

import (
	"context"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
)

// Context returns a context with ctx's values that ends d after ctx has ended, or by cancel.
func Context(ctx context.Context, d time.Duration) (out context.Context, cancel context.CancelFunc) {
	out, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := EndAfter(ctx, d, out, end)
	return out, func() {
		stop()
		end()
	}
}

// EndAfter calls end, which ends life, d after ctx has ended. Until ctx has ended, stop cancels
// that.
func EndAfter(
	ctx context.Context, d time.Duration,
	life context.Context, end context.CancelFunc, //nolint:revive // two contexts: one ends the other
) (stop func() bool) {
	return context.AfterFunc(ctx, func() { // ends with life
		if retry.Sleep(life, d) == nil {
			end()
		}
	})
}
