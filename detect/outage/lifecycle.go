package outage

import (
	"cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// decide opens, follows or ends the events of an entity.
func (e *Engine) decide(ent *entity, rd *reading) {
	if !ent.running() {
		ent.superseded = ""
	}
	if rd.gone {
		e.departed(ent, rd.ended)
		return
	}
	if ent.ev != nil && ent.ev.kind == bgp.KindOutage {
		e.followOutage(ent, rd)
		return
	}
	if e.movedForGood(ent, rd) {
		e.settle(ent,
			"It was closed without a return: "+
				"the others have originated it for so long that they are its usual origins.")
		return
	}
	if rd.ended != nil {
		e.endShort(ent, rd.ended, rd)
	}
	switch {
	case ent.loss != nil && ent.loss.minutes >= e.openMinutes(ent) && ent.loss.deep:
		e.openOutage(ent, ent.loss, rd)
		return
	case ent.loss != nil && ent.loss.minutes >= e.cfg.SuspectMinutes && ent.loss.deep:
		e.suspect(ent, rd)
	case (ent.loss == nil || !ent.loss.deep) && e.broadEnough(ent) && ent.large.deep:
		e.openOutage(ent, ent.large, rd)
		return
	}
	e.followOrOpen(ent, rd)
}

// openMinutes returns the number of minutes that a loss of the entity lasts before it opens an
// outage.
func (e *Engine) openMinutes(ent *entity) int {
	if ent.ev != nil && ent.ev.long {
		return e.cfg.FlapOutageMinutes
	}
	return e.cfg.OpenMinutes
}

// followOrOpen opens or follows events of the kinds that are not outages.
func (e *Engine) followOrOpen(ent *entity, rd *reading) {
	switch {
	case ent.ev == nil && ent.band != nil && ent.band.minutes >= e.cfg.PartialMinutes &&
		(ent.loss == nil || !ent.loss.deep):
		e.openOther(ent, bgp.KindPartial, ent.band, rd)
		ent.loss = nil
	case ent.ev == nil && ent.key.Type != bgp.EntityPrefix && e.partialRun(ent) != nil:
		e.openOther(ent, bgp.KindPartial, e.partialRun(ent), rd)
		ent.loss, ent.large = nil, nil
	case ent.ev == nil && ent.loss == nil && ent.moved != nil &&
		ent.moved.minutes >= e.cfg.MovedMinutes:
		e.openOther(ent, bgp.KindMoved, ent.moved, rd)
	case ent.ev == nil && ent.covered != nil && ent.covered.minutes >= e.cfg.OpenMinutes:
		e.tellCovered(ent, rd)
	case ent.ev == nil:
	case ent.ev.kind == bgp.KindIntermittent:
		e.followIntermittent(ent, rd)
	case ent.ev.kind == bgp.KindPartial && ent.key.Type != bgp.EntityPrefix:
		quiet := e.quietLoss(ent, rd)
		e.follow(ent, rd.loss, rd.loss, quiet)
	case ent.ev.kind == bgp.KindPartial:
		e.follow(ent, rd.partial, loss{},
			rd.covered || ent.last.SharePermille*2 >= 1000+e.cfg.PartialHighPermille)
	case ent.ev.kind == bgp.KindMoved && ent.key.Type == bgp.EntityPrefix:
		e.nameMoved(ent)
		e.follow(ent, rd.movedLoss, loss{}, ent.last.Moved == 0)
	case ent.ev.kind == bgp.KindMoved:
		e.nameMoved(ent)
		left := loss{space: rd.movedLoss.space + rd.loss.space}
		e.follow(ent, rd.movedLoss, left, left.space*2 <= ent.ev.threshold)
	}
}

// broadEnough reports whether a small loss of a large entity has lasted for LargeMinutes and
// concerns at least LargeOrigins origins. An AS is a single origin, so its own loss is enough.
func (e *Engine) broadEnough(ent *entity) bool {
	r := ent.large
	if r == nil || r.minutes < e.cfg.LargeMinutes {
		return false
	}
	if r.minutes == e.cfg.LargeMinutes || ent.touched {
		r.rejected = ent.key.Type != bgp.EntityAS && e.digestOf(ent).originCount < e.cfg.LargeOrigins
	}
	return !r.rejected
}

// partialRun returns the loss of an entity other than a prefix that has lasted long enough for a
// partial event and is no outage, or nil. If a small loss of a large entity is going to open an
// outage in the next minutes, partialRun returns nil.
func (e *Engine) partialRun(ent *entity) *run {
	switch large := ent.large; {
	case large != nil && large.deep && !large.rejected:
		return nil
	case ent.loss != nil && ent.loss.minutes >= e.cfg.PartialMinutes && !ent.loss.deep:
		return ent.loss
	case ent.loss == nil && e.broadEnough(ent) && !large.deep:
		return large
	}
	return nil
}

// suspect sends an early sign of a nearly total loss. For an entity that is known to be unstable
// it sends none.
func (e *Engine) suspect(ent *entity, rd *reading) {
	r := ent.loss
	if ent.ev != nil || r.suspect != nil || r.digest == nil ||
		len(ent.recent) >= e.cfg.FlapLosses-1 || e.mergeable(ent, bgp.KindOutage, r) ||
		e.stands(ent.key) || e.view.Leaving(e.cfg.Family) {
		return
	}
	need := permilleUp(rd.base.space, e.cfg.SuspectPermille)
	if rd.loss.space < need || r.digest.suspectSpace < need {
		return
	}
	r.suspect = e.newEvent(ent, bgp.KindOutage, r, rd)
	r.suspect.state = bgp.StateSuspected
	ent.follows(r.suspect)
	e.publish(ent, r.suspect, bgp.EventSuspected)
}

// retract takes back a suspicion that cannot be followed any more. why becomes a note.
func (e *Engine) retract(ent *entity, ev *event, reason bgp.EndReason, why string) {
	ev.state, ev.reason = bgp.StateRetracted, reason
	ev.end = e.window + minute
	ev.note(why)
	ent.lastEnd = max(ent.lastEnd, ev.end)
	e.publish(ent, ev, bgp.EventRetracted)
}

// mergeable reports whether the loss of run r belongs to the event that closed last.
func (e *Engine) mergeable(ent *entity, kind bgp.Kind, r *run) bool {
	c := ent.closed
	return c != nil && c.kind == kind && !c.settled && r.first-c.end <= int64(e.cfg.MergeMinutes)*minute
}

// newEvent creates an event from a run.
func (e *Engine) newEvent(ent *entity, kind bgp.Kind, r *run, rd *reading) *event {
	start := e.refine(ent, r)
	ev := &event{
		kind: kind, state: bgp.StateOpen, first: r.first, start: start, base: rd.base, digest: r.digest,
		peak: r.peak, now: rd.loss, score: r.score,
	}
	if blind := e.blindBefore(r.first); start >= blind.start {
		ev.startBlind = blind
	}
	ev.id = ent.newID(start)
	ev.noteHeld(r)
	e.describeStart(ent, ev)
	return ev
}

// refine returns the start of a loss: the 10th percentile of the withdrawals, but at most
// OpenMinutes before the minute in which the loss showed, and not before the end of the event
// before.
//
// A loss through ended sessions shows when their next tables are whole, up to an hour later, so
// the limit for it is an hour. A loss that shows with the first whole tables has no such limit:
// updates alone had shown it for prefixes, and larger entities show it only with the tables.
func (e *Engine) refine(ent *entity, r *run) int64 {
	start := r.first
	if r.digest != nil && r.digest.withdrawals > 0 {
		start = r.digest.tenth
	}
	near := int64(e.cfg.OpenMinutes) * minute
	if r.digest != nil && r.digest.lapsed {
		near = earlySeconds
	}
	low := max(r.first-near, ent.lastEnd)
	if r.first == e.tabled {
		low = ent.lastEnd
	}
	if ent.ev != nil {
		low = max(low, ent.ev.start)
	}
	return min(max(start, low), r.first+minute-1)
}

// openOutage opens an outage, or reopens the last one. An open event of another kind ends at its
// start.
func (e *Engine) openOutage(ent *entity, r *run, rd *reading) {
	before := ent.ev
	if before == nil && e.mergeable(ent, bgp.KindOutage, r) {
		e.reopen(ent, r, rd)
	} else {
		ev := r.suspect
		if ev == nil {
			ev = e.newEvent(ent, bgp.KindOutage, r, rd)
		} else {
			ev.state, ev.digest, ev.peak, ev.score = bgp.StateOpen, r.digest, r.peak, r.score
			ev.start = e.refine(ent, r)
			ev.noteHeld(r)
			e.describeStart(ent, ev)
		}
		if before != nil {
			ent.supersede(before, ev.id)
			if before.kind == bgp.KindIntermittent && ev.start-ent.lastEnd >= minute {
				before.pause(ent.lastEnd, ev.start) // the pause since its last loss
			}
			e.closeEvent(ent, ev.start)
			ev.predecessor = before.id
			ev.note(before.earlier())
			ent.superseded = ""
		} else {
			ent.follows(ev)
		}
		ev.now, ev.threshold = rd.loss, rd.threshold
		ev.spells.begin(r)
		if ev.byNumber = r == ent.loss && r.peak.space < rd.threshold; ev.byNumber || r == ent.large {
			ev.threshold = cmp.Or(rd.largeFrom, rd.threshold)
		}
		ent.ev = ev
		ent.starts = append(ent.starts, ev.start)
		e.publish(ent, ev, bgp.EventOpened)
	}
	ent.loss, ent.large, ent.recent, ent.closed = nil, nil, nil, nil
}

// openOther opens a partial or moved event, or reopens the last one.
func (e *Engine) openOther(ent *entity, kind bgp.Kind, r *run, rd *reading) {
	now := rd.partial
	switch {
	case kind == bgp.KindMoved:
		now = rd.movedLoss
	case ent.key.Type != bgp.EntityPrefix:
		now = rd.loss
	}
	ent.recent = nil
	if r.digest == nil {
		r.digest = e.digestOf(ent)
	}
	rd.loss = now
	if e.mergeable(ent, kind, r) {
		e.reopen(ent, r, rd)
		return
	}
	ev := e.newEvent(ent, kind, r, rd)
	ev.threshold = rd.threshold
	if r == ent.large {
		ev.threshold = rd.largeFrom
	}
	if kind == bgp.KindMoved {
		ev.movedTo, ev.known = movedTo(e.view.Moved(ent.key)), ent.last.KnownSpace
	}
	ent.follows(ev)
	ent.ev, ent.closed = ev, nil
	e.publish(ent, ev, bgp.EventOpened)
}

// reopen continues the event that closed last. The time between is added to its pauses.
func (e *Engine) reopen(ent *entity, r *run, rd *reading) {
	ev := ent.closed
	start := e.refine(ent, r)
	ev.pause(ev.end, max(start, ev.end))
	ev.spells.begin(r)
	ev.state, ev.end, ev.quiet = bgp.StateOpen, 0, 0
	ev.resume()
	ent.superseded = ""
	ev.score += r.score
	ev.now = rd.loss
	ev.noteHeld(r)
	ev.worsen(r.peak, r.digest)
	ent.ev, ent.closed = ev, nil
	e.publish(ent, ev, bgp.EventReopened)
}

// followOutage counts a minute of an open outage.
func (e *Engine) followOutage(ent *entity, rd *reading) {
	quiet := e.quietLoss(ent, rd)
	if !e.followSpells(ent, rd, quiet) {
		e.follow(ent, rd.loss, rd.loss, quiet)
	}
}

// quietLoss counts a minute of an event that is a loss. It reports whether the loss is quiet in
// this minute.
func (e *Engine) quietLoss(ent *entity, rd *reading) bool {
	ev := ent.ev
	ev.minutes++
	quiet := rd.loss.space*2 <= ev.threshold && !e.cfg.stillMany(rd)
	if !quiet && (ent.touched || ev.minutes == e.cfg.OpenMinutes) && worse(rd.loss, ev.peak) == rd.loss {
		e.redigest(ent, ev)
	}
	return quiet
}

// follow counts a minute of the entity's open event, and closes, settles or updates the event.
// left is the lost space that counts for its end.
func (e *Engine) follow(ent *entity, l, left loss, quiet bool) {
	ev := ent.ev
	ev.now, ev.peak = l, worse(ev.peak, l)
	switch {
	case !quiet:
		ev.quiet, ev.endBlind = 0, interval{}
	case ev.quiet == 0:
		ev.quiet, ev.quietSince, ev.quietScore = 1, e.window, ev.score
		ev.endBlind = e.unseenBefore(ev)
		ev.returned = e.returnOf(ent, ev, left, e.allowed(ev, left))
	default:
		ev.quiet++
	}
	ev.score += int64(l.percent)
	switch {
	case ev.quiet >= e.cfg.CloseMinutes:
		ev.score = ev.quietScore
		ent.finish(ev, e.reasonOf(ent, ev, left, e.allowed(ev, left)))
		e.closeEvent(ent, ev.quietSince)
	case ev.quiet == 0 && e.outlived(ev):
		e.settle(ent, settledLoss)
	case ev.material() && e.window-ev.publishedAt >= int64(e.cfg.UpdateMinutes)*minute:
		e.publish(ent, ev, bgp.EventUpdated)
	}
}

// blindBefore returns the interval without verdicts right before a window, or the zero value.
func (e *Engine) blindBefore(window int64) interval {
	if e.blind.end != window {
		return interval{}
	}
	return e.blind
}

// outlived reports whether the loss has lasted for more than FreezeMinutes.
func (e *Engine) outlived(ev *event) bool {
	return e.window+minute-ev.first > int64(e.cfg.FreezeMinutes)*minute
}

// closeEvent closes the entity's open event.
func (e *Engine) closeEvent(ent *entity, end int64) {
	ev := ent.ev
	ev.state, ev.end, ev.quiet = bgp.StateClosed, max(end, ev.start), 0
	ent.lastEnd = max(ent.lastEnd, ev.end)
	ent.ev, ent.closed, ent.recent = nil, ev, nil
	e.publish(ent, ev, bgp.EventClosed)
}

// movedForGood reports whether an AS's moved space is no longer known as its own.
func (e *Engine) movedForGood(ent *entity, rd *reading) bool {
	ev := ent.ev
	return ev != nil && ev.kind == bgp.KindMoved && ent.key.Type != bgp.EntityPrefix &&
		ent.last.KnownSpace < ev.known && rd.movedLoss.space*2 <= ev.threshold
}

// settledLoss is the note of an event that ends because it has lasted for the freeze limit.
const settledLoss = "It was closed without a recovery: after 7 days its state counts as the new normal."

// settle closes an event whose state is the new normal. note is the reason that the record gives.
func (e *Engine) settle(ent *entity, note string) {
	ev := ent.ev
	ev.settled, ev.reason = true, bgp.EndNewNormal
	ev.note(note)
	e.closeEvent(ent, min(e.window+minute, ev.first+int64(e.cfg.FreezeMinutes)*minute))
	ent.clearRuns()
	ent.closed, ent.frozen = nil, nil
	if ent.key.Type == bgp.EntityPrefix {
		if ev.kind != bgp.KindIntermittent {
			ent.settled = new(ev.kind)
		}
		return
	}
	ent.hist.reset(e.window/minute+1, ent.last.Space, ent.last.Prefixes)
}

// departed ends the suspected or open event of a prefix that has left the table. r is the loss
// that lasted until then, or nil.
func (e *Engine) departed(ent *entity, r *run) {
	if r != nil && r.suspect != nil {
		e.retract(ent, r.suspect, e.departure(ent, r.first), "The prefix has left the table.")
	}
	ent.clearRuns()
	ent.settled, ent.superseded = nil, ""
	ent.toldCovered = false
	ev := ent.ev
	if ev == nil {
		return
	}
	ev.settled, ev.reason = true, e.departure(ent, ev.first)
	if ev.reason == bgp.EndLostSight {
		ev.note("It was closed without a recovery: the prefix is no longer known to the networks that watch.")
	} else {
		ev.note(
			"It was closed without a recovery: " +
				"the prefix has been away for so long that it has left the table, the new normal.")
	}
	e.closeEvent(ent, e.window)
	ent.closed = nil
}

// worsen takes over a loss and its digest if the loss is at least as great as the peak.
func (ev *event) worsen(l loss, d *digest) {
	if d != nil && (ev.digest == nil || worse(l, ev.peak) == l) {
		ev.peak, ev.digest = l, d
	}
	ev.peak = worse(ev.peak, l)
}
