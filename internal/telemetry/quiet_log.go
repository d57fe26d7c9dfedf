package telemetry

import (
	"context"
	"errors"
	"log/slog"
)

// Quiet returns a logger that, once done is closed, drops records about a cancelled context: a
// command that is told to end cancels its running work, which is no fault.
func Quiet(log *slog.Logger, done <-chan struct{}) *slog.Logger {
	return slog.New(quiet{log.Handler(), done})
}

type quiet struct {
	slog.Handler
	done <-chan struct{}
}

// Handle passes the record on, unless it reports a cancellation after done.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	select {
	case <-q.done:
	default:
		return q.Handler.Handle(ctx, r)
	}
	cancelled := false
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		cancelled = ok && errors.Is(err, context.Canceled)
		return !cancelled
	})
	if cancelled {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attrs), q.done}
}

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name), q.done} }
