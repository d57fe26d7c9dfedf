package notify

import (
	"context"
	"errors"
	"time"

	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
)

// sendTimeout bounds one send. Targets on the network have their own timeouts, which are at most as
// long.
const sendTimeout = 2 * time.Minute

// errNotOurs means that another member of the group may own the partition by now.
var errNotOurs = errors.New("not sent: the place in the group may be another's")

// outcome is the result of an attempt.
type outcome struct {
	attempt incident.Attempt
	handle  target.Handle
	err     error
	// unsent means that nothing was sent.
	unsent bool
	// unknown means that the session ended before an answer. The intent is in the ledger.
	unknown bool
}

// sender sends the messages of one target, one at a time. Its goroutine ends when attempts is
// closed.
type sender struct {
	place    *Place
	attempts chan incident.Attempt // capacity 1: the engine has one attempt per target
	reader   *reader
}

// startSender starts the goroutine of a target.
func (x *session) startSender(name string, p *Place) {
	s := &sender{place: p, attempts: make(chan incident.Attempt, 1), reader: newReader(x.d.Kafka, x.d.Log)}
	x.senders[name] = s
	x.working.Go(func() { // ends when attempts is closed
		defer s.reader.close()
		for a := range s.attempts {
			o := x.deliver(s, a)
			x.outcomes <- o // does not block: there is room for one outcome per target
			x.stir()
		}
	})
}

// send passes attempts to their senders. Their intents are already written.
func (x *session) send(attempts []incident.Attempt) {
	for _, a := range attempts {
		s := x.senders[a.Target]
		if s == nil { // the configuration does not have the target
			continue
		}
		if a.Doubtful && !s.place.Info.Traits.Keyed {
			x.m.targets[a.Target].doubled.Inc()
		}
		x.inflight++
		s.attempts <- a
	}
}

// deliver sends one message. It does not send if another member may own the partition, and gives up
// when the session ends.
func (x *session) deliver(s *sender, a incident.Attempt) outcome {
	ctx, cancel := context.WithTimeout(x.sending, sendTimeout)
	defer cancel()
	if a.Fetch != nil {
		e, err := s.reader.get(ctx, a.Fetch.Partition, a.Fetch.Offset)
		switch {
		case errors.Is(err, errGone):
			return outcome{attempt: a, err: &target.Fault{Err: err, Refused: true}}
		case err != nil:
			return outcome{attempt: a, err: err, unsent: true}
		}
		a.Complete(&e.Outage, e.JSON)
	}
	if x.sending.Err() != nil || !x.a.ours(time.Now()) {
		return outcome{attempt: a, err: errNotOurs, unsent: true}
	}
	h, err := s.place.Send(ctx, a.Message, a.Handle)
	if err != nil && x.sending.Err() != nil {
		return outcome{attempt: a, err: err, unknown: true}
	}
	return outcome{attempt: a, handle: h, err: err}
}

// answered processes the available outcomes.
func (x *session) answered(now time.Time) error {
	for {
		select {
		case o := <-x.outcomes:
			if err := x.outcome(o, now); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// outcome counts an outcome and passes it to the engine.
func (x *session) outcome(o outcome, now time.Time) error {
	x.inflight--
	m := x.m.targets[o.attempt.Target]
	switch {
	case o.unknown:
		return nil
	case o.unsent:
		return x.put(x.engine.Cancel(o.attempt, now)...)
	case o.err != nil:
		m.failed.Inc()
		x.d.Log.Warn("a message was not taken", "target", o.attempt.Target, "err", o.err)
	default:
		m.sent.Inc()
	}
	return x.answer(o, now)
}

// answer keeps a target's answer until it is written.
func (x *session) answer(o outcome, now time.Time) error {
	if o.attempt.Repeat && o.err == nil {
		x.engine.Done(o.attempt, o.handle, nil, now)
		return nil
	}
	x.unwritten = append(x.unwritten, o)
	return x.put(x.engine.Done(o.attempt, o.handle, o.err, now)...)
}
