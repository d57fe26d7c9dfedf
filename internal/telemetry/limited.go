package telemetry

import (
	"log/slog"
	"sync"
	"time"
)

// Limited logs events that others can cause at will: at most burst lines at once, one more for each every that passes, and how
// many were left out in between. It is safe for concurrent use.
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

// NewLimited returns one that may log burst lines at once.
func NewLimited(log *slog.Logger, every time.Duration, burst int) *Limited {
	return &Limited{log: log, every: every, burst: burst, now: time.Now, left: burst, refilled: time.Now()}
}

// Warn logs, or counts what it does not log; the next line says how many those were.
func (l *Limited) Warn(msg string, args ...any) {
	if args, ok := l.pass(args); ok {
		l.log.Warn(msg, args...) //nolint:sloglint // the caller's message is constant
	}
}

// Info is Warn for what nobody needs to act upon.
func (l *Limited) Info(msg string, args ...any) {
	if args, ok := l.pass(args); ok {
		l.log.Info(msg, args...) //nolint:sloglint // the caller's message is constant
	}
}

// pass reports whether a line may be logged; its arguments then also say what was left out.
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
