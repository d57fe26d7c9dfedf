package outage

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// unseenMinutes is the number of minutes with verdicts that an adopted event waits until its
// entity can be judged. Tables that detect asks for come within two hours, or not at all.
const unseenMinutes = standMinutes

// adoptable reports whether the record of a published event is enough to judge its entity. It is
// enough for an outage, an intermittent event and a partial event of more than one prefix, if the
// usual space is known. Partial and moved prefixes are judged by their holders and usual origins,
// and no record names these.
func adoptable(o *bgp.Outage) bool {
	switch {
	case o.State != bgp.StateOpen || ofLists(o) || o.Baseline.Space <= 0:
		return false
	case o.Kind == bgp.KindPartial:
		return o.Entity.Type != bgp.EntityPrefix
	}
	return o.Kind == bgp.KindOutage || o.Kind == bgp.KindIntermittent
}

// lostBy lists the prefixes that a published event has lost now or had lost before.
func lostBy(o *bgp.Outage) []string {
	if o.Entity.Type == bgp.EntityPrefix {
		return []string{o.Entity.Code}
	}
	return o.LostPrefixes
}

// adoptUnknown adopts a published event that the engine does not know, and reports whether it did.
// It refuses the event if the record is not enough (adoptable) or if the entity has another event.
// until is the time up to which windows were decided (Unix seconds).
func (e *Engine) adoptUnknown(key Key, o *bgp.Outage, until int64) bool {
	ent := e.entities[key]
	if !adoptable(o) || ent != nil && len(ent.events()) > 0 {
		return false
	}
	if ent == nil {
		ent = &entity{key: key, last: Sample{Key: key}}
		e.entities[key] = ent
	}
	ev := e.eventFrom(o)
	ev.unseen = interval{start: max(until, ev.start)}
	ent.clearRuns()
	ent.ev, ent.recent, ent.closed, ent.settled, ent.superseded = ev, nil, nil, nil, ""
	ent.lastID = max(ent.lastID, ev.start-ev.start%minute)
	if ev.kind == bgp.KindIntermittent { // its last loss ended before until
		ent.lastEnd = max(ent.lastEnd, ev.unseen.start)
	} else {
		ent.starts = append(ent.starts, ev.start)
	}
	base := ev.base
	ent.frozen = &base
	e.active[key] = ent
	e.changed = bgp.EntityWatch.Breadth()
	return true
}

// eventFrom builds an open event from its last record.
func (e *Engine) eventFrom(o *bgp.Outage) *event {
	start := o.Start.Unix()
	ev := eventOf(o, e.cfg.Family)
	ev.adopted = true
	ev.id, ev.start, ev.first, ev.score = o.ID, start, start-start%minute, o.Score*100
	ev.predecessor, ev.notes = o.Predecessor, slices.Clone(o.Notes)
	ev.churn, ev.flaps = o.Evidence.ChurnBefore, o.Flaps
	ev.sameTime, ev.outages = o.Evidence.SameTimeLast7Days, o.Evidence.OutagesLast7Days
	ev.announced, ev.neighbours = o.Evidence.AnnouncedMinutes, slices.Clone(o.Evidence.Neighbours)
	for _, g := range o.Gaps {
		ev.gaps = append(ev.gaps, interval{g.Start.Unix(), g.End.Unix()})
	}
	ev.long = slices.Contains(o.Notes, wasOutage)
	if d := o.Evidence.DutyCyclePercent; d != nil {
		ev.lostMinutes = int(int64(*d) * max(0, o.DurationSeconds/minute) / 10000)
	}
	// The minute of the opening is over, so it is counted as well.
	ev.minutes = max(e.cfg.OpenMinutes, int(o.DurationSeconds/minute)) + 1
	e.limitFrom(ev, o.Entity.Type)
	ev.digest = digestFrom(o, e.cfg.Family)
	for _, p := range o.Parents {
		k := Key{Family: e.cfg.Family, Type: p.Type, Code: p.Code}
		ev.space, ev.since, ev.looked = wholeShare, ev.first, ev.first
		ev.wider = append(ev.wider, Overlap{Key: k, Space: uint64(max(1, p.SharePercent))})
	}
	slices.SortFunc(ev.wider, func(a, b Overlap) int { return widestFirst(b.Key, a.Key) })
	ev.after(o)
	ev.told = told{peak: ev.peak, least: ev.now, now: ev.now, severity: o.Severity, losses: ev.losses}
	return ev
}

// wholeShare is 100 % as a bgp.Decimal.
const wholeShare = 100_00

// limitFrom finds the rule that opened an adopted event. Half of the rule's threshold ends it.
func (e *Engine) limitFrom(ev *event, t bgp.EntityType) {
	if t == bgp.EntityPrefix {
		ev.threshold = 1
		return
	}
	ev.threshold = e.cfg.threshold(ev.base)
	if ev.peak.space < ev.threshold {
		large := e.cfg.largeThreshold(ev.base)
		ev.byNumber = t == bgp.EntityAS && (large == 0 || ev.peak.space < large)
		ev.threshold = cmp.Or(large, ev.threshold)
	}
}

// digestFrom builds the digest of the lost prefixes from a record.
func digestFrom(o *bgp.Outage, f bgp.Family) *digest {
	x := &o.Evidence
	d := &digest{
		total: o.LostPrefixesTotal, lost: o.LostPrefixes,
		surviving: o.SurvivingPrefixes, survivors: o.SurvivingPrefixesTotal, countries: o.Countries,
		unit: f.UnitSpace(), spread: x.WithdrawalSpreadSeconds, together: x.UpstreamsLostTogether,
		shape: x.Shape, rerouted: x.ReroutedVia,
		covered: x.Covered, deaggregated: x.Deaggregated,
		originOrder: x.OriginOrder, originCount: len(o.Origins),
	}
	for _, a := range o.Origins {
		d.origins = append(d.origins, a.ASN)
	}
	for _, a := range o.Upstreams {
		d.upstreams = append(d.upstreams, a.ASN)
	}
	if o.Entity.Type == bgp.EntityPrefix {
		d.usually = d.origins
	}
	return d
}

// watchAgain removes entities from the minute's work if their event is adopted and cannot be
// judged yet. When an adopted event can be judged, its entity is watched again from this minute
// on. An adopted event that has waited for more than unseenMinutes ends as lost from sight.
func (e *Engine) watchAgain(work []*entity) []*entity {
	return slices.DeleteFunc(work, func(ent *entity) bool {
		ev := ent.ev
		if ev == nil || !ev.adopted {
			return false
		}
		e.lookAgain(ent)
		if ev.unseen.end != 0 {
			return false
		}
		if e.panel.Table == bgp.TablesComplete || ent.key.Type == bgp.EntityPrefix && ent.last.Space > 0 {
			ent.touched = true
			ev.unseen.end = e.window + minute
			ev.note(fmt.Sprintf(
				"It was not watched from %s to %s: darkmap started again without what it had known before.",
				clock(at(ev.unseen.start)), clock(at(ev.unseen.end))))
			return false
		}
		ent.listed, ent.touched = false, false
		if ev.unjudged++; ev.unjudged > unseenMinutes {
			ev.reason = bgp.EndLostSight
			ev.note(forgotten)
			e.closeEvent(ent, ev.unseen.start)
			ent.closed, ent.frozen = nil, nil
			delete(e.active, ent.key)
		}
		return true
	})
}

// lookAgain takes the present sample of an adopted event's entity from the view if the minute
// brought no sample. An entity that shows its usual state does not change, so no sample comes for
// it. For a prefix this is also true later, when the prefix comes back.
func (e *Engine) lookAgain(ent *entity) {
	if ent.touched || ent.ev.unseen.end != 0 && (ent.key.Type != bgp.EntityPrefix || ent.last.Space > 0) {
		return
	}
	if s, ok := e.view.Present(ent.key); ok && s != ent.last {
		ent.last, ent.touched = s, true
	}
}

// tellAgain publishes two sorts of events that have no record in this minute yet: an event that is
// watched again from this minute on and lasts, and an event that the engine has and no record
// names.
func (e *Engine) tellAgain(ent *entity) {
	ev := ent.current()
	if ev == nil || ev.publishedAt == e.window {
		return
	}
	if ev.unknown || ev.unseen.end == e.window+minute && ev.quiet == 0 {
		e.publish(ent, ev, bgp.EventUpdated)
	}
}

// unseenBefore returns the interval right before the present window in which an event was not
// watched. Without one it returns the interval without verdicts, or the zero value.
func (e *Engine) unseenBefore(ev *event) interval {
	if ev.unseen.end == e.window+minute {
		return ev.unseen
	}
	return e.blindBefore(e.window)
}

// adoptedLoss returns the number of prefixes that an entity has lost. For an adopted event it also
// counts the prefixes of the record's baseline that no table has contained since.
func (ent *entity) adoptedLoss(prefixes int) int {
	if ev := ent.ev; ev != nil && ev.adopted {
		return max(prefixes, ev.base.prefixes-ent.last.Prefixes)
	}
	return prefixes
}

// redigest lists the lost prefixes again. The caller has checked that the loss was never greater.
// For an adopted event the list of the record stays while it is longer, because the tables may not
// contain the lost prefixes.
func (e *Engine) redigest(ent *entity, ev *event) {
	if d := e.digestOf(ent); !ev.adopted || d.total >= ev.digest.total {
		ev.digest = d
	}
}

// sinceSeen returns the time from which on announcements must prove that an event's routes are
// back. For an adopted event this is the time from which on it is watched again.
func (ev *event) sinceSeen() int64 { return max(ev.first, ev.unseen.end) }

// fromOthers reports whether the prefix of an adopted event is back from origins that its record
// does not name.
func (e *Engine) fromOthers(ent *entity, ev *event) bool {
	if !ev.adopted || ent.key.Type != bgp.EntityPrefix || len(ev.digest.origins) == 0 {
		return false
	}
	now, _ := e.view.Belongs(ent.key)
	return len(now) > 0 && !slices.ContainsFunc(now, func(a bgp.ASN) bool {
		return slices.Contains(ev.digest.origins, a)
	})
}
