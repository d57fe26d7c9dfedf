package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Style is the set of messages that a target takes.
type Style uint8

// The styles.
const (
	// Chat: one message per incident, edited in place or continued in a thread if the protocol
	// allows it.
	Chat Style = iota + 1
	// Pager: one page per incident, closed by its key. A pager gets no late news, no digests and no
	// notices.
	Pager
	// Records: each record of each outage that a route matches, in order for each outage. Nothing
	// is folded.
	Records
	// Feed: a document with the newest state of each incident (CAP, Atom).
	Feed
)

// Traits describes a target to notify.
type Traits struct {
	Style Style
	// Keyed means that a message that is sent twice has the same effect as one.
	Keyed bool
	// LiveOnly means that the target takes only live data, never a replay or a demo.
	LiveOnly bool
	// Public means that anybody can read the target. It gets nothing of private watch lists.
	Public bool
	// MaxAge is the default age from which news is late. Targets of records give up older records.
	MaxAge time.Duration
	// Interval is the minimum time between two messages; 0 is no minimum.
	Interval time.Duration
	// Resend is the time between two repetitions of an open incident (Alertmanager); 0 is never.
	Resend time.Duration
	// GroupWait is the default time for which a new incident waits for wider events.
	GroupWait time.Duration
	// Retries are the waits before the attempts after the first one; nil is notify's default.
	Retries []time.Duration
}

// StateRetries returns the waits of targets that hold the state of an incident and for which news
// an hour late is useless: short at first, over more than a day in total.
func StateRetries() []time.Duration {
	return slices.Concat([]time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second},
		slices.Repeat([]time.Duration{time.Minute}, 240), slices.Repeat([]time.Duration{10 * time.Minute}, 120))
}

// Handle is the state that a target keeps of an incident between messages, such as the id of a chat
// message or the chain of references. It has at most 4 KiB; nil is no state. notify stores it. It
// is lost only if the topic of deliveries is lost.
type Handle []byte

// Target is a destination of messages. Send and Close may be called from different goroutines.
// Calls of Send do not overlap.
type Target interface {
	Traits() Traits
	// Send delivers one message within the context's deadline and returns the new handle (nil:
	// unchanged). A *Fault classifies an error; other errors are retried. Errors contain neither
	// secrets nor URLs with secrets.
	Send(ctx context.Context, m *Message, h Handle) (Handle, error)
	// Close ends connections and goroutines of the target.
	Close() error
}

// Checker is a Target that can check its settings without sending a message.
type Checker interface {
	// Check returns an error if a message could not be sent.
	Check(ctx context.Context) error
}

// Fault is an error that determines the next step.
type Fault struct { //nolint:errname // an answer, of which the error is a part
	// Err is the cause, without secrets.
	Err error
	// Status is the HTTP or SMTP status; 0 if there is none.
	Status int
	// RetryAfter is the minimum wait.
	RetryAfter time.Duration
	// Throttle means that the target asks for a pause of RetryAfter for all messages (429, 502,
	// 503, 504).
	Throttle bool
	// Refused means that this message will never be accepted (400, 422). It is parked, and the next
	// one is tried.
	Refused bool
	// Gone means that the target is switched off until the configuration changes (410, 401 and 403
	// of a revoked key).
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

// FaultOf returns the Fault within an error; nil if there is none.
func FaultOf(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return nil
}
