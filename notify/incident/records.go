package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

const (
	// maxRecords bounds the waiting records of one target, maxOfOutage those of one outage.
	maxRecords, maxOfOutage = 100_000, 2000
	// maxRaws bounds the records in the engine, in octets. Other records are read again when they
	// are sent.
	maxRaws = 16 << 20
)

// raws holds the newest records as they were published on bgp.outages.v1.
type raws struct {
	all   map[position]rawRecord
	order []position
	size  int
}

// position is the partition and offset of a record.
type position struct {
	partition int32
	offset    int64
}

type rawRecord struct {
	raw    []byte
	outage *bgp.Outage
}

func newRaws() raws { return raws{all: map[position]rawRecord{}} }

// put keeps a record. If there are too many, it drops the oldest.
func (r *raws) put(ref *RecordRef, raw []byte, o *bgp.Outage) {
	at := position{ref.Partition, ref.Offset}
	if _, ok := r.all[at]; ok || len(raw) == 0 {
		return
	}
	r.all[at] = rawRecord{raw, o}
	r.order = append(r.order, at)
	r.size += cost(raw)
	if len(r.order) > 2*len(r.all)+1000 { // most were sent
		r.order = slices.DeleteFunc(r.order, func(at position) bool { _, ok := r.all[at]; return !ok })
	}
	for r.size > maxRaws {
		r.remove(r.order[0])
		r.order = r.order[1:]
	}
}

func (r *raws) remove(at position) {
	if x, ok := r.all[at]; ok {
		r.size -= cost(x.raw)
		delete(r.all, at)
	}
}

// cost estimates the memory of a record, including its decoded form.
func cost(raw []byte) int { return 2 * len(raw) }

// applyToRecords processes a record for a target that takes each record.
func (e *Engine) applyToRecords(p *place, in *incoming) {
	d := p.byEvent[in.ID]
	if d != nil && in.Sequence <= d.Events[0].Sequence {
		return
	}
	if d == nil {
		r := p.takes(in.Outage)
		if r == nil || in.State == bgp.StateSuspected && !r.suspected || in.State == bgp.StateRetracted {
			return
		}
		if in.over() && !in.Start.Before(p.state.Switch.Began) {
			return // no record of it was sent
		}
		if e.full(p, in.ID) || e.crowded(p, in.ID) {
			return
		}
		d = &Delivery{
			Target: p.info.Name, Incident: in.ID, Route: r.Name, Dataset: in.Dataset,
			Subject: target.SubjectOutage, Began: in.now, Opened: in.ref.At,
			Events: []Event{{}}, EventsTotal: 1,
		}
		d.place = p
		if old := e.all[d.Key()]; old != nil { // from when the target took incidents
			e.drop(old)
		}
		e.all[d.Key()] = d
		d.Events[0].Private = r.isPrivate(in.Outage)
		if r.Match.MinMinutes > 0 {
			d.Events[0].From = r.countsFrom(in.Start)
		}
	}
	ev := newEvent(in.Outage, nil, in.now)
	if old := &d.Events[0]; old.over() && !ev.over() {
		d.Dropped = ""
	}
	ev.Private, ev.From, ev.Counted = d.Events[0].Private, d.Events[0].From, d.Events[0].Counted
	if p.route(d.Route).closes || ev.State != bgp.StateClosed {
		e.queue(d, in)
	}
	d.Events[0], d.News = ev, in.ref.At
	if len(d.ids) == 0 {
		p.link(d, in.now)
	}
	e.change(d)
	e.touch(d)
}

// queue adds a record to the waiting ones. If there are too many, the oldest record of the outage
// is given up.
func (e *Engine) queue(d *Delivery, in *incoming) {
	p := d.place
	tooMany := fmt.Sprintf("more than %d records of the target wait", maxRecords)
	switch {
	case len(d.Records) >= maxOfOutage:
		e.giveUp(d, fmt.Sprintf("more than %d records of the outage wait", maxOfOutage))
	case p.waiting >= maxRecords && len(d.Records) > 0:
		e.giveUp(d, tooMany)
	case p.waiting >= maxRecords:
		d.RecordsParked++
		e.say("%s is not told of record %d of %s: %s", p.info.Name, in.Sequence, in.ID, tooMany)
		return
	}
	d.Records = append(d.Records, in.ref)
	p.waiting++
	e.raws.put(&in.ref, in.raw, in.Outage)
}

// giveUp parks the oldest waiting record of an outage.
func (e *Engine) giveUp(d *Delivery, why string) {
	if d.place.sending == d.Key() {
		return
	}
	e.say("%s is not told of record %d of %s: %s", d.Target, d.Records[0].Sequence, d.Incident, why)
	d.log(Sent{Number: uint64(d.Records[0].Sequence), At: d.News, Answer: "parked: " + why})
	d.RecordsParked++
	d.next()
}

// next moves on to the next waiting record.
func (d *Delivery) next() {
	d.Records = append([]RecordRef(nil), d.Records[1:]...)
	d.place.waiting--
	d.Attempts, d.Due, d.Intent, d.doubtful = 0, time.Time{}, nil, false
}

// decideRecords decides on an outage whose records are sent.
func (e *Engine) decideRecords(d *Delivery, now time.Time) {
	p, ev := d.place, &d.Events[0]
	r := p.route(d.Route)
	d.active = !ev.over()
	d.Hold, d.Held, d.HeldUntil = NotHeld, "", time.Time{}
	// A record older than max_age is given up. If it was tried already, its retries go on.
	for len(d.Records) > 0 && d.Attempts == 0 && now.Sub(d.Records[0].At) > p.maxAge() && p.sending != d.Key() {
		e.giveUp(d, "it is older than max_age, "+bgp.DurationText(p.maxAge()))
	}
	if !ev.Counted && len(d.Records) > 0 {
		e.holdRecords(d, r, now)
	}
	if len(d.Records) == 0 {
		e.expire(d, now)
		return
	}
	if d.Hold == NotHeld {
		ev.Counted = true
		if d.Due.IsZero() {
			d.Due = d.Records[0].At
		}
		// Decide again when the record exceeds max_age. A record that exceeds it already ends with
		// its retries.
		if old := d.Records[0].At.Add(p.maxAge() + time.Second); old.After(now) {
			e.wakeAt(d, old)
		}
	}
}

// holdRecords holds all records of an outage before the first is sent: until min_minutes have
// passed, or during a silence or quiet hours. No record is sent of an outage that ended before
// min_minutes, or in a silence. In quiet hours it is held as well, unless they drop it.
func (e *Engine) holdRecords(d *Delivery, r *route, now time.Time) {
	ev := &d.Events[0]
	s := standing{active: []*Event{ev}}
	switch sil, quiet := e.silenced(d, &s, now), r.quiet.until(now, ev.Severity); {
	case now.Before(ev.From) || ev.endedBefore(ev.From, d.News):
		d.Hold, d.Held, d.HeldUntil = HoldMinutes, fmt.Sprintf("it has to last %d min", r.Match.MinMinutes), ev.From
	case sil != nil:
		d.Hold, d.Held, d.HeldUntil = HoldSilence, "silenced: "+sil.words(), sil.Until
	case !quiet.IsZero():
		d.Hold, d.Held, d.HeldUntil = HoldQuiet, "quiet hours", quiet
		if r.quiet.drop {
			d.Dropped = "it began in quiet hours that drop what begins in them"
		}
	case d.Dropped != "":
		d.Hold, d.Held = HoldQuiet, d.Dropped
	}
	if d.Hold != NotHeld && (ev.over() && d.Hold != HoldQuiet || d.Dropped != "") {
		d.place.waiting -= len(d.Records)
		d.Records = nil
		if d.Dropped == "" {
			d.Dropped = "it was over before it could be told: " + d.Held
		}
		d.Hold, d.Held, d.HeldUntil = NotHeld, "", time.Time{}
	}
	e.wakeAt(d, d.HeldUntil)
}

// endedBefore reports whether the event ended before at. A record without an end counts as one that
// ended when it was published.
func (ev *Event) endedBefore(at, published time.Time) bool {
	if !ev.End.IsZero() {
		published = ev.End
	}
	return ev.over() && published.Before(at)
}
