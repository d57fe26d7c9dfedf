package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// maxParents bounds the parents of an event. Those stay that hold the greatest shares of it.
	maxParents = 50
	// maxJoins bounds the records `updated` of a minute that are sent for parents alone. The other events wait for the next minutes.
	maxJoins = 200
	// parentSeconds is how long before a wider event a loss may begin that is a part of it. The baseline is the median of a day: what has
	// been lost for half a day is no part of it any more.
	parentSeconds = 12 * hour
)

// parent is a wider event that holds a part of an event's loss.
type parent struct {
	key Key
	// ev is nil while the event is pending: no record is about it, and it has no id.
	ev    *event
	share bgp.Decimal // of the event's lost or moved space, in percent
}

// relation is what is kept of an event's parents from minute to minute.
type relation struct {
	parents []parent
	named   []bgp.Parent // those of the last record
	// left counts the minutes for which a parent of the last record has been none, although it goes on.
	left int

	// looked is the window in which the view was asked; 0 is never. stale: the entity's sample has changed since.
	looked int64
	stale  bool
	// space is what the event had lost, or moved, at the last look at which it had any, since when (window), and wider what of it wider entities had lost.
	space uint64
	since int64
	wider []Overlap
}

// id is that of the parent's event, empty while it is pending.
func (p *parent) id() string {
	if p.ev == nil {
		return ""
	}
	return p.ev.id
}

// published reports whether a record says that the event is suspected or open.
func (ev *event) published() bool {
	return !ev.unknown && (ev.state == bgp.StateOpen || ev.state == bgp.StateSuspected)
}

// current is the entity's event that is suspected or open; nil where there is none.
func (ent *entity) current() *event {
	switch {
	case ent.ev != nil:
		return ent.ev
	case ent.loss != nil:
		return ent.loss.suspect
	}
	return nil
}

// relate finds the parents of the events when the minute has been decided, and publishes those events that have to tell of new ones. work
// holds all entities with an event that is suspected or open, and others.
func (e *Engine) relate(work []*entity) {
	for _, ent := range work {
		if ev := ent.current(); ev != nil {
			e.findParents(ent, ev)
		} else if ev := ent.flapping(e.cfg.FlapLosses); ev != nil {
			e.lookWider(ent, ev)
		}
	}
	e.changed = 0
	var due []*entity
	for _, ent := range work {
		if ent.ev != nil && e.joins(ent.ev) {
			due = append(due, ent)
		}
	}
	slices.SortStableFunc(due, func(a, b *entity) int { return widestFirst(a.key, b.key) })
	for _, ent := range due[:min(len(due), maxJoins)] {
		e.publish(ent, ent.ev, bgp.EventUpdated)
	}
}

// flapping is the event that becomes intermittent when the present short loss ends, nil where there is none. Then nothing is lost any more, so that the view
// is asked before.
func (ent *entity) flapping(losses int) *event {
	if ent.ev != nil || ent.loss == nil || len(ent.recent) < losses-1 || len(ent.recent) == 0 {
		return nil
	}
	return ent.recent[0].ev
}

// findParents sets the parents of an event.
func (e *Engine) findParents(ent *entity, ev *event) {
	own := ent.key.Type.Breadth()
	if own >= bgp.EntityWorld.Breadth() {
		ev.parents = nil
		return
	}
	if e.lookDue(ev, own) {
		e.lookWider(ent, ev)
	} else if e.changed <= own {
		return
	}
	ev.parents = ev.parents[:0]
	for _, o := range ev.wider {
		wide := e.entities[o.Key]
		if wide == nil {
			continue
		}
		p := wide.current()
		share := max(1, bgp.Hundredths(o.Space, ev.space, 100))
		switch {
		case p != nil && p.published():
			if alike(ev.kind, p.kind) && ev.since >= p.first-parentSeconds {
				ev.parents = append(ev.parents, parent{key: wide.key, ev: p, share: share})
			}
		case p == nil && wide.pendingFor(ev.kind) && ev.since >= e.window-parentSeconds:
			ev.parents = append(ev.parents, parent{key: wide.key, share: share})
		}
	}
	if len(ev.parents) > maxParents {
		slices.SortStableFunc(ev.parents, func(a, b parent) int { return cmp.Compare(b.share, a.share) })
		ev.parents = ev.parents[:maxParents]
		slices.SortFunc(ev.parents, func(a, b parent) int { return -widestFirst(a.key, b.key) })
	}
}

// alike reports whether an event of one kind can be a part of one of the other: moves are parts of moves, losses of losses.
func alike(a, b bgp.Kind) bool {
	sort := func(k bgp.Kind) bgp.Kind {
		if k == bgp.KindMoved || k == bgp.KindOrigin {
			return k
		}
		return bgp.KindOutage
	}
	return sort(a) == sort(b)
}

// lookDue reports whether the view is asked what wider entities have lost of the event: for each of its records, and where its sample
// has changed as often as updates are sent, at once when a wider event has begun.
func (e *Engine) lookDue(ev *event, own int) bool {
	if ev.looked == 0 || ev.publishedAt == e.window {
		return true
	}
	return ev.stale && (e.changed > own || e.window-ev.looked >= int64(e.cfg.UpdateMinutes)*minute)
}

// lookWider asks it. While an event has lost nothing, as in the pauses of an intermittent one, what was found before stands.
func (e *Engine) lookWider(ent *entity, ev *event) {
	ev.looked, ev.stale = e.window, false
	space, wider := e.view.Overlaps(ent.key, ev.kind == bgp.KindMoved)
	if space == 0 {
		return
	}
	ev.space, ev.wider, ev.since = space, wider, ev.first
	switch {
	case ev.kind == bgp.KindIntermittent && ent.loss != nil:
		ev.since = ent.loss.first
	case ev.spells.since != 0:
		ev.since = ev.spells.since
	}
}

// joins counts a minute and reports whether a record is due for the parents of an open event alone: one has come that the last record
// does not lead to, or one of those that it names has been none for staleMinutes.
func (e *Engine) joins(ev *event) bool {
	if len(ev.parents) == 0 && len(ev.named) == 0 || ev.publishedAt == e.window || ev.quiet > 0 || ev.unknown {
		ev.left = 0
		return false
	}
	if ev.left++; !slices.ContainsFunc(ev.named, func(t bgp.Parent) bool { return e.hasLeft(ev, t) }) {
		ev.left = 0
	}
	if e.window-ev.publishedAt < int64(e.cfg.UpdateMinutes)*minute {
		return false
	}
	return ev.left >= staleMinutes || slices.ContainsFunc(ev.parents, func(p parent) bool { return !ev.leadsTo(p) })
}

// leadsTo reports whether the event's last record names a parent, or one that goes on and is a part of that parent.
func (ev *event) leadsTo(p parent) bool {
	if ev.names(&p) || p.ev == nil && ev.namesEntity(p.key) {
		return true
	}
	return slices.ContainsFunc(ev.parents, func(q parent) bool {
		return q.ev != nil && ev.names(&q) && slices.ContainsFunc(q.ev.parents, func(r parent) bool { return r.key == p.key && r.ev == p.ev })
	})
}

// names reports whether the event's last record names a parent.
func (ev *event) names(p *parent) bool {
	return slices.ContainsFunc(ev.named, func(t bgp.Parent) bool { return t.ID == p.id() && t.Type == p.key.Type && t.Code == p.key.Code })
}

// namesEntity reports whether it names an event of the entity, one that has ended too.
func (ev *event) namesEntity(k Key) bool {
	return slices.ContainsFunc(ev.named, func(t bgp.Parent) bool { return t.Type == k.Type && t.Code == k.Code })
}

// hasLeft reports whether a parent that the last record names goes on, and is none any more.
func (e *Engine) hasLeft(ev *event, t bgp.Parent) bool {
	if slices.ContainsFunc(ev.parents, func(p parent) bool { return p.id() == t.ID }) {
		return false
	}
	ent := e.entities[Key{Family: e.cfg.Family, Type: t.Type, Code: t.Code}]
	if ent == nil {
		return false
	}
	p := ent.current()
	return p != nil && p.id == t.ID
}

// publicParents writes an event's parents: those that are suspected or open at the end of the minute, or end in it, or are pending.
func (e *Engine) publicParents(ev *event) []bgp.Parent {
	var out []bgp.Parent
	for _, p := range ev.parents {
		if p.ev == nil && ev.end == 0 && e.entities[p.key].pendingFor(ev.kind) || p.ev != nil && (p.ev.published() || p.ev.publishedAt == e.window) {
			out = append(out, bgp.Parent{Type: p.key.Type, Code: p.key.Code, ID: p.id(), SharePercent: p.share})
		}
	}
	return out
}

// widestFirst orders by type, the widest first, then code and family.
func widestFirst(a, b Key) int {
	return cmp.Or(cmp.Compare(b.Type.Breadth(), a.Type.Breadth()), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Family, b.Family))
}
