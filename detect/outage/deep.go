package outage

import "github.com/darkmap/darkmap/internal/bgp"

// deepness is how much of an entity's lost space is that of prefixes that hardly anybody holds, and the window in which that was
// looked at; 0 where it has to be looked at again.
type deepness struct {
	space uint64
	at    int64
}

// extendSpaceRuns counts the minute of an AS, country, region or the world. While it has a partial event, a loss begins when it is deep.
func (e *Engine) extendSpaceRuns(ent *entity, rd *reading, lost, large, moved bool) {
	if ent.ev != nil && ent.ev.kind == bgp.KindPartial {
		lost = lost && e.deepSpace(ent) >= e.needed(rd)
		large = large && e.deepSpace(ent) >= rd.largeFrom
	}
	e.extendRuns(ent, rd, lost, large, false, moved)
	e.deepen(ent, rd)
}

// deepen finds out whether the losses of an AS, country, region or the world that last long enough are deep.
func (e *Engine) deepen(ent *entity, rd *reading) {
	if ent.key.Type == bgp.EntityPrefix {
		return // measurePrefix does
	}
	if r := ent.loss; r != nil && !r.deep && r.minutes >= e.cfg.SuspectMinutes {
		r.deep = e.deepSpace(ent) >= e.needed(rd)
	}
	if r := ent.large; r != nil && !r.deep && r.minutes >= e.cfg.SuspectMinutes {
		r.deep = e.deepSpace(ent) >= rd.largeFrom
	}
}

// needed is how much of a loss has to be deep for an outage, as one of a prefix has to be.
func (e *Engine) needed(rd *reading) uint64 {
	if rd.loss.space < rd.threshold { // it is a loss by the number of prefixes
		return e.cfg.units(e.cfg.ASMinUnits)
	}
	return rd.threshold
}

// deepSpace is the entity's lost space of prefixes that hardly anybody holds. It walks through all of them, so it keeps the answer.
func (e *Engine) deepSpace(ent *entity) uint64 {
	if e.deepDue(ent) {
		ent.deep = deepness{space: e.digestOf(ent).deepSpace, at: e.window}
	}
	return ent.deep.space
}

// deepDue tells whether the kept answer may be another one: the entity has changed, or a prefix, perhaps one of its own, became deep
// since. The latter is looked at every minute until an event opens, and then every OpenMinutes.
func (e *Engine) deepDue(ent *entity) bool {
	switch {
	case ent.deep.at == 0:
		return true
	case e.deepened <= ent.deep.at:
		return false
	case ent.loss != nil && ent.loss.minutes <= e.cfg.PartialMinutes || ent.large != nil && ent.large.minutes <= e.cfg.LargeMinutes:
		return true
	}
	return e.window-ent.deep.at >= int64(e.cfg.OpenMinutes)*minute
}

// noteDeep notes the minute in which a prefix became deep.
func (e *Engine) noteDeep(was, now *Sample) {
	if !e.isDeep(was) && e.isDeep(now) {
		e.deepened = e.window
	}
}

// isDeep tells of a prefix whether it is lost and hardly anybody holds it.
func (e *Engine) isDeep(s *Sample) bool {
	return s.KnownSpace > 0 && s.SharePermille < e.cfg.PartialLowPermille && !s.Covered
}
