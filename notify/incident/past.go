package incident

import (
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// PastRecord is a record with when it was published.
type PastRecord struct {
	Outage *bgp.Outage
	At     time.Time
}

// Past returns the messages that would have been sent of past records, in their order, if every target had answered at once; and the deliveries after them,
// by which a lost ledger is built again. It ends with the state at until. Of more than maxPast messages it returns the first, and ErrTooMany.
func Past(cfg Config, targets []TargetInfo, records iter.Seq[PastRecord], until time.Time) (sent []Attempt, after []Delivery, err error) {
	var e *Engine
	cut := false
	var now time.Time
	step := func(to time.Time) {
		for !now.After(to) {
			e.Advance(now)
			for ready := e.Ready(now); len(ready) > 0; ready = e.Ready(now) {
				for _, a := range ready {
					e.Begin(a, now)
					e.Done(a, nil, nil, now)
					if cut = cut || len(sent) >= maxPast; !cut {
						sent = append(sent, a)
					}
				}
			}
			next := e.Next(now)
			if next.IsZero() || next.After(to) {
				return
			}
			now = latest(next, now.Add(time.Millisecond))
		}
	}
	offset := int64(0)
	for r := range records {
		if e == nil {
			begin := r.At.Add(-time.Second)
			if r.Outage.Start.Before(begin) {
				begin = r.Outage.Start
			}
			if e, err = pastEngine(cfg, targets, begin); err != nil {
				return nil, nil, err
			}
		}
		if !now.IsZero() {
			step(r.At.Add(-time.Nanosecond))
		}
		now = latest(now, r.At)
		raw, _ := json.Marshal(r.Outage)
		e.Record(r.Outage, raw, RecordRef{Offset: offset, At: r.At}, now)
		offset++
	}
	if e == nil {
		return nil, nil, nil
	}
	step(until)
	for d := range e.Deliveries() {
		after = append(after, *d)
	}
	if cut {
		err = ErrTooMany
	}
	return sent, after, err
}

// maxPast bounds the messages that Past returns.
const maxPast = 100_000

// ErrTooMany says that Past returns the first of more than 100,000 messages.
var ErrTooMany = errors.New("there are more than 100,000 messages: these are the first")

// pastEngine is an engine for Past: nothing is said again, and nothing is measured.
func pastEngine(cfg Config, targets []TargetInfo, begin time.Time) (*Engine, error) {
	quiet := make([]TargetInfo, len(targets))
	for i, t := range targets {
		t.Traits.Resend, t.Traits.Interval = 0, 0
		quiet[i] = t
	}
	e, err := New(cfg, quiet, nil, begin)
	if err != nil {
		return nil, err
	}
	e.IgnoreBlindness()
	e.first = false
	return e, nil
}
