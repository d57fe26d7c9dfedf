package outage

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// forgotten is the note of an event that ends because the engine does not know it.
const forgotten = "darkmap started again without what it had known before, " +
	"and does not know what became of it."

// TakeOver gives the engine the events of its family that were published as suspected or open
// before the engine was made. until is the time up to which windows were decided (Unix seconds).
// Call it before the first Close after that time.
//
//   - An event that the engine has under the same id goes on after the published sequence number.
//   - An open event of the same entity and kind goes on under the published id, at most one.
//   - An open event that the engine does not know is adopted if its record is enough (adoptable).
//   - An open event that depends on a watch list waits for its list (standing).
//   - All others end at until as lost from sight. The next Close returns their last records.
//
// An event of the engine that was not published is published as new. TakeOver returns the prefixes
// that adopted events have lost, or had lost before. The tables may not contain them.
func (e *Engine) TakeOver(published []bgp.Outage, until int64) (expected []string) {
	own := make(map[*event]bool) // events that go on from a published one
	ids := make(map[string]bool, len(published))
	for i := range published {
		ids[published[i].ID] = true
	}
	rest := slices.DeleteFunc(slices.Clone(published), func(o bgp.Outage) bool { return e.known(&o, own) })
	// If several published events match one event, it continues the one that began last.
	slices.SortFunc(rest, func(a, b bgp.Outage) int {
		return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID))
	})
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

// keyOf returns the entity of a published event.
func (e *Engine) keyOf(o *bgp.Outage) Key {
	return Key{Family: e.cfg.Family, Type: o.Entity.Type, Code: o.Entity.Code}
}

// known reports whether the engine has the published event under the same id. If it has, the event
// goes on from the published record.
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

// adopt reports whether an open event of the entity continues the published one. An event that
// already continues another published event is not used.
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

// takePlace makes an event go on under the id of a published one.
func (e *Engine) takePlace(ent *entity, ev *event, o *bgp.Outage) {
	start := o.Start.Unix()
	ev.id, ev.start, ev.first = o.ID, start, min(ev.first, start-start%minute)
	ev.peak, ev.score = worse(ev.peak, lossOf(o.Peak, e.cfg.Family)), max(ev.score, o.Score*100)
	ent.lastID = max(ent.lastID, start-start%minute)
	ev.after(o)
	e.changed = bgp.EntityWatch.Breadth() // its parts have named it under its former id
}

// forget prevents that an event that ends as lost from sight is reopened, or that its id is used
// again.
func (ent *entity) forget(o *bgp.Outage) {
	if ent.closed != nil && ent.closed.id == o.ID {
		ent.closed = nil
	}
	start := o.Start.Unix()
	ent.lastID = max(ent.lastID, start-start%minute)
}

// events lists the entity's suspected and open events.
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

// after makes the event's next record follow the record o.
func (ev *event) after(o *bgp.Outage) {
	ev.named, ev.watch = o.Parents, o.Watch
	if ev.seq < o.Sequence {
		ev.seq, ev.previous = o.Sequence, withoutPrevious(*o)
	}
}

// lose ends a published event that the engine does not know, for a reason and with a note. ids are
// the ids of all published events; other parents are removed from the record.
func (e *Engine) lose(
	o bgp.Outage, until int64, ids map[string]bool, reason bgp.EndReason, note string,
) bgp.Outage {
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

// eventOf returns the part of a published event that its texts need.
func eventOf(o *bgp.Outage, f bgp.Family) *event {
	return &event{
		kind: o.Kind, state: o.State, pauses: len(o.Gaps), losses: o.Evidence.LossesInEvent,
		peak: lossOf(o.Peak, f), now: lossOf(o.Now, f),
		base: baseline{prefixes: o.Baseline.Prefixes, space: spaceOf(o.Baseline.Space, f)},
	}
}

// lossOf is the inverse of loss.public, except for rounding.
func lossOf(l bgp.Loss, f bgp.Family) loss {
	return loss{prefixes: l.LostPrefixes, space: spaceOf(l.LostSpace, f), percent: l.LossPercent}
}

func spaceOf(units bgp.Decimal, f bgp.Family) uint64 {
	return uint64(max(units, 0)) * f.UnitSpace() / 100
}

// withoutPrevious returns the object of a record as JSON, without the object of the record before.
func withoutPrevious(o bgp.Outage) json.RawMessage {
	o.Previous = nil
	b, err := json.Marshal(&o)
	if err != nil {
		panic(err) // every field is a string, a number or a time of this century
	}
	return b
}
