package outage

import "github.com/darkmap/darkmap/internal/bgp"

// succession reports whether the entity has a condition that opens another event in the next
// minute, or a loss that goes on.
func (e *Engine) succession(ent *entity) bool {
	switch {
	case ent.loss != nil:
		return true
	case ent.band != nil && ent.band.minutes+1 >= e.cfg.PartialMinutes:
		return true
	}
	return ent.moved != nil && ent.moved.minutes+1 >= e.cfg.MovedMinutes
}

// returnOf finds out how an entity's routes came back when the loss l remains of an event. The
// event ends when at most limit is lost. returnOf does not look at the conditions that may follow.
func (e *Engine) returnOf(ent *entity, ev *event, l loss, limit uint64) bgp.EndReason {
	q := Ending{Since: ev.sinceSeen(), Permille: LostPermille, Moved: ev.kind == bgp.KindMoved}
	if ev.kind == bgp.KindPartial && ent.key.Type == bgp.EntityPrefix {
		q.Permille = e.cfg.wholePermille()
	}
	r := e.view.Returns(ent.key, q)
	r.Unproven += ev.takenAway
	if ent.key.Type != bgp.EntityPrefix {
		switch {
		case l.space+r.Unproven+r.Foreign <= limit:
			return bgp.EndRecovered
		case l.space+r.Unproven <= limit:
			return bgp.EndSuperseded
		}
		return bgp.EndLostSight
	}
	switch {
	case ent.last.Covered:
		return bgp.EndCovered
	case ent.last.Space == 0:
		return bgp.EndSuperseded
	case r.Settled:
		return bgp.EndNewNormal
	case r.Covered:
		return bgp.EndCovered
	case r.Foreign > 0, e.fromOthers(ent, ev):
		return bgp.EndSuperseded
	case r.Unproven > 0:
		return bgp.EndLostSight
	}
	return bgp.EndRecovered
}

// allowed returns the space that may be lost, or visible without proof, when the event ends.
func (e *Engine) allowed(ev *event, left loss) uint64 {
	if ev.byNumber {
		return max(left.space, e.cfg.units(e.cfg.ASMinUnits)/2)
	}
	return ev.threshold / 2
}

// allowedShort returns the same limit for a short loss.
func (e *Engine) allowedShort(rd *reading) uint64 {
	if rd.ended != nil && rd.ended.peak.space < rd.threshold {
		return max(rd.loss.space, e.cfg.units(e.cfg.ASMinUnits)-1)
	}
	return max(rd.threshold, 1) - 1
}

// reasonOf decides why the entity's event ends now. A return that was proven in the first quiet
// minute stays proven.
func (e *Engine) reasonOf(ent *entity, ev *event, l loss, limit uint64) bgp.EndReason {
	if e.succession(ent) {
		return bgp.EndSuperseded
	}
	if ev.returned == bgp.EndRecovered {
		return bgp.EndRecovered
	}
	return e.returnOf(ent, ev, l, limit)
}

// supersede ends an event because another one replaces it. If the successor's id is not known yet
// and a condition holds, the entity's next event names this one as predecessor.
func (ent *entity) supersede(ev *event, successor string) {
	ev.reason, ev.successor = bgp.EndSuperseded, successor
	if successor == "" && ent.running() {
		ent.superseded = ev.id
	}
}

// finish sets the reason for which an event ends.
func (ent *entity) finish(ev *event, reason bgp.EndReason) {
	if reason == bgp.EndSuperseded {
		ent.supersede(ev, "")
		return
	}
	ev.reason = reason
	if reason == bgp.EndCovered && ent.last.Covered {
		ent.covered, ent.toldCovered = nil, true
	}
}

// finishShort sets the reason for which a short loss ended. If another event of the entity is open
// and its condition holds, that event supersedes the short loss.
func (e *Engine) finishShort(ent *entity, ev *event, rd *reading) {
	if ent.ev == nil || ent.band == nil && ent.moved == nil {
		ent.finish(ev, e.reasonOf(ent, ev, rd.loss, e.allowedShort(rd)))
		return
	}
	ev.reason = bgp.EndSuperseded
	if ent.ev.predecessor == "" { // both events name each other
		ev.successor, ent.ev.predecessor = ent.ev.id, ev.id
	}
}

// follows sets the predecessor of an event to the entity's last event that was superseded before
// its successor was known.
func (ent *entity) follows(ev *event) {
	if ent.superseded != "" {
		ev.predecessor, ent.superseded = ent.superseded, ""
	}
}

// departure returns the reason for which the event of a prefix ends when the prefix is no longer
// known.
func (e *Engine) departure(ent *entity, since int64) bgp.EndReason {
	if e.view.Returns(ent.key, Ending{Since: since, Permille: LostPermille}).Settled {
		return bgp.EndLeftTable
	}
	return bgp.EndLostSight
}
