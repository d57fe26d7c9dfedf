package outage

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day

	maxFlaps = 2048 // kept for each entity; at one in 4 minutes, these are more than 5 days
)

// flapLog keeps the beginnings of an entity's short losses for 8 days: Unix minutes, ascending.
type flapLog struct{ minutes []uint32 }

func (f *flapLog) add(t int64) {
	if len(f.minutes) == maxFlaps {
		f.minutes = slices.Delete(f.minutes, 0, maxFlaps/8)
	}
	f.minutes = append(f.minutes, uint32(t/minute))
}

// forget drops the losses that began more than 8 days before t.
func (f *flapLog) forget(t int64) {
	f.minutes = slices.Delete(f.minutes, 0, f.before(t-8*day))
	if len(f.minutes) == 0 {
		f.minutes = nil
	}
}

// before counts the losses that began before t.
func (f *flapLog) before(t int64) int {
	i, _ := slices.BinarySearch(f.minutes, uint32(max(t, 0)/minute))
	return i
}

// count returns the numbers of losses in the hour and in the day before t, and the usual number in
// a day. watched is the time since when the entity is watched.
func (f *flapLog) count(t, watched int64) bgp.Flaps {
	n := f.before(t)
	flaps := bgp.Flaps{Hour: n - f.before(t-hour), Day: n - f.before(t-day)}
	if days := min((t-day-watched)/day, 7); days >= 1 {
		usual := (f.before(t-day) - f.before(t-day-days*day)) / int(days)
		flaps.UsualDay = &usual
	}
	return flaps
}

// shortLoss is a loss that did not last. It is published as a blip, or counted by an intermittent
// event.
type shortLoss struct {
	first int64
	run   *run
	ev    *event
}

// endShort handles a loss that ended before it opened an outage.
func (e *Engine) endShort(ent *entity, r *run, rd *reading) {
	if r.minutes >= e.openMinutes(ent) {
		return // part of the voters held the prefix all the time, too briefly for a partial event
	}
	ent.flaps.add(r.first)
	before := ent.lastEnd
	ent.lastEnd = e.endOfLoss(rd)
	if ent.ev != nil && ent.ev.kind == bgp.KindIntermittent {
		if r.first > before {
			ent.ev.pause(before, r.first)
		}
		e.countLoss(ent.ev, r)
		ent.ev.returned = e.returnOf(ent, ent.ev, rd.loss, e.allowedShort(rd))
		return
	}
	ent.recent = append(ent.recent, shortLoss{first: r.first, run: r})
	ent.recent = slices.DeleteFunc(ent.recent, func(s shortLoss) bool {
		return r.first-s.first > int64(e.cfg.FlapMinutes)*minute
	})
	if len(ent.recent) >= e.cfg.FlapLosses && ent.ev == nil {
		e.openIntermittent(ent, rd) // after so many losses this one was not suspected
		return
	}
	if over := len(ent.recent) - e.cfg.FlapLosses; over > 0 {
		ent.recent = slices.Delete(ent.recent, 0, over)
	}
	ent.recent[len(ent.recent)-1].ev = e.endBlip(ent, r, rd)
}

// endBlip publishes a short loss: as closed, or as retracted if it had been suspected.
func (e *Engine) endBlip(ent *entity, r *run, rd *reading) *event {
	ev, state, name := r.suspect, bgp.StateRetracted, bgp.EventRetracted
	if ev == nil {
		ev, state, name = e.newEvent(ent, bgp.KindOutage, r, rd), bgp.StateClosed, bgp.EventClosed
	}
	ev.state = state
	ev.blip = true
	ev.end = max(e.window, ev.start)
	e.finishShort(ent, ev, rd)
	ev.digest, ev.score, ev.peak = r.digest, r.score, worse(ev.peak, r.peak)
	ev.now = lesser(rd.loss, ev.peak) // more than that is lost by another condition
	e.publish(ent, ev, name)
	return ev
}

// openIntermittent turns the first of the recent losses into an intermittent event under its id.
func (e *Engine) openIntermittent(ent *entity, rd *reading) {
	ev := ent.recent[0].ev
	ev.kind, ev.state, ev.blip, ev.end = bgp.KindIntermittent, bgp.StateOpen, false, 0
	ev.resume()
	ent.superseded = ""
	ev.score, ev.now = 0, rd.loss
	ev.note("The first of its losses had been sent as a short loss of its own.")
	for i, s := range ent.recent {
		if i > 0 {
			ev.pause(ent.recent[i-1].run.end(), s.run.first)
		}
		e.countLoss(ev, s.run)
	}
	ev.returned = e.returnOf(ent, ev, rd.loss, e.allowedShort(rd))
	told := ent.recent[1:]
	ent.ev, ent.closed, ent.recent = ev, nil, nil
	for _, s := range told {
		if s.ev != nil {
			e.tellWithin(ent, s.ev)
		}
	}
	e.publish(ent, ev, bgp.EventReopened)
}

// tellWithin retracts a short loss that was published as an event of its own. From now on it
// belongs to the entity's intermittent event.
func (e *Engine) tellWithin(ent *entity, short *event) {
	short.state, short.within = bgp.StateRetracted, true
	short.reason, short.successor = bgp.EndSuperseded, ent.ev.id
	e.publish(ent, short, bgp.EventRetracted)
}

// countLoss adds a loss to an intermittent event.
func (e *Engine) countLoss(ev *event, r *run) {
	ev.losses++
	ev.lostMinutes += r.minutes
	ev.score += r.score
	ev.worsen(r.peak, r.digest)
	ev.quiet = 0
}

// followIntermittent counts the quiet minutes of an intermittent event.
func (e *Engine) followIntermittent(ent *entity, rd *reading) {
	ev := ent.ev
	ev.now = rd.loss
	if rd.brief {
		ev.announced++
	}
	if ent.loss != nil || rd.brief {
		ev.quiet = 0
		return
	}
	ev.quiet++
	switch {
	case ev.quiet >= e.cfg.FlapQuietMinutes:
		ent.finish(ev, e.reasonOf(ent, ev, rd.loss, e.allowedShort(rd)))
		e.closeEvent(ent, ent.lastEnd)
	case e.outlived(ev):
		e.settle(ent, settledLoss)
	case (ev.losses >= updateFactor*ev.told.losses || ev.worsened()) &&
		e.window-ev.publishedAt >= int64(e.cfg.FlapUpdateMinutes)*minute:
		e.publish(ent, ev, bgp.EventUpdated)
	}
}
