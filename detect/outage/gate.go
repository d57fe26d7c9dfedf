package outage

import (
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
)

// keptSeconds is how long before the gate shuts a loss may have begun that shows when it opens: it takes a minute or two to tell
// that the own feeds are lost.
const keptSeconds = 2 * minute

// LossBegan reports whether a loss of an entity began in a window that began at or after a time (Unix seconds), and lasts.
func (e *Engine) LossBegan(k Key, since int64) bool {
	ent := e.active[k]
	return ent != nil && ent.loss != nil && ent.loss.first >= since
}

// hold passes over a minute in which the panel gate is shut: nothing opens, closes or is learned. What has begun is kept until resume.
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

// resume begins the first minute with the gate open again: conditions that were kept are looked at once more, as if they had held all the time.
// It returns when the gate had shut; 0: it was open.
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
		e.behind[ent.key] = ent // its sample is looked at as if it had changed
		for _, r := range ent.runs() {
			r.lengthen(e.window)
		}
	}
	return shut
}

// rebase makes usual of an entity what is known of it, where prefixes are known no more because all who held them left while the gate was shut.
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

// lengthen lets a run last until a window begins. What it lost at most counts for the minutes between.
func (r *run) lengthen(until int64) {
	n := int((until - r.end()) / minute)
	if n <= 0 {
		return
	}
	r.minutes += n
	r.score += int64(n) * int64(r.peak.percent)
	r.held += n
}

// date lets losses that show in the first minute after the gate was shut begin in the minute in which half of those that vote now had withdrawn
// what is lost, if that is not long before. What was lost with sessions begins when it shows: the new tables may be cut short.
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

// noteHeld says of how many minutes of the loss nothing was decided.
func (ev *event) noteHeld(r *run) {
	if r.held > 0 {
		ev.note(fmt.Sprintf("For %s of it nothing was decided, because many of darkmap's own feeds were lost: it was judged afterwards.", bgp.Count(r.held, "minute")))
	}
}

// decideKept prepares the decision of the first minute after the gate was shut: losses get their first minutes, and one that is gone is no short loss.
func (e *Engine) decideKept(ent *entity, rd *reading, shut int64) {
	e.date(ent, rd, shut)
	if rd.ended != nil && !rd.gone {
		e.endKept(ent, rd.ended, rd)
		rd.ended = nil
	}
}

// endKept takes note of a loss that had begun before the gate shut, and is gone when it opens: nobody knows how long it lasted.
func (e *Engine) endKept(ent *entity, r *run, rd *reading) {
	if ent.ev != nil && ent.ev.kind == bgp.KindIntermittent {
		r.minutes -= r.held
		e.endShort(ent, r, rd)
		return
	}
	if r.suspect != nil {
		e.retract(ent, r.suspect, bgp.EndLostSight, "Too many of darkmap's own feeds were lost to decide it, and it is gone since they were judged anew.")
	}
}
