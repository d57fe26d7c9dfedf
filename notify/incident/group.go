package incident

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// incoming is a record on its way to the places.
type incoming struct {
	*bgp.Outage
	ref  RecordRef
	raw  []byte
	now  time.Time
	body json.RawMessage // shortened, made when it is first asked for
}

// event is the record as an incident keeps it.
func (in *incoming) event() Event {
	if in.body == nil {
		in.body = shorten(in.Outage)
	}
	return eventOf(in.Outage, in.body, in.now)
}

// over reports whether the outage has ended.
func (in *incoming) over() bool { return in.State == bgp.StateClosed || in.State == bgp.StateRetracted }

// eventOf takes a record for a target that is told of incidents.
func (e *Engine) eventOf(p *place, in *incoming) {
	if d := p.byEvent[in.ID]; d != nil {
		e.update(d, in)
		return
	}
	if d := p.before(in.Outage); d != nil {
		ev := in.event()
		ev.Counted = true // it goes on from one that counted, of any kind
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
	ev := in.event()
	ev.Private = r.isPrivate(in.Outage)
	if r.Match.MinMinutes > 0 {
		ev.From = r.countsFrom(in.Start)
	}
	if linked := p.linked(&ev, r.Name, in.Dataset); len(linked) > 0 {
		e.add(linked[0], &ev, in)
		return
	}
	e.begin(p, r, &ev, in)
}

// takes is the first route that matches; nil where none does. A target that anybody can read takes nothing private.
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

// refuses says why the target is told of no outage of a dataset, whatever routes say; empty where it is.
func (p *place) refuses(o *bgp.Outage) string {
	if p.info.Traits.LiveOnly && o.Dataset != live && o.Dataset != "" {
		return "the data are not live (dataset " + line(o.Dataset) + "), and this target is told of live data alone"
	}
	return ""
}

// hides reports whether the target may not be told of an outage because of a private watch list.
func (p *place) hides(r *route, o *bgp.Outage) bool { return p.info.Traits.Public && r.isPrivate(o) }

// before is the delivery with the event that an outage goes on from; nil where there is none.
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
	for d := range p.links[entity] { // a superseded event whose successor had no id yet
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
	return slices.MinFunc(found, older)
}

// begin makes a delivery of a first event.
func (e *Engine) begin(p *place, r *route, ev *Event, in *incoming) {
	d := &Delivery{Target: p.info.Name, Incident: ev.ID, Route: r.Name, Dataset: in.Dataset,
		Subject: target.SubjectOutage, Began: in.now, First: in.Sequence}
	d.place = p
	// the incident began with this event, which was forgotten or went elsewhere
	if old := e.all[d.Key()]; old != nil {
		d = old
		d.FoldedInto, d.Dropped = "", ""
	} else if len(p.byEvent) >= maxOpen*10 {
		e.say("%s is not told of %s: it has been told of too many", p.info.Name, ev.ID)
		return
	}
	e.all[d.Key()] = d
	e.add(d, ev, in)
}

// add puts an event into a delivery.
func (e *Engine) add(d *Delivery, ev *Event, in *incoming) {
	d.Events = append(d.Events, *ev)
	d.EventsTotal++
	e.arrived(d, in)
}

// update gives an event its newest record.
func (e *Engine) update(d *Delivery, in *incoming) {
	i := slices.IndexFunc(d.Events, func(ev Event) bool { return ev.ID == in.ID })
	if i < 0 || in.Sequence <= d.Events[i].Sequence {
		return
	}
	old, ev := d.Events[i], in.event()
	ev.Private, ev.From, ev.Counted = old.Private, old.From, old.Counted
	if len(in.Watch) > 0 { // a public list can become private; a private event stays private
		ev.Private = ev.Private || d.place.route(d.Route).isPrivate(in.Outage)
	}
	if r := d.place.route(d.Route); old.over() && !ev.over() && r.Match.MinMinutes > 0 && !d.knows() {
		ev.From = r.countsFrom(ev.Start)
	}
	// it counted while notify was away
	if active := old.State == bgp.StateOpen; active && ev.over() && !ev.End.Before(ev.From) {
		ev.Counted = true
	}
	d.Events[i] = ev
	e.arrived(d, in)
}

// arrived follows a record into a delivery: others that turn out to be the same incident are folded.
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

// fold moves the events of deliveries into the first. One that the target knows is closed with a pointer to it; others are forgotten.
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
		slices.SortFunc(d.Events, func(a, b Event) int { return wider(&a, &b) })
		// for the words of its last message
		d.FoldedInto, d.Events = into.Incident, slices.Clone(first(d.Events, 1))
		e.change(d)
		e.touch(d)
	}
	into.bound()
	p.link(into, now)
	e.change(into)
	e.touch(into)
}

// closeUnknown tells a pager with keys that an outage is over which began before the target's deliveries were known: it may know of it from before.
func (e *Engine) closeUnknown(p *place, r *route, in *incoming) {
	if !p.info.Traits.Keyed || p.info.Traits.Style != target.Pager || in.State != bgp.StateClosed ||
		in.Blip || !in.Start.Before(p.state.Switch.Began) {
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
	if e.all[d.Key()] != nil {
		return
	}
	e.all[d.Key()] = d
	p.link(d, in.now)
	e.change(d)
	e.touch(d)
}

// passing reports whether the event ended a moment ago for another one that has not come yet.
func (ev *Event) passing(now time.Time) bool {
	return ev.Reason == bgp.EndSuperseded && ev.over() && now.Before(ev.Seen.Add(passing))
}
