package incident

import (
	"container/heap"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

const (
	// keep is how long a delivery is kept after its incident was closed.
	keep = 7 * 24 * time.Hour
	// passing is how long a superseded event waits for its successor.
	passing = 3 * time.Minute
	// maxDeliveries is the number of deliveries above which sweep drops those that are over. At
	// twice as many no target gets a new incident.
	maxDeliveries = 200_000
	// maxTracked is the number of events of a target at which it gets no others, except those that
	// continue one of them.
	maxTracked = 200_000
	// maxSaid bounds the sentences that wait for the log.
	maxSaid = 100
)

// bounds are the numbers of events of a target, and of deliveries of the engine, at which there is
// no new incident.
type bounds struct{ events, deliveries int }

// newestSilence is the id of the newest silence: a prefix with its second, and a number.
type newestSilence struct {
	prefix string
	number int
}

// Engine decides on messages. Its methods return deliveries to be written. The engine keeps
// ownership of them; they are valid until its next call.
type Engine struct {
	cfg      Config
	places   map[string]*place
	names    []string // sorted keys of places
	all      map[string]*Delivery
	dirty    map[*Delivery]bool   // to be decided
	changed  map[string]*Delivery // to be written
	timers   timers               // when deliveries must be decided again
	silences map[string]*Delivery
	newest   newestSilence
	sight    sight
	raws     raws
	burst    *burst // the burst of the newest record; nil before the first one
	first    bool
	said     []string
	unsaid   int
	looked   time.Time // the last check of deliveries that are over
	bounds   bounds
}

// New builds the engine from saved deliveries. The error names the keys of the configuration that
// have unusable values.
func New(cfg Config, targets []TargetInfo, saved []Delivery, now time.Time) (*Engine, error) {
	e := &Engine{
		cfg: cfg, places: map[string]*place{}, all: map[string]*Delivery{}, dirty: map[*Delivery]bool{},
		changed:  map[string]*Delivery{},
		silences: map[string]*Delivery{}, first: len(saved) == 0, looked: now, raws: newRaws(),
		bounds: bounds{events: maxTracked, deliveries: 2 * maxDeliveries},
	}
	for _, t := range targets {
		e.place(t.Name, &t)
	}
	for _, r := range cfg.Routes {
		read, err := compile(r)
		if err != nil {
			return nil, fmt.Errorf("reading route %s: %w", r.Name, err)
		}
		for _, name := range r.To {
			if p := e.places[name]; p != nil {
				p.routes = append(p.routes, read)
			}
		}
	}
	e.sight = newSight(e.places, now)
	for i := range saved {
		d := saved[i]
		e.load(&d, now)
	}
	for _, name := range e.names {
		e.switchOn(e.places[name], now)
	}
	for _, d := range e.all {
		e.touch(d)
	}
	return e, nil
}

// place finds or makes the place of a target. info is nil if the configuration does not have the
// target.
func (e *Engine) place(name string, info *TargetInfo) *place {
	if p := e.places[name]; p != nil {
		return p
	}
	known := info != nil
	if !known {
		info = &TargetInfo{Name: name}
	}
	p := newPlace(*info, known)
	e.places[name] = p
	e.names = slices.Sorted(maps.Keys(e.places))
	return p
}

// load adds a saved delivery.
func (e *Engine) load(d *Delivery, now time.Time) {
	d.fleeting = fleeting{}
	e.all[d.Key()] = d
	if d.Silence != nil {
		e.silences[d.Silence.ID] = d
		return
	}
	p := e.place(d.Target, nil)
	d.place = p
	if d.Switch != nil {
		p.state = d
		return
	}
	if d.Intent != nil {
		d.doubtful, d.Told.Maybe = true, true
	}
	switch {
	case d.Subject == target.SubjectStorm && d.Told.State != bgp.StateClosed:
		p.storm = d
	case d.Subject == target.SubjectBlind && d.Told.State != bgp.StateClosed:
		p.blind = d
	case d.Storm != "":
		p.join(d, d.Storm)
	}
	p.waiting += len(d.Records)
	if d.Told.At.After(p.lastSent) {
		p.lastSent = d.Told.At
	}
	if d.Subject == target.SubjectOutage && !d.Opened.IsZero() &&
		(d.Ended.IsZero() || now.Sub(d.Opened) < time.Hour) {
		p.opened = append(p.opened, d)
	}
	// More records of its burst may come.
	if d.Hold == HoldGroup {
		e.arrives(now)
		d.burst = e.burst
	}
	p.link(d, now)
}

// switchOn makes the state of a target if there is none. It switches a target on again that was
// switched off under another configuration.
func (e *Engine) switchOn(p *place, now time.Time) {
	if p.state == nil {
		p.state = &Delivery{Target: p.info.Name, Began: now, Switch: &Switch{Revision: p.info.Revision, Began: now}}
		e.all[p.state.Key()] = p.state
		e.change(p.state)
	}
	if s := p.state.Switch; p.known && s.Off != "" && s.Revision != p.info.Revision {
		s.Off, s.Revision = "", p.info.Revision
		e.change(p.state)
	}
}

// change marks a delivery to be written; touch marks one to be decided.
func (e *Engine) change(d *Delivery) { e.changed[d.Key()] = d }

func (e *Engine) touch(d *Delivery) {
	if d.place != nil {
		e.dirty[d] = true
	}
}

// say keeps a sentence for the log.
func (e *Engine) say(format string, args ...any) {
	if len(e.said) < maxSaid {
		e.said = append(e.said, fmt.Sprintf(format, args...))
		return
	}
	e.unsaid++
}

// Said returns the sentences for the log since the last call. They report messages that were given
// up, targets that were switched off, and records that were shortened or could not be read.
func (e *Engine) Said() []string {
	out := e.said
	if e.unsaid > 0 {
		out = append(out, bgp.Count(e.unsaid, "more sentence")+" like these were left out")
	}
	e.said, e.unsaid = nil, 0
	return out
}

// First reports whether this is a first run: New got no saved deliveries. On a first run the caller
// reads bgp.outages.v1 to its end and passes the open outages to Adopt. Then it passes new records
// to Record.
func (e *Engine) First() bool { return e.first }

// Record processes the next record of bgp.outages.v1. raw is its JSON. ref has its Partition, its
// Offset and the time of its publication (At; zero means now). A record that was processed before
// has no effect.
func (e *Engine) Record(o *bgp.Outage, raw []byte, ref RecordRef, now time.Time) {
	if ref.At.IsZero() {
		ref.At = now
	}
	ref.Sequence, ref.State = o.Sequence, o.State
	e.arrives(now)
	in := incoming{Outage: o, ref: ref, raw: raw, now: now}
	for _, name := range e.names {
		p := e.places[name]
		if p.records() {
			e.applyToRecords(p, &in)
		} else {
			e.applyToIncidents(p, &in)
		}
	}
}

// Advance makes all decisions that are due. It returns the deliveries that changed since the last
// call, because of records or because time has passed.
func (e *Engine) Advance(now time.Time) []*Delivery {
	for {
		x, ok := e.timers.first(func(d *Delivery) time.Time { return d.wake })
		if !ok || x.at.After(now) {
			break
		}
		heap.Pop(&e.timers)
		x.d.wake = time.Time{}
		e.touch(x.d)
	}
	e.endSilences(now)
	e.settle(now)
	for _, name := range e.names {
		e.digests(e.places[name], now)
	}
	e.blindness(now)
	e.lateNotices(now)
	e.settle(now)
	e.sweep(now)
	return e.take()
}

// settle makes the pending decisions, storms after their members.
func (e *Engine) settle(now time.Time) {
	for len(e.dirty) > 0 {
		all := slices.SortedFunc(maps.Keys(e.dirty), func(a, b *Delivery) int {
			if x, y := a.Subject == target.SubjectStorm, b.Subject == target.SubjectStorm; x != y {
				if x {
					return 1
				}
				return -1
			}
			return compareAge(a, b)
		})
		for _, d := range all {
			if e.dirty[d] {
				delete(e.dirty, d)
				e.decide(d, now)
			}
		}
	}
}

// take returns the changed deliveries, by key.
func (e *Engine) take() []*Delivery {
	out := make([]*Delivery, 0, len(e.changed))
	for _, key := range slices.Sorted(maps.Keys(e.changed)) {
		out = append(out, e.changed[key])
	}
	clear(e.changed)
	return out
}

// wakeAt schedules another decision on a delivery.
func (e *Engine) wakeAt(d *Delivery, at time.Time) {
	if !at.IsZero() && (d.wake.IsZero() || at.Before(d.wake)) {
		d.wake = at
		heap.Push(&e.timers, timer{at, d.News, d})
	}
}

// drop removes a delivery. Its key is written without a value.
func (e *Engine) drop(d *Delivery) {
	d.Tombstone, d.wake, d.repeat = true, time.Time{}, time.Time{}
	delete(e.all, d.Key())
	delete(e.dirty, d)
	if p := d.place; p != nil {
		p.unlink(d)
		p.waiting -= len(d.Records)
		e.leave(d)
		if p.storm == d {
			p.storm = nil
		}
		if p.blind == d {
			p.blind = nil
		}
	}
	e.change(d)
}

// full reports whether there is no room for a new event of a target. The log then names it.
func (e *Engine) full(p *place, id string) bool {
	if len(p.byEvent) < e.bounds.events {
		return false
	}
	e.say("%s is not told of %s: notify holds %d events for the target already", p.info.Name, id, len(p.byEvent))
	return true
}

// crowded reports whether there is no room for a new delivery. The log then names it.
func (e *Engine) crowded(p *place, id string) bool {
	if len(e.all) < e.bounds.deliveries {
		return false
	}
	e.say("%s is not told of %s: notify holds %d incidents already", p.info.Name, id, len(e.all))
	return true
}

// sweep drops deliveries that are over, the oldest first, if there are too many deliveries. It runs
// at most once an hour.
func (e *Engine) sweep(now time.Time) {
	if len(e.all) <= maxDeliveries || now.Sub(e.looked) < time.Hour {
		return
	}
	e.looked = now
	over := slices.DeleteFunc(slices.Collect(maps.Values(e.all)), func(d *Delivery) bool { return !d.done() })
	slices.SortFunc(over, func(a, b *Delivery) int { return a.News.Compare(b.News) })
	gone := first(over, len(e.all)-maxDeliveries*9/10)
	for _, d := range gone {
		e.drop(d)
	}
	if len(gone) == 0 {
		return
	}
	e.say("%s that are over were forgotten early: notify holds at most %d",
		bgp.Count(len(gone), "incident"), maxDeliveries)
}

// done reports whether no message about the delivery is left to send.
func (d *Delivery) done() bool {
	return d.place != nil && d.Switch == nil && !d.active && !d.knows() &&
		(d.Waiting == nil || d.Parked != "") && len(d.Records) == 0
}

// Next returns the time at which the caller must call Advance and Ready even without new records;
// zero means never.
func (e *Engine) Next(now time.Time) time.Time {
	if len(e.dirty) > 0 || len(e.changed) > 0 {
		return now
	}
	next := e.sight.next(now)
	sooner := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if x, ok := e.timers.first(func(d *Delivery) time.Time { return d.wake }); ok {
		sooner(x.at)
	}
	for _, d := range e.silences {
		sooner(d.Silence.Until)
	}
	for _, p := range e.places {
		if !p.known || p.off() != "" || p.sending != "" {
			continue
		}
		for _, r := range p.routes {
			if r.digest != nil {
				sooner(r.digest.next(p.lastDigest(r)))
			}
		}
		if x, ok := p.ready.first((*Delivery).nextSend); ok {
			sooner(latest(x.at, p.free()))
		}
	}
	return next
}

// latest returns the latest of several times.
func latest(all ...time.Time) time.Time {
	return slices.MaxFunc(all, time.Time.Compare)
}

// Deliveries returns all deliveries of the engine, in any order.
func (e *Engine) Deliveries() iter.Seq[*Delivery] { return maps.Values(e.all) }
