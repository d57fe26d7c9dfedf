package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Event is one record in the life of an outage. Outage is the whole state after the record, with
// the record's event name and sequence number.
type Event struct {
	Outage bgp.Outage
	Key    Key
}

// Engine decides one address family. It is not safe for concurrent use.
type Engine struct {
	cfg      limits
	view     View
	entities map[Key]*entity
	// active holds the entities that are decided each minute: those with a run or an open event.
	active map[Key]*entity
	// behind holds the entities whose sample changed while no verdicts were given.
	behind  map[Key]*entity
	medians medians

	deepened int64 // the last window in which a prefix became deep (hardly any voter holds it)

	// started is the first window, next the next expected window.
	started, next int64
	// tabled is the window in which the first whole tables came after a time with updates alone;
	// 0: none.
	tabled int64
	// blind are the last consecutive windows without verdicts that came after windows with
	// verdicts. While they last, end is 0.
	blind interval
	// decided: at least one verdict was given.
	decided bool
	// gatedSince is the first of the last consecutive windows in which the panel gate was shut; 0
	// while the gate is open.
	gatedSince int64

	// Of the present minute:
	window     int64
	panel      bgp.Panel
	neighbours *neighbours
	pending    []pending
	out        []Event

	// changed is the breadth of the widest entity of which an event began or ended since the last
	// search for parents; 0: none.
	changed int

	taken []Event // last records of events that TakeOver ended, for the next Close

	// strange holds the entities with an open event of kind origin. removed holds the watch lists
	// that were removed since the last window. standing holds the published events of watch lists
	// that are not known again yet.
	strange  map[Key]*entity
	removed  []Key
	standing []standing
	listed   bool // watch lists changed since the last window

	steps int // number of neighbours that were compared, for the tests
}

// New returns an engine without history.
func New(cfg Config, view View) *Engine {
	return &Engine{
		cfg:      newLimits(cfg),
		view:     view,
		entities: make(map[Key]*entity),
		active:   make(map[Key]*entity),
		behind:   make(map[Key]*entity),
		strange:  make(map[Key]*entity),
	}
}

// Close decides the minute that starts at window (Unix seconds) and has just ended. changed holds
// the entities whose sample differs from the one before. The other entities keep their sample.
// Minutes that were skipped count as minutes without a change, and the view gives the same answers
// for them as for this one. The events of a minute are ordered by entity type, the widest first,
// so that an event comes after its parents. Within a type they are ordered by code, id and
// sequence.
func (e *Engine) Close(window int64, changed []Sample) []Event {
	if e.next == 0 {
		e.started, e.next = window, window
	}
	if !e.view.Gated(e.cfg.Family) {
		e.out, e.taken = e.taken, nil
	}
	for ; e.next < window && len(e.active)+len(e.strange) > 0; e.next += minute {
		e.closeMinute(e.next, nil)
	}
	e.closeMinute(window, changed)
	e.next = window + minute
	out := e.out
	e.out = nil
	return out
}

func (e *Engine) closeMinute(window int64, changed []Sample) {
	defer e.send()
	e.window, e.neighbours = window, nil
	if e.view.Gated(e.cfg.Family) {
		e.hold(changed)
		return
	}
	panel, verdicts := e.view.Panel(e.cfg.Family)
	if e.panel.Table == bgp.TablesLearned && panel.Table == bgp.TablesComplete {
		e.tabled = window
	}
	e.panel = panel
	e.endRemoved()
	work := e.take(changed)
	if e.noteVerdicts(verdicts); !verdicts {
		e.suspend(work)
		e.gatedSince = 0
		return
	}
	shut := e.resume()
	for _, ent := range e.active {
		if !ent.listed {
			ent.listed = true
			work = append(work, ent)
		}
	}
	for k, ent := range e.behind {
		delete(e.behind, k)
		ent.touched = true
		if !ent.listed {
			ent.listed = true
			work = append(work, ent)
		}
	}
	sortEntities(work)
	work = e.watchAgain(work)
	readings := make([]reading, len(work))
	for i, ent := range work {
		if e.measure(ent, &readings[i]); ent.running() {
			e.active[ent.key] = ent
		}
	}
	for i, ent := range work {
		if rd := &readings[i]; shut != 0 {
			e.decideKept(ent, rd, shut)
		}
		e.decide(ent, &readings[i])
		e.tellAgain(ent)
		e.leave(ent)
	}
	e.followStrange()
	e.relate(work)
	e.tellLists(work)
	e.endStanding()
	if window%hour == 0 {
		e.sweep()
	}
}

// noteVerdicts keeps the interval of the last consecutive windows without verdicts.
func (e *Engine) noteVerdicts(given bool) {
	switch {
	case given && !e.decided:
		e.decided, e.blind = true, interval{}
	case given && e.blind.start != 0 && e.blind.end == 0:
		e.blind.end = e.window
	case !given && e.blind.end != 0, !given && e.blind.start == 0:
		e.blind = interval{start: e.window}
	}
}

// take stores the samples and returns their entities. A prefix becomes known with its first
// trouble.
func (e *Engine) take(changed []Sample) []*entity {
	var work []*entity
	for i := range changed {
		s := &changed[i]
		isPrefix := s.Key.Type == bgp.EntityPrefix
		if !isPrefix && e.panel.Table == bgp.TablesLearned {
			continue // most of its prefixes are not known yet, so it has no baseline
		}
		ent := e.entities[s.Key]
		if ent == nil {
			if isPrefix && e.quietPrefix(s) {
				continue
			}
			ent = &entity{key: s.Key}
			e.entities[s.Key] = ent
		}
		if isPrefix {
			e.noteDeep(&ent.last, s)
		} else if e.gatedSince != 0 {
			e.rebase(ent, s)
		}
		ent.last, ent.touched = *s, true
		if !ent.listed {
			ent.listed = true
			work = append(work, ent)
		}
	}
	return work
}

// suspend handles a minute without verdicts. Pending openings are cancelled, and a suspicion is
// retracted. Open events neither change nor end, and their quiet minutes are counted from 0 again.
// Entities that changed are decided later.
func (e *Engine) suspend(work []*entity) {
	for _, ent := range work {
		ent.listed, ent.touched = false, false
		e.behind[ent.key] = ent
	}
	for _, ent := range e.strange {
		ent.strange.quiet = 0
	}
	work = work[:0]
	for _, ent := range e.active {
		work = append(work, ent)
	}
	sortEntities(work)
	for _, ent := range work {
		e.behind[ent.key] = ent
		if ent.loss != nil && ent.loss.suspect != nil {
			e.retract(ent, ent.loss.suspect, bgp.EndLostSight, "Too few networks were watching to decide it.")
		}
		ent.clearRuns()
		if ent.ev != nil {
			ent.ev.quiet = 0
			continue
		}
		ent.frozen = nil
		delete(e.active, ent.key)
	}
}

// leave ends the minute of an entity. The entity stays active, or it is quiet and its history goes
// on.
func (e *Engine) leave(ent *entity) {
	touched := ent.touched
	ent.listed, ent.touched = false, false
	if ev := ent.current(); ev != nil && touched {
		ev.stale = true
	}
	if ent.ev != nil || ent.running() {
		e.active[ent.key] = ent
	} else {
		delete(e.active, ent.key)
	}
	if ent.ev != nil || ent.freezes() {
		return
	}
	if (touched || ent.frozen != nil) && ent.key.Type != bgp.EntityPrefix {
		ent.hist.record(e.window/minute+1, ent.last.Space, ent.last.Prefixes)
	}
	ent.frozen = nil
	if ent.last.KnownSpace == 0 && ent.key.Type != bgp.EntityPrefix &&
		ent.key.Type != bgp.EntityWatch && ent.last.Space == 0 && !ent.running() {
		delete(e.entities, ent.key)
	}
}

// sweep forgets losses, events and entities that are too old to affect a decision.
func (e *Engine) sweep() {
	for k, ent := range e.entities {
		ent.flaps.forget(e.window)
		ent.starts = slices.DeleteFunc(ent.starts, func(t int64) bool { return t < e.window-8*day })
		ent.recent = slices.DeleteFunc(ent.recent, func(s shortLoss) bool {
			return e.window-s.first > int64(e.cfg.FlapMinutes)*minute
		})
		if ent.closed != nil &&
			e.window-ent.closed.end > int64(e.cfg.MergeMinutes+e.cfg.OpenMinutes)*minute+hour {
			ent.closed = nil
		}
		if ent.strangeClosed != nil &&
			e.window-ent.strangeClosed.end > int64(e.cfg.MergeMinutes)*minute+hour {
			ent.strangeClosed = nil
		}
		_, behind := e.behind[k]
		_, active := e.active[k]
		idle := !behind && !active && ent.forgettable()
		if idle && (k.Type == bgp.EntityPrefix ||
			k.Type == bgp.EntityWatch && ent.last.KnownSpace == 0 && e.window-ent.lastEnd > week) {
			delete(e.entities, k)
		}
	}
}

// compareKeys orders by type, code and family.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Family, b.Family))
}

func sortEvents(s []Event) {
	slices.SortFunc(s, func(a, b Event) int {
		return cmp.Or(
			widestFirst(a.Key, b.Key),
			cmp.Compare(a.Outage.ID, b.Outage.ID),
			cmp.Compare(a.Outage.Sequence, b.Outage.Sequence))
	})
}

func sortEntities(s []*entity) {
	slices.SortFunc(s, func(a, b *entity) int { return compareKeys(a.key, b.key) })
}
