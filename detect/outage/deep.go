package outage

import "github.com/darkmap/darkmap/internal/bgp"

// deepness is the part of an entity's lost space that belongs to deep prefixes. A deep prefix is
// one that hardly any voter holds.
type deepness struct {
	space uint64
	at    int64 // the window in which space was computed; 0: it must be computed again
}

// extendSpaceRuns counts the minute of an entity other than a prefix. While the entity has a
// partial event, a loss begins only when it is deep.
func (e *Engine) extendSpaceRuns(ent *entity, rd *reading, lost, large, moved bool) {
	if ent.ev != nil && ent.ev.kind == bgp.KindPartial {
		lost = lost && e.deepSpace(ent) >= e.needed(rd)
		large = large && e.deepSpace(ent) >= rd.largeFrom
	}
	e.extendRuns(ent, rd, lost, large, false, moved)
	e.deepen(ent, rd)
}

// deepen finds out whether the losses of an entity other than a prefix are deep, if they have
// lasted for SuspectMinutes.
func (e *Engine) deepen(ent *entity, rd *reading) {
	if ent.key.Type == bgp.EntityPrefix {
		return // measurePrefix does this
	}
	if r := ent.loss; r != nil && !r.deep && r.minutes >= e.cfg.SuspectMinutes {
		r.deep = e.deepSpace(ent) >= e.needed(rd)
	}
	if r := ent.large; r != nil && !r.deep && r.minutes >= e.cfg.SuspectMinutes {
		r.deep = e.deepSpace(ent) >= rd.largeFrom
	}
}

// needed returns the space that must be deep so that the entity's loss is an outage. The same
// condition holds for the loss of a prefix.
func (e *Engine) needed(rd *reading) uint64 {
	if rd.loss.space < rd.threshold { // the loss counts by its number of prefixes
		return e.cfg.units(e.cfg.ASMinUnits)
	}
	return rd.threshold
}

// deepSpace returns the entity's lost space of deep prefixes. The computation goes through all
// lost prefixes, so the result is kept.
func (e *Engine) deepSpace(ent *entity) uint64 {
	if e.deepDue(ent) {
		ent.deep = deepness{space: e.digestOf(ent).deepSpace, at: e.window}
	}
	return ent.deep.space
}

// deepDue reports whether the kept result may be out of date. It is out of date if the entity has
// changed, or if a prefix, perhaps one of the entity's, became deep since. The second condition is
// checked every minute until an event opens, and every OpenMinutes after that.
func (e *Engine) deepDue(ent *entity) bool {
	switch {
	case ent.deep.at == 0:
		return true
	case e.deepened <= ent.deep.at:
		return false
	case ent.loss != nil && ent.loss.minutes <= e.cfg.PartialMinutes ||
		ent.large != nil && ent.large.minutes <= e.cfg.LargeMinutes:
		return true
	}
	return e.window-ent.deep.at >= int64(e.cfg.OpenMinutes)*minute
}

// noteDeep records the present window if a prefix became deep in it.
func (e *Engine) noteDeep(was, now *Sample) {
	if !e.isDeep(was) && e.isDeep(now) {
		e.deepened = e.window
	}
}

// isDeep reports whether a prefix is lost and hardly any voter holds it.
func (e *Engine) isDeep(s *Sample) bool {
	return s.KnownSpace > 0 && s.SharePermille < e.cfg.PartialLowPermille && !s.Covered
}
