package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// removedList is the note of an event that ends because its list does.
	removedList = "The watch list was removed from the configuration."
	// standMinutes is for how many minutes with verdicts a published event waits for its list to be known again: lists are repeated each
	// hour. sureMinutes more than an opening and a closing take, it waits for its loss when the list is there.
	standMinutes = 130
	sureMinutes  = 5
)

// standing is an event of a watch list that was published, while the list is not known again: the log has lost its beginning. It goes on
// under its id if the list shows that it does.
type standing struct {
	outage bgp.Outage
	key    Key
	// waited are the minutes with verdicts since, listed those of them since the list is known.
	waited, listed int
}

// ofLists reports whether a published event is known only with its watch list.
func ofLists(o *bgp.Outage) bool {
	return o.Entity.Type == bgp.EntityWatch || o.Kind == bgp.KindOrigin
}

// Rebase tells the engine that watch lists are others from the window on that closes next: removed names those that are gone, changed by
// how much others are not what they were. Baselines and history move by the known part of what came and went, so that an edit neither
// opens nor ends anything; what was lost and left proves no return.
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

// shift moves what an entity usually shows.
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

// moveBy adds to v, and stops at 0.
func moveBy(v uint64, by int64) uint64 {
	if by < 0 {
		return v - min(v, uint64(-by))
	}
	return v + uint64(by)
}

// rebased is a threshold of an event whose baseline has moved: by the same rule as before.
func (c *Config) rebased(threshold uint64, was, is baseline) uint64 {
	switch threshold {
	case c.threshold(was):
		return c.threshold(is)
	case c.largeThreshold(was):
		return cmp.Or(c.largeThreshold(is), c.threshold(is))
	}
	return threshold
}

// endRemoved ends what is suspected or open of lists that were removed, whether verdicts are possible or not.
func (e *Engine) endRemoved() {
	slices.SortFunc(e.removed, compareKeys)
	for _, k := range e.removed {
		for _, s := range e.standing {
			if s.key == k {
				e.out = append(e.out, Event{Outage: e.lose(s.outage, e.window, nil, bgp.EndRemoved, removedList), Key: k})
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
		ent.closed, ent.frozen, ent.recent, ent.superseded, ent.hist, ent.last = nil, nil, nil, "", history{}, Sample{Key: k}
		delete(e.active, k)
		delete(e.behind, k)
	}
	e.removed = nil
}

// watchOf lists the members of watch lists that an event is about.
func (e *Engine) watchOf(ent *entity, ev *event) []bgp.WatchMember {
	q := Watched{Key: ent.key, Named: ev.watch}
	if d := ev.digest; d != nil && (ent.key.Type == bgp.EntityPrefix || ent.key.Type == bgp.EntityAS) {
		q.Origins, q.Countries = d.usually, d.countries
	}
	all := e.view.Watch(q)
	if ev.kind == bgp.KindOrigin { // what it covers has no origins of its own
		all = slices.DeleteFunc(all, func(m bgp.WatchMember) bool { return m.CoveredBy != "" })
	}
	return all
}

// tellLists sends those open events of the minute's work out again that are about other members since watch lists or addresses of hosts
// changed, or of whose hosts they say something new.
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

// standFor lets an event that opens go on in the place of one that was published before its list was lost from sight. It returns what
// the record reports.
func (e *Engine) standFor(ent *entity, ev *event, name bgp.Event) bgp.Event {
	if name != bgp.EventOpened {
		return name
	}
	i := slices.IndexFunc(e.standing, func(s standing) bool { return s.key == ent.key && s.outage.Kind == ev.kind })
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

// endStanding counts a minute of standing events. It ends, as lost from sight, those that have waited for too long for their list, and
// those whose list is there and shows no such event.
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
		e.out = append(e.out, Event{Outage: e.lose(s.outage, e.window, nil, bgp.EndLostSight, forgotten), Key: s.key})
	}
	e.standing = kept
}

// isListed reports whether the watch list that an event rests on is known.
func (e *Engine) isListed(k Key, kind bgp.Kind) bool {
	if kind == bgp.KindOrigin {
		return e.view.Guarded(k)
	}
	ent := e.entities[k]
	return ent != nil && ent.last.KnownSpace > 0
}
