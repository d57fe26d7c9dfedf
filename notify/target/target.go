package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Style says which messages a target takes.
type Style uint8

// The styles.
const (
	// Chat: one message an incident, changed in place or answered in a thread where the protocol can.
	Chat Style = iota + 1
	// Pager: one page an incident, closed by its key. It gets no late news, no digests and no notices.
	Pager
	// Records: each record of each outage that a route matches, in order for each outage. Nothing is folded.
	Records
	// Feed: a document with the newest state of each incident (CAP, Atom).
	Feed
)

// Traits describes a target to notify.
type Traits struct {
	Style Style
	// Keyed: a message that is sent twice has the effect of one.
	Keyed bool
	// LiveOnly: it is told of live data alone, and never of a replay or a demo.
	LiveOnly bool
	// Public: anybody can read it. It is told nothing of private watch lists.
	Public bool
	// MaxAge is after what time news is late, unless the configuration says another; Records targets are given up after it.
	MaxAge time.Duration
	// Interval is the least time between two messages; 0 is none.
	Interval time.Duration
	// Resend is the time between two repetitions of an open incident (Alertmanager); 0 is never.
	Resend time.Duration
	// GroupWait is how long a new incident waits for wider events, unless the configuration says another.
	GroupWait time.Duration
	// Retries are the waits before the attempts after the first; nil is the default of notify.
	Retries []time.Duration
}

// StateRetries are the waits of targets that hold the state of an incident and for which news an hour late is of no use: close to each other at
// first, and over more than a day.
func StateRetries() []time.Duration {
	return slices.Concat([]time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second},
		slices.Repeat([]time.Duration{time.Minute}, 240), slices.Repeat([]time.Duration{10 * time.Minute}, 120))
}

// Handle is the state that a target keeps of an incident between messages, such as the id of a chat message or the chain of references, at most
// 4 KiB. nil is nothing yet. notify keeps it; it is lost only where the topic of deliveries is lost.
type Handle []byte

// Target is one place. Send and Close may be called by different goroutines; Send is called by one at a time.
type Target interface {
	Traits() Traits
	// Send delivers one message within the context's deadline and returns the new handle (nil: it stays as it was). A *Fault says what to
	// do about an error; another error is tried again. Errors name neither secrets nor URLs that hold them.
	Send(ctx context.Context, m *Message, h Handle) (Handle, error)
	// Close ends connections and goroutines of the target.
	Close() error
}

// Checker is a Target that can say, without telling anybody, whether its settings work.
type Checker interface {
	// Check returns why a message could not be sent.
	Check(ctx context.Context) error
}

// Fault is an answer that says what to do.
type Fault struct { //nolint:errname // an answer, of which the error is a part
	// Err is the cause, without secrets.
	Err error
	// Status is the HTTP or SMTP status; 0 where there is none.
	Status int
	// RetryAfter is how long to wait at least.
	RetryAfter time.Duration
	// Throttle: the target asks to be left alone, with all messages, for RetryAfter (429, 502, 503, 504).
	Throttle bool
	// Refused: this message will never be taken (400, 422). It is parked, and the next one is tried.
	Refused bool
	// Gone: the target is switched off until the configuration changes (410, 401 and 403 of a revoked key).
	Gone bool
}

// Error returns the cause.
func (f *Fault) Error() string {
	if f.Status != 0 {
		return fmt.Sprintf("status %d: %v", f.Status, f.Err)
	}
	return f.Err.Error()
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// FaultOf returns the Fault within an error, nil where there is none.
func FaultOf(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return nil
}
