package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// maxParents bounds the parents of an event. The parents with the greatest shares are kept.
	maxParents = 50
	// maxJoins bounds the `updated` records of a minute that are sent only because of parents.
	// Further events wait for the next minutes.
	maxJoins = 200
	// parentSeconds is how long before a wider event a loss may begin and still be a part of it.
	// The wider event's baseline is the median of a day. Space that has been lost for half a day is
	// not in that baseline any more, so it is no part of the wider event's loss.
	parentSeconds = 12 * hour
)

// parent is a wider event that contains a part of an event's loss.
type parent struct {
	key Key
	// ev is nil while the wider event is pending: it has no record and no id.
	ev    *event
	share bgp.Decimal // of the event's lost or moved space, in percent
}

// relation is the state of an event's parents that is kept from minute to minute.
type relation struct {
	parents []parent
	named   []bgp.Parent // the parents in the last record
	// left counts the consecutive minutes in which the last record names an event that goes on but
	// is no parent any more.
	left int

	// looked is the window in which the view was last asked; 0: never. stale: the entity's sample
	// has changed since then.
	looked int64
	stale  bool
	// space, since and wider come from the last look at which the event had lost or moved space.
	// space is that space, since the window in which its loss began, wider the parts of it that
	// wider entities had lost.
	space uint64
	since int64
	wider []Overlap
}

// id returns the id of the parent's event. It is empty while the event is pending.
func (p *parent) id() string {
	if p.ev == nil {
		return ""
	}
	return p.ev.id
}

// published reports whether a record has published the event as suspected or open.
func (ev *event) published() bool {
	return !ev.unknown && (ev.state == bgp.StateOpen || ev.state == bgp.StateSuspected)
}

// current returns the entity's suspected or open event, or nil.
func (ent *entity) current() *event {
	switch {
	case ent.ev != nil:
		return ent.ev
	case ent.loss != nil:
		return ent.loss.suspect
	}
	return nil
}

// relate finds the parents of the events after the minute has been decided, and publishes events
// that have new parents. work contains all entities with a suspected or open event, and other
// entities.
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

// flapping returns the event that becomes intermittent when the present short loss ends, or nil.
// After that end nothing is lost, so the view is asked before it.
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

// alike reports whether an event of kind a can be a part of an event of kind b. Moves are parts of
// moves, losses are parts of losses.
func alike(a, b bgp.Kind) bool {
	sort := func(k bgp.Kind) bgp.Kind {
		if k == bgp.KindMoved || k == bgp.KindOrigin {
			return k
		}
		return bgp.KindOutage
	}
	return sort(a) == sort(b)
}

// lookDue reports whether the view is asked for the overlaps of an event with wider entities. It
// is asked for each record of the event. If the event's sample has changed, it is also asked at
// the interval of updates, or at once when a wider event has begun.
func (e *Engine) lookDue(ev *event, own int) bool {
	if ev.looked == 0 || ev.publishedAt == e.window {
		return true
	}
	return ev.stale && (e.changed > own || e.window-ev.looked >= int64(e.cfg.UpdateMinutes)*minute)
}

// lookWider asks the view for the overlaps. While an event has lost nothing, as in the pauses of
// an intermittent one, the earlier result is kept.
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

// joins counts a minute and reports whether an open event needs a record only because of its
// parents. It does if it has a parent that the last record does not lead to, or if an event that
// the last record names has been no parent for staleMinutes.
func (e *Engine) joins(ev *event) bool {
	if len(ev.parents) == 0 && len(ev.named) == 0 || ev.publishedAt == e.window ||
		ev.quiet > 0 || ev.unknown {
		ev.left = 0
		return false
	}
	if ev.left++; !slices.ContainsFunc(ev.named, func(t bgp.Parent) bool { return e.hasLeft(ev, t) }) {
		ev.left = 0
	}
	if e.window-ev.publishedAt < int64(e.cfg.UpdateMinutes)*minute {
		return false
	}
	return ev.left >= staleMinutes ||
		slices.ContainsFunc(ev.parents, func(p parent) bool { return !ev.leadsTo(p) })
}

// leadsTo reports whether the event's last record names the parent p, or names a parent that goes
// on and is itself a part of p.
func (ev *event) leadsTo(p parent) bool {
	if ev.names(&p) || p.ev == nil && ev.namesEntity(p.key) {
		return true
	}
	return slices.ContainsFunc(ev.parents, func(q parent) bool {
		return q.ev != nil && ev.names(&q) && slices.ContainsFunc(q.ev.parents,
			func(r parent) bool { return r.key == p.key && r.ev == p.ev })
	})
}

// names reports whether the event's last record names the parent p.
func (ev *event) names(p *parent) bool {
	return slices.ContainsFunc(ev.named, func(t bgp.Parent) bool {
		return t.ID == p.id() && t.Type == p.key.Type && t.Code == p.key.Code
	})
}

// namesEntity reports whether the last record names any event of the entity, also one that has
// ended.
func (ev *event) namesEntity(k Key) bool {
	return slices.ContainsFunc(ev.named, func(t bgp.Parent) bool {
		return t.Type == k.Type && t.Code == k.Code
	})
}

// hasLeft reports whether the event t, which the last record names as a parent, goes on and is no
// parent any more.
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

// publicParents lists an event's parents for its record: those that are suspected or open at the
// end of the minute, those that end in it, and pending ones.
func (e *Engine) publicParents(ev *event) []bgp.Parent {
	var out []bgp.Parent
	for _, p := range ev.parents {
		if p.ev == nil && ev.end == 0 && e.entities[p.key].pendingFor(ev.kind) ||
			p.ev != nil && (p.ev.published() || p.ev.publishedAt == e.window) {
			out = append(out, bgp.Parent{
				Type: p.key.Type, Code: p.key.Code, ID: p.id(), SharePercent: p.share,
			})
		}
	}
	return out
}

// widestFirst orders by type, the widest first, then by code and family.
func widestFirst(a, b Key) int {
	return cmp.Or(
		cmp.Compare(b.Type.Breadth(), a.Type.Breadth()),
		cmp.Compare(a.Code, b.Code), cmp.Compare(a.Family, b.Family))
}
