package outage

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// forgotten is why an event ended that an engine does not know.
const forgotten = "darkmap started again without what it had known before, and does not know what became of it."

// TakeOver tells the engine which events of its family were published as suspected or open before it was made, and the time up to
// which was decided (Unix seconds). Call it before the first Close after that time. An event that the engine has itself goes on after the sequence
// number that was published; an open one of the same entity and kind goes on under the published id, at most one. An open event that the engine does not know is adopted where its record
// is enough to judge it (adoptable). The others end at that time, as lost from sight: the next Close returns their last records. An event of the
// engine that was not published is reported as new. It returns the prefixes that adopted events have lost, or had: no table may know them.
func (e *Engine) TakeOver(published []bgp.Outage, until int64) (expected []string) {
	own := make(map[*event]bool) // that go on from a published one
	ids := make(map[string]bool, len(published))
	for i := range published {
		ids[published[i].ID] = true
	}
	rest := slices.DeleteFunc(slices.Clone(published), func(o bgp.Outage) bool { return e.known(&o, own) })
	// Of several for one event, the last that began is the nearest.
	slices.SortFunc(rest, func(a, b bgp.Outage) int { return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID)) })
	for i := range rest {
		o := &rest[i]
		key := e.keyOf(o)
		ent := e.entities[key]
		if ent != nil && e.adopt(ent, o, own) {
			continue
		}
		if ent != nil {
			ent.forget(o)
		}
		if e.adoptUnknown(key, o, until) {
			own[e.entities[key].ev] = true
			expected = append(expected, lostBy(o)...)
			continue
		}
		if ofLists(o) && o.State == bgp.StateOpen {
			e.standing = append(e.standing, standing{outage: *o, key: key})
			continue
		}
		e.taken = append(e.taken, Event{Outage: e.lose(*o, until, ids, bgp.EndLostSight, forgotten), Key: key})
	}
	sortEvents(e.taken)
	for _, all := range []map[Key]*entity{e.active, e.strange} {
		for _, ent := range all {
			for _, ev := range ent.events() {
				if ev.unknown = !own[ev]; ev.unknown {
					ev.seq, ev.previous = 0, nil
					e.changed = bgp.EntityWatch.Breadth()
				}
			}
		}
	}
	return expected
}

// keyOf is the entity of a published event.
func (e *Engine) keyOf(o *bgp.Outage) Key {
	return Key{Family: e.cfg.Family, Type: o.Entity.Type, Code: o.Entity.Code}
}

// known reports whether the engine has the published event itself, under the same id, and lets it go on from there.
func (e *Engine) known(o *bgp.Outage, own map[*event]bool) bool {
	ent := e.entities[e.keyOf(o)]
	if ent == nil {
		return false
	}
	for _, ev := range ent.events() {
		if ev.id == o.ID {
			ev.after(o)
			own[ev] = true
			return true
		}
	}
	return false
}

// adopt reports whether an open event of the entity, that goes on from no other published one, goes on in the place of this one.
func (e *Engine) adopt(ent *entity, o *bgp.Outage, own map[*event]bool) bool {
	ev := ent.ev
	if o.Kind == bgp.KindOrigin {
		ev = ent.strange
	}
	if ev == nil || own[ev] || ev.kind != o.Kind || o.State != bgp.StateOpen {
		return false
	}
	own[ev] = true
	e.takePlace(ent, ev, o)
	return true
}

// takePlace lets an event go on under the id of a published one.
func (e *Engine) takePlace(ent *entity, ev *event, o *bgp.Outage) {
	start := o.Start.Unix()
	ev.id, ev.start, ev.first = o.ID, start, min(ev.first, start-start%minute)
	ev.peak, ev.score = worse(ev.peak, lossOf(o.Peak, e.cfg.Family)), max(ev.score, o.Score*100)
	ent.lastID = max(ent.lastID, start-start%minute)
	ev.after(o)
	e.changed = bgp.EntityWatch.Breadth() // those that are a part of it know it under the id that it had
}

// forget makes nothing open an event again that ends as lost from sight, nor take its id.
func (ent *entity) forget(o *bgp.Outage) {
	if ent.closed != nil && ent.closed.id == o.ID {
		ent.closed = nil
	}
	start := o.Start.Unix()
	ent.lastID = max(ent.lastID, start-start%minute)
}

// events lists the entity's events that can be suspected or open.
func (ent *entity) events() []*event {
	var all []*event
	if ent.ev != nil {
		all = append(all, ent.ev)
	}
	if ent.loss != nil && ent.loss.suspect != nil {
		all = append(all, ent.loss.suspect)
	}
	if ent.strange != nil {
		all = append(all, ent.strange)
	}
	return all
}

// after lets the event's next record follow o.
func (ev *event) after(o *bgp.Outage) {
	ev.named, ev.watch = o.Parents, o.Watch
	if ev.seq < o.Sequence {
		ev.seq, ev.previous = o.Sequence, withoutPrevious(*o)
	}
}

// lose ends a published event that the engine does not know, for a reason and with a note. ids are those of all that were published.
func (e *Engine) lose(o bgp.Outage, until int64, ids map[string]bool, reason bgp.EndReason, note string) bgp.Outage {
	previous, suspected := withoutPrevious(o), o.State == bgp.StateSuspected
	end := max(until, o.Start.Unix())
	ended := at(end)
	o.Event, o.State, o.Sequence = bgp.EventClosed, bgp.StateClosed, o.Sequence+1
	if suspected {
		o.Event, o.State = bgp.EventRetracted, bgp.StateRetracted
	}
	o.EndReason, o.Previous = reason, &previous
	o.End, o.DurationSeconds = &ended, end-o.Start.Unix()
	o.Notes = append(slices.Clone(o.Notes), note)
	o.Parents = slices.DeleteFunc(slices.Clone(o.Parents), func(p bgp.Parent) bool { return !ids[p.ID] })
	w := wording{o: &o, ev: eventOf(&o, e.cfg.Family)}
	w.compose(e.cfg.Label)
	return o
}

// eventOf is as much of a published event as its texts need.
func eventOf(o *bgp.Outage, f bgp.Family) *event {
	return &event{
		kind: o.Kind, state: o.State, pauses: len(o.Gaps), losses: o.Evidence.LossesInEvent, peak: lossOf(o.Peak, f), now: lossOf(o.Now, f),
		base: baseline{prefixes: o.Baseline.Prefixes, space: spaceOf(o.Baseline.Space, f)},
	}
}

// lossOf is the inverse of loss.public, but for what was rounded.
func lossOf(l bgp.Loss, f bgp.Family) loss {
	return loss{prefixes: l.LostPrefixes, space: spaceOf(l.LostSpace, f), percent: l.LossPercent}
}

func spaceOf(units bgp.Decimal, f bgp.Family) uint64 {
	return uint64(max(units, 0)) * f.UnitSpace() / 100
}

// withoutPrevious is the object of a record, without that of the record before.
func withoutPrevious(o bgp.Outage) json.RawMessage {
	o.Previous = nil
	b, err := json.Marshal(&o)
	if err != nil {
		panic(err) // every field is a string, a number or a time of this century
	}
	return b
}
