package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// removedList is the note of an event that ends because its list was removed.
	removedList = "The watch list was removed from the configuration."
	// standMinutes is the number of minutes with verdicts that a published event waits for its
	// list. Lists are repeated each hour. When the list is known again, the event waits for its
	// loss for the minutes of an opening and a closing and sureMinutes more.
	standMinutes = 130
	sureMinutes  = 5
)

// standing is a published event of a watch list that is not known again yet, because the log has
// lost its beginning. The event goes on under its id if the list shows the loss again.
type standing struct {
	outage bgp.Outage
	key    Key
	// waited counts the minutes with verdicts since then, listed those of them in which the list
	// was known.
	waited, listed int
}

// ofLists reports whether a published event can be judged only with its watch list.
func ofLists(o *bgp.Outage) bool {
	return o.Entity.Type == bgp.EntityWatch || o.Kind == bgp.KindOrigin
}

// Rebase changes the watch lists from the next window on. removed names the removed lists. changed
// names the lists that are different, and by how much. Baselines and history move by the known
// part of the members that came and went, so an edit neither opens nor ends an event. Lost space
// that left a list proves no return.
func (e *Engine) Rebase(removed []Key, changed []Rebased) {
	e.listed = true
	e.removed = append(e.removed, removed...)
	for _, r := range changed {
		ent := e.entities[r.Key]
		if ent == nil {
			continue // its first sample is its baseline
		}
		ent.hist.shift(r.Space, r.Prefixes)
		if ent.frozen != nil {
			ent.frozen.shift(r.Space, r.Prefixes)
		}
		for _, ev := range ent.events() {
			was := ev.base
			ev.base.shift(r.Space, r.Prefixes)
			ev.threshold = e.cfg.rebased(ev.threshold, was, ev.base)
			ev.takenAway += r.Gone
		}
	}
}

// shift moves the values of the baseline.
func (b *baseline) shift(space int64, prefixes int) {
	b.space, b.prefixes = moveBy(b.space, space), max(0, b.prefixes+prefixes)
}

// shift moves the values of the last day.
func (h *history) shift(space int64, prefixes int) {
	for i := range h.points {
		p := &h.points[i]
		p.space, p.prefixes = moveBy(p.space, space), uint32(max(0, int(p.prefixes)+prefixes))
	}
}

// moveBy adds by to v. The result is at least 0.
func moveBy(v uint64, by int64) uint64 {
	if by < 0 {
		return v - min(v, uint64(-by))
	}
	return v + uint64(by)
}

// rebased returns the threshold of an event after its baseline has moved, by the rule of the old
// threshold.
func (c *Config) rebased(threshold uint64, was, is baseline) uint64 {
	switch threshold {
	case c.threshold(was):
		return c.threshold(is)
	case c.largeThreshold(was):
		return cmp.Or(c.largeThreshold(is), c.threshold(is))
	}
	return threshold
}

// endRemoved ends the suspected and open events of removed lists, whether verdicts are possible or
// not.
func (e *Engine) endRemoved() {
	slices.SortFunc(e.removed, compareKeys)
	for _, k := range e.removed {
		for _, s := range e.standing {
			if s.key == k {
				e.out = append(e.out, Event{
					Outage: e.lose(s.outage, e.window, nil, bgp.EndRemoved, removedList), Key: k,
				})
			}
		}
		e.standing = slices.DeleteFunc(e.standing, func(s standing) bool { return s.key == k })
		ent := e.entities[k]
		if ent == nil {
			continue
		}
		if ent.loss != nil && ent.loss.suspect != nil {
			e.retract(ent, ent.loss.suspect, bgp.EndRemoved, removedList)
		}
		if ev := ent.ev; ev != nil {
			ev.reason = bgp.EndRemoved
			ev.note(removedList)
			e.closeEvent(ent, e.window)
		}
		ent.clearRuns()
		ent.closed, ent.frozen, ent.recent, ent.superseded, ent.hist, ent.last =
			nil, nil, nil, "", history{}, Sample{Key: k}
		delete(e.active, k)
		delete(e.behind, k)
	}
	e.removed = nil
}

// watchOf lists the members of watch lists that an event concerns.
func (e *Engine) watchOf(ent *entity, ev *event) []bgp.WatchMember {
	q := Watched{Key: ent.key, Named: ev.watch}
	if d := ev.digest; d != nil && (ent.key.Type == bgp.EntityPrefix || ent.key.Type == bgp.EntityAS) {
		q.Origins, q.Countries = d.usually, d.countries
	}
	all := e.view.Watch(q)
	if ev.kind == bgp.KindOrigin { // a member that the prefix covers has no origins of its own
		all = slices.DeleteFunc(all, func(m bgp.WatchMember) bool { return m.CoveredBy != "" })
	}
	return all
}

// tellLists publishes open events whose watch members changed. It runs when watch lists or the
// addresses of hosts changed since the last window. An event is published if it concerns other
// members than its last record names, or if the state of a member's host is different.
func (e *Engine) tellLists(work []*entity) {
	if !e.listed {
		return
	}
	e.listed = false
	same := func(a, b bgp.WatchMember) bool { return a.Same(&b) }
	tell := func(ent *entity, ev *event) {
		if ev != nil && ev.publishedAt != e.window && !slices.EqualFunc(ev.watch, e.watchOf(ent, ev), same) {
			e.publish(ent, ev, bgp.EventUpdated)
		}
	}
	for _, ent := range work {
		tell(ent, ent.ev)
	}
	strange := make([]*entity, 0, len(e.strange))
	for _, ent := range e.strange {
		strange = append(strange, ent)
	}
	sortEntities(strange)
	for _, ent := range strange {
		tell(ent, ent.strange)
	}
}

// standFor lets an event that opens continue a standing event of the same entity and kind. It
// returns the event name for the record.
func (e *Engine) standFor(ent *entity, ev *event, name bgp.Event) bgp.Event {
	if name != bgp.EventOpened {
		return name
	}
	i := slices.IndexFunc(e.standing, func(s standing) bool {
		return s.key == ent.key && s.outage.Kind == ev.kind
	})
	if i < 0 {
		return name
	}
	e.takePlace(ent, ev, &e.standing[i].outage)
	e.standing = slices.Delete(e.standing, i, i+1)
	return bgp.EventUpdated
}

// stands reports whether an event of the entity waits for its list. Then no early sign is sent.
func (e *Engine) stands(k Key) bool {
	return slices.ContainsFunc(e.standing, func(s standing) bool { return s.key == k })
}

// endStanding counts a minute of the standing events. An event ends as lost from sight if it has
// waited for its list for more than standMinutes, or if its list is known and shows no such event.
func (e *Engine) endStanding() {
	kept := e.standing[:0]
	for _, s := range e.standing {
		if s.waited++; e.isListed(s.key, s.outage.Kind) {
			s.listed++
		}
		if s.waited <= standMinutes && s.listed <= e.cfg.OpenMinutes+e.cfg.CloseMinutes+sureMinutes {
			kept = append(kept, s)
			continue
		}
		e.out = append(e.out, Event{
			Outage: e.lose(s.outage, e.window, nil, bgp.EndLostSight, forgotten), Key: s.key,
		})
	}
	e.standing = kept
}

// isListed reports whether the watch list that an event depends on is known.
func (e *Engine) isListed(k Key, kind bgp.Kind) bool {
	if kind == bgp.KindOrigin {
		return e.view.Guarded(k)
	}
	ent := e.entities[k]
	return ent != nil && ent.last.KnownSpace > 0
}
