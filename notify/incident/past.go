package incident

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// PastRecord is a record of bgp.outages.v1 with its time of publication, partition and offset.
// Without a partition and an offset, a record cannot be sent again.
type PastRecord struct {
	Outage    *bgp.Outage
	At        time.Time
	Partition int32
	Offset    int64
}

// Past returns the messages that the engine would have sent for past records, in order, and the
// deliveries after these messages. It assumes that every target answers at once. After the last
// record it advances the time to until. If there are more than maxPast messages, Past returns the
// first maxPast and ErrTooMany.
func Past(cfg Config, targets []TargetInfo, records iter.Seq[PastRecord],
	until time.Time,
) (sent []Attempt, after []Delivery, err error) {
	cut := false
	r := rehearsal{cfg: cfg, targets: targets, answered: func(a *Attempt, _ *Delivery, _ time.Time) {
		if cut = cut || len(sent) >= maxPast; !cut {
			sent = append(sent, *a)
		}
	}}
	if err = r.run(records, until); err == nil && cut {
		err = ErrTooMany
	}
	return sent, r.deliveries(), err
}

// Rebuild computes the deliveries of a lost bgp.notify.v1 from past records. It assumes that every
// target answered at once. Some messages may not have been sent. For these the delivery gets an
// intent without an answer, so that they are sent again under the same id. They are (1) messages
// since a minute before the last record, because bgp.notify.v1 may have been lost before they were
// sent, and (2) the last message of each open incident at keyed pagers, feeds and targets of
// records, because the target may have been down for longer. Chats get one notice that lists the
// other open incidents.
func Rebuild(cfg Config, targets []TargetInfo, records iter.Seq[PastRecord],
	until time.Time,
) ([]Delivery, error) {
	u := unsure{all: map[string]*doubt{}}
	r := rehearsal{
		cfg: cfg, targets: targets, answered: u.note,
		took: func(at time.Time) { u.since = at.Add(-unsureFor) },
	}
	if err := r.run(records, until); err != nil || r.e == nil {
		return nil, err
	}
	open := map[*place][]*Delivery{} // incidents that are not sent again
	for d := range r.e.Deliveries() {
		if !u.apply(d) && d.Subject == target.SubjectOutage && d.FoldedInto == "" && d.active &&
			(d.Told.State == bgp.StateOpen || d.Storm != "") {
			open[d.place] = append(open[d.place], d)
		}
	}
	for p, all := range open {
		if p.info.Traits.Style == target.Chat && len(p.routes) > 0 {
			n := p.listOpen("darkmap has lost its record of messages",
				" Some of these may not have been sent before. Their ends are sent.", all, until)
			r.e.notice(p, p.routes[0], "lost-"+until.UTC().Format("20060102T150405Z"), n, until, until)
		}
	}
	return r.deliveries(), nil
}

// rehearsal is an engine that processes past records.
type rehearsal struct {
	cfg     Config
	targets []TargetInfo
	// answered is called with each message before its answer is recorded. took, if set, is called
	// with the time of each record.
	answered func(a *Attempt, d *Delivery, now time.Time)
	took     func(at time.Time)

	e   *Engine
	now time.Time
}

// run processes the records and advances the time to until. Without records it makes no engine.
func (r *rehearsal) run(records iter.Seq[PastRecord], until time.Time) (err error) {
	for rec := range records {
		if r.e == nil {
			begin := rec.At.Add(-time.Second)
			if rec.Outage.Start.Before(begin) {
				begin = rec.Outage.Start
			}
			if r.e, err = pastEngine(r.cfg, r.targets, begin); err != nil {
				return err
			}
		}
		if !r.now.IsZero() {
			r.step(rec.At.Add(-time.Nanosecond))
		}
		r.now = latest(r.now, rec.At)
		if r.took != nil {
			r.took(rec.At)
		}
		raw, _ := json.Marshal(rec.Outage)
		r.e.Record(rec.Outage, raw, RecordRef{
			Partition: rec.Partition, Offset: rec.Offset,
			Sequence: rec.Outage.Sequence, State: rec.Outage.State, At: rec.At,
		}, r.now)
	}
	if r.e != nil {
		r.step(until)
	}
	return nil
}

// deliveries returns copies of all deliveries of the engine.
func (r *rehearsal) deliveries() (out []Delivery) {
	if r.e == nil {
		return nil
	}
	for d := range r.e.Deliveries() {
		out = append(out, *d)
	}
	return out
}

// step advances the time to to. It answers every message when it is due.
func (r *rehearsal) step(to time.Time) {
	for !r.now.After(to) {
		r.e.Advance(r.now)
		for ready := r.e.Ready(r.now); len(ready) > 0; ready = r.e.Ready(r.now) {
			for _, a := range ready {
				if d := r.e.Begin(a, r.now); d != nil {
					r.answered(&a, d, r.now)
				}
				r.e.Done(a, nil, nil, r.now)
			}
		}
		next := r.e.Next(r.now)
		if next.IsZero() || next.After(to) {
			return
		}
		r.now = latest(next, r.now.Add(time.Millisecond))
	}
}

// unsureFor is the time before the last record within which a message may not have been sent when a
// ledger was lost.
const unsureFor = time.Minute

// unsure holds the messages sent since a time, by the delivery's key.
type unsure struct {
	since time.Time
	all   map[string]*doubt
}

// doubt is the state of a delivery at the start of its last message, and its records sent since
// unsure.since.
type doubt struct {
	at       time.Time
	told     Told
	waiting  *Waiting
	intent   *Intent
	attempts int
	due      time.Time
	records  []RecordRef
}

// note keeps the state of a delivery whose message was started.
func (u *unsure) note(_ *Attempt, d *Delivery, now time.Time) {
	was := u.all[d.Key()]
	x := &doubt{at: now, told: d.Told, waiting: d.Waiting, intent: d.Intent, attempts: d.Attempts, due: d.Due}
	if d.Intent.Record != nil {
		if was != nil {
			x.records = slices.DeleteFunc(was.records, func(r RecordRef) bool { return r.At.Before(u.since) })
			// The delivery continues from the first record that may not have been sent.
			if len(x.records) > 0 {
				x.told, x.intent = was.told, was.intent
			}
		}
		record := *d.Intent.Record
		x.records = append(x.records, record)
	}
	u.all[d.Key()] = x
}

// apply removes the answers of messages that may not have been sent from a delivery. It reports
// whether there were any.
func (u *unsure) apply(d *Delivery) bool {
	x := u.all[d.Key()]
	if x == nil || x.at.Before(u.since) && !d.repeatable() {
		return false
	}
	d.Told, d.Intent, d.Attempts = x.told, x.intent, x.attempts
	if x.waiting != nil {
		d.Waiting, d.Due = x.waiting, x.due // without a due time it would never be sent
		d.LateBecause = "darkmap has lost its record of messages"
		return true
	}
	d.Records = slices.Concat(x.records, d.Records)
	return true
}

// repeatable reports whether the last message of an open incident can be sent again without a
// visible double. Chats show it twice once their keys have expired.
func (d *Delivery) repeatable() bool {
	t := d.place.info.Traits
	return t.Keyed && t.Style != target.Chat &&
		(d.Told.State == bgp.StateOpen || d.Told.State == bgp.StateSuspected)
}

// maxPast bounds the messages that Past returns.
const maxPast = 100_000

// ErrTooMany means that there are more than 100,000 messages and Past returns only the first
// 100,000.
var ErrTooMany = errors.New("there are more than 100,000 messages: these are the first")

// pastEngine returns an engine for Past: without repetitions, intervals between sends and checks
// for blindness.
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
