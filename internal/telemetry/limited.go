package telemetry

import (
	"log/slog"
	"sync"
	"time"
)

// Limited limits the logging of events that others can cause at will: burst lines at once, and one
// more for each time every. A line carries the number of lines suppressed before it. It is safe for
// concurrent use.
type Limited struct {
	log   *slog.Logger
	every time.Duration
	burst int
	now   func() time.Time

	mu         sync.Mutex
	left       int
	refilled   time.Time
	suppressed int
}

// NewLimited returns a Limited that may log burst lines at once.
func NewLimited(log *slog.Logger, every time.Duration, burst int) *Limited {
	return &Limited{log: log, every: every, burst: burst, now: time.Now, left: burst, refilled: time.Now()}
}

// Warn logs a warning, or counts it as suppressed. The next line has that count.
func (l *Limited) Warn(msg string, args ...any) {
	if args, ok := l.pass(args); ok {
		l.log.Warn(msg, args...) //nolint:sloglint // the caller's message is constant
	}
}

// Info is like Warn, at level Info, for events that need no action.
func (l *Limited) Info(msg string, args ...any) {
	if args, ok := l.pass(args); ok {
		l.log.Info(msg, args...) //nolint:sloglint // the caller's message is constant
	}
}

// pass reports whether a line may be logged, and adds the number of suppressed lines to its
// arguments.
func (l *Limited) pass(args []any) ([]any, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := int(l.now().Sub(l.refilled) / l.every); n > 0 {
		l.left = min(l.burst, l.left+n)
		l.refilled = l.refilled.Add(time.Duration(n) * l.every)
	}
	if l.left == 0 {
		l.suppressed++
		return nil, false
	}
	l.left--
	if l.suppressed > 0 {
		args = append(args, "suppressed", l.suppressed)
		l.suppressed = 0
	}
	return args, true
}
