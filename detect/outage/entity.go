package outage

import "github.com/darkmap/darkmap/internal/bgp"

// entity is the state that the engine keeps of one entity. Its baseline is frozen while a
// condition holds that may open an event, or an event is open.
type entity struct {
	key    Key
	last   Sample
	hist   history
	frozen *baseline

	// Runs of the conditions that hold: a loss, a small loss of a large entity, a share between
	// the bounds of a partial event, other ASes as origins.
	loss, large, band, moved *run
	// covered counts the minutes of a prefix that is lost while routes of its origin carry its
	// addresses. It is nil once tellCovered has published that.
	covered     *run
	toldCovered bool

	ev     *event // the open event
	closed *event // the last event that closed and can be reopened
	// strange is the open event of kind origin. It exists beside ev. strangeClosed is the last
	// closed event of this kind that can be reopened.
	strange, strangeClosed *event

	recent  []shortLoss // losses within FlapMinutes, since the last event opened or closed
	flaps   flapLog
	starts  []int64 // starts of the outages of the last 8 days
	lastEnd int64   // end of the last event or short loss
	lastID  int64   // the minute in the last id
	// superseded is the id of an event that another event replaces. That event has not opened yet.
	superseded string
	settled    *bgp.Kind // kind of a prefix's event that is the new normal; nil once it is gone

	deep       deepness
	near       nearness // in the present minute; for a prefix always the zero value
	movedSpace uint64   // space that others originated when the view was last asked

	touched bool // the sample changed in this minute
	listed  bool // the entity is in this minute's work
}

// running reports whether any condition holds.
func (ent *entity) running() bool {
	return ent.loss != nil || ent.large != nil || ent.band != nil || ent.moved != nil || ent.covered != nil
}

// clearRuns ends all conditions.
func (ent *entity) clearRuns() {
	ent.loss, ent.large, ent.band, ent.moved, ent.covered = nil, nil, nil, nil, nil
}

// freezes reports whether a condition holds that may open an event.
func (ent *entity) freezes() bool {
	return ent.loss != nil || ent.large != nil && !ent.large.rejected || ent.band != nil || ent.moved != nil
}

// forgettable reports whether the engine can drop a prefix from memory.
func (ent *entity) forgettable() bool {
	return ent.closed == nil && len(ent.recent) == 0 && len(ent.flaps.minutes) == 0 &&
		len(ent.starts) == 0 && ent.settled == nil && ent.superseded == "" && ent.ev == nil &&
		!ent.running() && !ent.toldCovered && ent.strange == nil && ent.strangeClosed == nil
}

// quietPrefix reports whether a prefix is in its usual state or is not known.
func (e *Engine) quietPrefix(s *Sample) bool {
	return s.KnownSpace == 0 || s.Space > 0 && s.Moved == 0 && s.SharePermille >= e.cfg.PartialHighPermille
}

// reading is an entity's state in a minute, compared with its baseline.
type reading struct {
	base      baseline
	threshold uint64 // space whose loss opens an outage
	largeFrom uint64 // space whose loss opens an outage of a large entity; 0 for others
	manyFrom  int    // number of prefixes whose loss opens an outage of an AS; 0 for others

	loss      loss // without the moved part
	movedLoss loss // the part that moved to other origins
	partial   loss // of a prefix, in voters
	gone      bool // the prefix left the table
	covered   bool // the prefix is lost, its addresses are not
	brief     bool // the lost space was back for a part of the minute

	ended *run // the loss that ended in this minute
}

// measure compares the sample with the baseline, and counts the minute in the runs.
func (e *Engine) measure(ent *entity, rd *reading) {
	if ent.key.Type == bgp.EntityPrefix {
		e.measurePrefix(ent, rd)
	} else {
		e.measureSpace(ent, rd)
	}
	e.keepDigest(ent, ent.loss, rd)
	e.keepDigest(ent, ent.large, rd)
}

// keepDigest lists the lost prefixes of a run in minutes in which its loss is the greatest so far.
// So the run's digest and its peak belong to the same minute.
func (e *Engine) keepDigest(ent *entity, r *run, rd *reading) {
	if r != nil && e.digestDue(ent, r.minutes) && (r.digest == nil || r.peak == rd.loss) {
		r.digest = e.digestOf(ent)
	}
}

// digestDue reports whether the lost prefixes are listed in the n-th minute of a loss. They are
// listed when the sample changes, and in the minutes in which a record may be published.
func (e *Engine) digestDue(ent *entity, n int) bool {
	return ent.touched || n == 1 || n == e.cfg.SuspectMinutes || n == e.cfg.OpenMinutes
}

// measurePrefix measures a prefix. A prefix has its own routes or has none, and its known space is
// its baseline. Its loss is the space that no visible more-specific route of its origin carries.
func (e *Engine) measurePrefix(ent *entity, rd *reading) {
	s := &ent.last
	known := s.KnownSpace
	if known == 0 && ent.ev != nil && ent.ev.adopted {
		known = ent.ev.base.space // lost before the tables that are known
	}
	rd.gone = known == 0
	rd.base = baseline{space: known, prefixes: 1}
	rd.threshold = 1
	share := s.SharePermille
	rd.brief = !rd.gone && s.Brief > 0
	rd.covered = !rd.gone && s.Space == 0 && s.Covered
	lost := !rd.gone && s.Space == 0 && !rd.covered
	band := !rd.gone && !rd.covered && share >= e.cfg.PartialLowPermille && share < e.cfg.PartialHighPermille
	moved := !rd.gone && s.Space > 0 && s.Moved > 0
	if lost {
		dark := max(1, known-min(s.Carried, known))
		rd.loss = loss{prefixes: 1, space: dark, percent: percentOf(dark, known)}
	}
	if !rd.covered {
		rd.partial = loss{percent: bgp.Decimal(max(0, 1000-share) * 10)}
	}
	deep := share < e.cfg.PartialLowPermille
	if ent.settled != nil {
		lost, band, moved = ent.unsettled(lost, band, moved, deep)
	}
	open := lost && (deep || ent.ev == nil || ent.ev.kind != bgp.KindPartial)
	e.extendRuns(ent, rd, open, false, band, moved)
	if ent.loss != nil && deep {
		ent.loss.deep = true
	}
	ent.toldCovered = ent.toldCovered && rd.covered
	extend(&ent.covered, rd.covered && !ent.toldCovered && ent.ev == nil, e.window, loss{})
}

// unsettled ignores the condition of a prefix that is the new normal. It forgets the new normal
// when the condition is gone.
func (ent *entity) unsettled(lost, band, moved, deep bool) (stillLost, stillBand, stillMoved bool) {
	gone := false
	switch *ent.settled {
	case bgp.KindOutage:
		if gone = !lost; !gone {
			lost, band = false, false
		}
	case bgp.KindPartial:
		if gone = !band; !gone {
			lost, band = lost && deep, false
		}
	case bgp.KindMoved:
		gone = !moved && !lost
		moved = false
	case bgp.KindIntermittent, bgp.KindOrigin: // never settle
	}
	if gone {
		ent.settled = nil
	}
	return lost, band, moved
}

// measureSpace compares the visible space of an entity other than a prefix with its baseline.
func (e *Engine) measureSpace(ent *entity, rd *reading) {
	s := &ent.last
	if ent.touched {
		ent.deep.at = 0
	}
	if ent.frozen == nil && ent.ev == nil && e.surelyQuiet(ent) {
		e.noteNear(ent, nearness{})
		rd.base = baseline{space: s.Space, prefixes: s.Prefixes}
		e.extendRuns(ent, rd, false, false, false, false)
		return
	}
	if ent.frozen == nil {
		prior := point{space: s.KnownSpace, prefixes: uint32(s.KnownPrefixes)}
		b := e.medians.at(&ent.hist, e.window/minute+1, prior)
		ent.frozen = &b
	}
	rd.base = *ent.frozen
	rd.threshold = e.cfg.threshold(rd.base)
	rd.largeFrom = e.cfg.largeThreshold(rd.base)
	if ent.key.Type == bgp.EntityAS {
		rd.manyFrom = e.cfg.manyPrefixes(rd.base)
	}
	total := rd.base.space - min(s.Space, rd.base.space)
	if ent.touched {
		e.lookMoved(ent, total*2 >= e.cfg.leastLoss(rd))
	}
	moved := min(ent.movedSpace, total)
	prefixes := ent.adoptedLoss(max(0, s.KnownPrefixes-s.Prefixes-s.Moved))
	rd.loss = loss{prefixes: prefixes, space: total - moved, percent: percentOf(total-moved, rd.base.space)}
	rd.movedLoss = loss{prefixes: s.Moved, space: moved, percent: percentOf(moved, rd.base.space)}
	rd.brief = e.backForAPart(ent, rd)
	lost := rd.loss.space >= rd.threshold || e.cfg.many(rd)
	large := rd.largeFrom > 0 && rd.loss.space >= rd.largeFrom
	e.extendSpaceRuns(ent, rd, lost, large, !lost && moved > 0 && total >= rd.threshold)
	e.noteNear(ent, e.nearnessOf(ent, rd))
}

// backForAPart reports whether the loss is quiet if the space that was back for a part of the
// minute is not counted.
func (e *Engine) backForAPart(ent *entity, rd *reading) bool {
	limit := rd.threshold
	if ent.ev != nil && ent.ev.threshold > 0 {
		limit = ent.ev.threshold
	}
	return ent.last.Brief > 0 && (rd.loss.space-min(rd.loss.space, ent.last.Brief))*2 <= limit
}

// surelyQuiet reports whether less than half of the smallest loss that opens an event is lost. It
// computes no median: a baseline is never above the highest of its values.
func (e *Engine) surelyQuiet(ent *entity) bool {
	high, most := ent.hist.highest(ent.last.KnownSpace, ent.last.KnownPrefixes)
	least := permilleUp(high, e.cfg.OpenPermille)
	if high >= uint64(e.cfg.LargeUnits)*e.cfg.Family.UnitSpace() {
		least = permilleUp(high, e.cfg.LargePermille)
	}
	lost := high - min(ent.last.Space, high)
	if ent.key.Type == bgp.EntityAS && most-min(ent.last.Prefixes, most) >= e.cfg.ASMinPrefixes &&
		lost >= e.cfg.units(e.cfg.ASMinUnits) {
		return false
	}
	return lost*2 < least || lost < e.cfg.Family.UnitSpace()
}

// lookMoved asks the view how much of an AS's space other ASes originate now. It asks only if the
// AS has lost enough for that to matter.
func (e *Engine) lookMoved(ent *entity, enough bool) {
	ent.movedSpace = 0
	if ent.key.Type != bgp.EntityAS || ent.last.Moved == 0 || !enough {
		return
	}
	for _, m := range e.view.Moved(ent.key) {
		ent.movedSpace += bgp.Space(m.Prefix)
	}
}

// extendRuns counts the minute in the runs. An open outage has its own counters, so loss and large
// do not run then.
func (e *Engine) extendRuns(ent *entity, rd *reading, lost, large, band, moved bool) {
	outage := ent.ev != nil && ent.ev.kind == bgp.KindOutage
	if ent.ev != nil && ent.ev.long && rd.brief {
		lost = false
	}
	rd.ended = extend(&ent.loss, lost && !outage, e.window, rd.loss)
	extend(&ent.large, large && !outage, e.window, rd.loss)
	extend(&ent.band, band, e.window, rd.partial)
	extend(&ent.moved, moved, e.window, rd.movedLoss)
}
