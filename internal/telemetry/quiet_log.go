package telemetry

import (
	"context"
	"errors"
	"log/slog"
)

// Quiet returns a logger that, once done is closed, leaves out what only says that a context was cancelled: a command that is told to
// end cancels what it has under way, which is no fault.
func Quiet(log *slog.Logger, done <-chan struct{}) *slog.Logger {
	return slog.New(quiet{log.Handler(), done})
}

type quiet struct {
	slog.Handler
	done <-chan struct{}
}

// Handle passes the record on, unless it is about a cancellation at the end.
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

// WithAttrs keeps quiet.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attrs), q.done}
}

// WithGroup keeps quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name), q.done} }
