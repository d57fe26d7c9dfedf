package incident

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// incoming is a record before it is assigned to incidents.
type incoming struct {
	*bgp.Outage
	ref  RecordRef
	raw  []byte
	now  time.Time
	body json.RawMessage // shortened; made at the first use
}

// event returns the event of the record for an incident.
func (in *incoming) event() Event {
	if in.body == nil {
		in.body = shorten(in.Outage)
	}
	return newEvent(in.Outage, in.body, in.now)
}

// over reports whether the outage has ended.
func (in *incoming) over() bool { return in.State == bgp.StateClosed || in.State == bgp.StateRetracted }

// applyToIncidents processes a record for a target that takes incidents.
func (e *Engine) applyToIncidents(p *place, in *incoming) {
	if d := p.byEvent[in.ID]; d != nil {
		e.update(d, in)
		return
	}
	if d := p.before(in.Outage); d != nil {
		ev := in.event()
		ev.Counted = true // it continues an event that counted, of any kind
		ev.Private = p.route(d.Route).isPrivate(in.Outage)
		e.add(d, &ev, in)
		return
	}
	r := p.takes(in.Outage)
	if r == nil || in.State == bgp.StateSuspected && !r.suspected {
		return
	}
	if in.over() {
		e.closeUnknown(p, r, in)
		return
	}
	if e.full(p, in.ID) {
		return
	}
	ev := in.event()
	ev.Private = r.isPrivate(in.Outage)
	if r.Match.MinMinutes > 0 {
		ev.From = r.countsFrom(in.Start)
	}
	if linked := p.linked(&ev, r.Name, in.Dataset); len(linked) > 0 {
		e.add(linked[0], &ev, in)
		return
	}
	if !e.crowded(p, in.ID) {
		e.begin(p, r, &ev, in)
	}
}

// takes returns the first route that matches; nil if none does. A public target takes nothing
// private.
func (p *place) takes(o *bgp.Outage) *route {
	if p.refuses(o) != "" {
		return nil
	}
	for _, r := range p.routes {
		if r.mismatch(o) == "" && !p.hides(r, o) {
			return r
		}
	}
	return nil
}

// refuses returns the reason why the target takes no outages of a dataset, independent of the
// routes; empty if it does.
func (p *place) refuses(o *bgp.Outage) string {
	if p.info.Traits.LiveOnly && o.Dataset != live && o.Dataset != "" {
		return "the data are not live (dataset " + line(o.Dataset) + "), and this target is told of live data alone"
	}
	return ""
}

// hides reports whether an outage must not reach the target because of a private watch list.
func (p *place) hides(r *route, o *bgp.Outage) bool { return p.info.Traits.Public && r.isPrivate(o) }

// before returns the delivery with the event that an outage continues; nil if there is none.
func (p *place) before(o *bgp.Outage) *Delivery {
	if d := p.byEvent[o.Predecessor]; o.Predecessor != "" && d != nil {
		return d
	}
	entity := "e:" + o.Entity.Type.String() + "/" + codeSize.Cut(o.Entity.Code)
	var found []*Delivery
	for d := range p.links["i:"+o.ID] {
		if d.Dataset == o.Dataset &&
			slices.ContainsFunc(d.Events, func(ev Event) bool { return ev.Successor == o.ID }) {
			found = append(found, d)
		}
	}
	// A superseded event may have no id of its successor yet.
	for d := range p.links[entity] {
		if d.Dataset == o.Dataset && slices.ContainsFunc(d.Events, func(ev Event) bool {
			return "e:"+ev.entity() == entity && ev.Family == o.Family && ev.Reason == bgp.EndSuperseded &&
				ev.Successor == "" && ev.over()
		}) {
			found = append(found, d)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return slices.MinFunc(found, compareAge)
}

// begin makes a delivery with its first event.
func (e *Engine) begin(p *place, r *route, ev *Event, in *incoming) {
	d := &Delivery{
		Target: p.info.Name, Incident: ev.ID, Route: r.Name, Dataset: in.Dataset,
		Subject: target.SubjectOutage, Began: in.now, First: in.Sequence,
	}
	d.place = p
	// The incident began with this event, which was dropped or moved to another incident.
	if old := e.all[d.Key()]; old != nil {
		d = old
		d.FoldedInto, d.Dropped = "", ""
	}
	e.all[d.Key()] = d
	e.add(d, ev, in)
}

// add adds an event to a delivery.
func (e *Engine) add(d *Delivery, ev *Event, in *incoming) {
	d.Events = append(d.Events, *ev)
	d.EventsTotal++
	e.arrived(d, in)
}

// update replaces the record of an event by its newest one.
func (e *Engine) update(d *Delivery, in *incoming) {
	i := slices.IndexFunc(d.Events, func(ev Event) bool { return ev.ID == in.ID })
	if i < 0 || in.Sequence <= d.Events[i].Sequence {
		return
	}
	old, ev := d.Events[i], in.event()
	ev.Private, ev.From, ev.Counted = old.Private, old.From, old.Counted
	// A public list can become private. A private event stays private.
	if len(in.Watch) > 0 {
		ev.Private = ev.Private || d.place.route(d.Route).isPrivate(in.Outage)
	}
	if r := d.place.route(d.Route); old.over() && !ev.over() && r.Match.MinMinutes > 0 && !d.knows() {
		ev.From = r.countsFrom(ev.Start)
	}
	// The event counted while notify was not running.
	if active := old.State == bgp.StateOpen; active && ev.over() && !ev.End.Before(ev.From) {
		ev.Counted = true
	}
	d.Events[i] = ev
	e.arrived(d, in)
}

// arrived updates a delivery after a record. It folds deliveries that turn out to be the same
// incident.
func (e *Engine) arrived(d *Delivery, in *incoming) {
	d.News = in.ref.At
	if d.Told.State == untold {
		d.burst = e.burst
	}
	for i := range d.Events {
		if ev := &d.Events[i]; ev.ID == in.ID && ev.State == bgp.StateOpen && !in.ref.At.Before(ev.From) {
			if ev.Counted = true; d.Opened.IsZero() || !d.Ended.IsZero() {
				d.opens(in.ref.At)
			}
		}
	}
	d.bound()
	d.place.link(d, in.now)
	e.change(d)
	e.touch(d)
	for i := range d.Events {
		if ev := &d.Events[i]; ev.ID == in.ID && !ev.over() {
			if all := d.place.linked(ev, d.Route, d.Dataset); len(all) > 1 {
				e.fold(all, in.now)
			}
			return
		}
	}
}

// fold moves the events of deliveries into the first one. A delivery that the target knows is
// closed with a pointer to the first; the others are dropped.
func (e *Engine) fold(all []*Delivery, now time.Time) {
	into := all[0]
	p := into.place
	for _, d := range all[1:] {
		into.Events = append(into.Events, d.Events...)
		into.EventsTotal += d.EventsTotal
		if d.News.After(into.News) {
			into.News = d.News
		}
		if !d.Opened.IsZero() && (into.Opened.IsZero() || d.Opened.Before(into.Opened)) {
			into.Opened = d.Opened
		}
		p.unlink(d)
		e.leave(d)
		if d.Told.Number == 0 && !d.knows() {
			d.Events = nil
			e.drop(d)
			continue
		}
		slices.SortFunc(d.Events, func(a, b Event) int { return compareWidth(&a, &b) })
		// The last message needs one event for its text.
		d.FoldedInto, d.Events = into.Incident, slices.Clone(first(d.Events, 1))
		e.change(d)
		e.touch(d)
	}
	into.bound()
	p.link(into, now)
	e.change(into)
	e.touch(into)
}

// closeUnknown sends a close to a keyed pager for an outage that began before the target's
// deliveries. The pager may know the outage from before.
func (e *Engine) closeUnknown(p *place, r *route, in *incoming) {
	if !p.info.Traits.Keyed || p.info.Traits.Style != target.Pager || in.State != bgp.StateClosed ||
		in.Blip || !in.Start.Before(p.state.Switch.Began) || e.all[p.info.Name+"/"+in.ID] != nil ||
		e.full(p, in.ID) || e.crowded(p, in.ID) {
		return
	}
	ev := in.event()
	ev.Counted, ev.Private = true, r.isPrivate(in.Outage)
	d := &Delivery{
		Target: p.info.Name, Incident: ev.ID, Route: r.Name, Dataset: in.Dataset,
		Subject: target.SubjectOutage, Began: in.now, First: in.Sequence, Opened: in.Start,
		Adopted: true, Told: Told{State: bgp.StateOpen}, Events: []Event{ev}, EventsTotal: 1, News: in.ref.At,
	}
	d.place = p
	e.all[d.Key()] = d
	p.link(d, in.now)
	e.change(d)
	e.touch(d)
}

// short reports whether the event ended before it counted.
func (ev *Event) short() bool { return ev.over() && !ev.Counted }

// removeShort removes the events that ended before they counted. If detect opens one of them again,
// it is a new event for the target.
func (d *Delivery) removeShort(now time.Time) {
	n := len(d.Events)
	d.Events = slices.DeleteFunc(d.Events, func(ev Event) bool { return ev.short() })
	if gone := n - len(d.Events); gone > 0 {
		d.EventsTotal -= gone
		d.place.link(d, now)
	}
}

// passing reports whether the event was superseded recently and its successor may still come.
func (ev *Event) passing(now time.Time) bool {
	return ev.Reason == bgp.EndSuperseded && ev.over() && now.Before(ev.Seen.Add(passing))
}
