package outage

import (
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
)

// keptSeconds is the longest time before the gate shuts at which a loss may begin that shows when
// the gate opens. The loss of the own feeds is detected after a minute or two.
const keptSeconds = 2 * minute

// LossBegan reports whether a loss of an entity lasts that began in a window at or after since
// (Unix seconds).
func (e *Engine) LossBegan(k Key, since int64) bool {
	ent := e.active[k]
	return ent != nil && ent.loss != nil && ent.loss.first >= since
}

// hold handles a minute in which the panel gate is shut. Nothing opens, closes or enters a
// history. Runs that have begun are kept until resume.
func (e *Engine) hold(changed []Sample) {
	if e.gatedSince == 0 {
		e.gatedSince = e.window
	}
	e.noteVerdicts(false)
	for _, ent := range e.take(changed) {
		ent.listed, ent.touched = false, false
		e.behind[ent.key] = ent
	}
}

// resume begins the first minute in which the gate is open again. Runs that were kept are measured
// again as if their conditions had held all the time. resume returns the time at which the gate
// had shut; 0: it was open.
func (e *Engine) resume() (shut int64) {
	shut, e.gatedSince = e.gatedSince, 0
	if shut == 0 {
		return 0
	}
	for _, ent := range e.active {
		if ev := ent.ev; ev != nil && ev.quiet == 0 && ev.kind != bgp.KindIntermittent {
			ev.score += (e.window - shut) / minute * int64(ev.now.percent)
		}
		if !ent.running() {
			continue
		}
		e.behind[ent.key] = ent // its sample is measured as if it had changed
		for _, r := range ent.runs() {
			r.lengthen(e.window)
		}
	}
	return shut
}

// rebase makes an entity's known space its usual space if prefixes became unknown because all
// their holders left while the gate was shut.
func (e *Engine) rebase(ent *entity, s *Sample) {
	if ent.ev == nil && s.KnownSpace < ent.last.KnownSpace {
		ent.hist.reset(e.window/minute, s.KnownSpace, s.KnownPrefixes)
		ent.frozen = nil
	}
}

// runs lists the conditions that hold.
func (ent *entity) runs() (all []*run) {
	for _, r := range []*run{ent.loss, ent.large, ent.band, ent.moved, ent.covered} {
		if r != nil {
			all = append(all, r)
		}
	}
	return all
}

// lengthen extends a run up to the beginning of a window. The minutes between count with the run's
// peak.
func (r *run) lengthen(until int64) {
	n := int((until - r.end()) / minute)
	if n <= 0 {
		return
	}
	r.minutes += n
	r.score += int64(n) * int64(r.peak.percent)
	r.held += n
}

// date moves the beginning of losses that show in the first minute after the gate was shut. Such a
// loss begins in the minute in which half of the present voters had withdrawn the lost prefixes,
// if that is not more than keptSeconds before the gate shut. A loss through ended sessions keeps
// the present window as its beginning, because the new tables may be incomplete.
func (e *Engine) date(ent *entity, rd *reading, shut int64) {
	for _, r := range []*run{ent.loss, ent.large} {
		if r == nil || r.first != e.window || r.digest == nil || r.digest.withdrawals == 0 || r.digest.lapsed {
			continue
		}
		half := r.digest.tenth - r.digest.spread.P10 + r.digest.spread.P50
		if first := half - half%minute; half >= max(shut-keptSeconds, ent.lastEnd) && first < r.first {
			r.first = first
			r.lengthen(e.window + minute)
			e.deepen(ent, rd)
		}
	}
}

// noteHeld adds a note with the number of minutes of the loss without decisions.
func (ev *event) noteHeld(r *run) {
	if r.held > 0 {
		ev.note(fmt.Sprintf(
			"For %s of it nothing was decided, because many of darkmap's own feeds were lost: "+
				"it was judged afterwards.",
			bgp.Count(r.held, "minute")))
	}
}

// decideKept prepares the decision of the first minute after the gate was shut. Losses get their
// first minutes, and a loss that is gone does not count as a short loss.
func (e *Engine) decideKept(ent *entity, rd *reading, shut int64) {
	e.date(ent, rd, shut)
	if rd.ended != nil && !rd.gone {
		e.endKept(ent, rd.ended, rd)
		rd.ended = nil
	}
}

// endKept handles a loss that had begun before the gate shut and is gone when it opens. Its
// duration is not known.
func (e *Engine) endKept(ent *entity, r *run, rd *reading) {
	if ent.ev != nil && ent.ev.kind == bgp.KindIntermittent {
		r.minutes -= r.held
		e.endShort(ent, r, rd)
		return
	}
	if r.suspect != nil {
		e.retract(ent, r.suspect, bgp.EndLostSight,
			"Too many of darkmap's own feeds were lost to decide it, and it is gone since they were judged again.")
	}
}
