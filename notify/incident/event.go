package incident

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// The bounds of a delivery. They keep its JSON below 512 KiB.
const (
	// maxEvents bounds the events of an incident, maxBodies those that keep their record.
	maxEvents, maxBodies = 500, 100
	// maxBody bounds a record in an incident, in octets.
	maxBody = 2560
	// maxParents bounds the parents of an event.
	maxParents = 4
	// maxLog bounds the answers that are kept.
	maxLog = 10
)

// codeSize bounds names and ids in records. detect keeps to this bound.
var codeSize = plaintext.Size{Graphemes: 100, Octets: 200}

// ranks orders entity types by their place in a title. detect ranks a watch list above all others.
// Here it comes after the AS, so that the incident of an AS keeps the AS as its title.
var ranks = map[bgp.EntityType]int{
	bgp.EntityPrefix: 1, bgp.EntityWatch: 2, bgp.EntityAS: 3,
	bgp.EntityRegion: 4, bgp.EntityCountry: 5, bgp.EntityWorld: 6,
}

// severities orders severities.
var severities = map[bgp.Severity]int{
	bgp.SeverityMinor: 1, bgp.SeverityModerate: 2,
	bgp.SeverityMajor: 3, bgp.SeverityTotal: 4,
}

// newEvent returns the event of a record for an incident. All incidents share body.
func newEvent(o *bgp.Outage, body json.RawMessage, at time.Time) Event {
	ev := Event{
		ID: o.ID, Type: o.Entity.Type, Code: codeSize.Cut(o.Entity.Code), Family: o.Family, Kind: o.Kind,
		State: o.State, Severity: o.Severity, Sequence: o.Sequence,
		Start: o.Start, Reason: o.EndReason, Successor: o.Successor, Lost: o.Now.LostPrefixes, Seen: at, Body: body,
	}
	if o.End != nil {
		ev.End = *o.End
	}
	for _, m := range o.Watch {
		if len(ev.Watch) < maxParents && !slices.Contains(ev.Watch, m.List) {
			ev.Watch = append(ev.Watch, codeSize.Cut(m.List))
		}
	}
	for _, p := range o.Parents {
		if p.Type != bgp.EntityWatch && len(ev.Parents) < maxParents {
			ev.Parents = append(ev.Parents, Parent{Type: p.Type, Code: codeSize.Cut(p.Code), ID: p.ID})
		}
	}
	return ev
}

// over reports whether the event has ended.
func (ev *Event) over() bool { return ev.State == bgp.StateClosed || ev.State == bgp.StateRetracted }

// entity returns the key of the entity.
func (ev *Event) entity() string { return ev.Type.String() + "/" + ev.Code }

// outage returns the kept record, or an outage made from the event's fields.
func (ev *Event) outage() bgp.Outage {
	o := bgp.Outage{
		ID: ev.ID, Sequence: ev.Sequence, Kind: ev.Kind, State: ev.State, Family: ev.Family,
		Entity: bgp.Entity{Type: ev.Type, Code: ev.Code},
		Start:  ev.Start, Severity: ev.Severity, EndReason: ev.Reason,
	}
	if ev.Body != nil {
		_ = json.Unmarshal(ev.Body, &o) // written by shorten
	}
	return o
}

// shorten returns a record's JSON with at most maxBody octets. It cuts lists first, then evidence,
// then texts.
func shorten(o *bgp.Outage) json.RawMessage {
	c := *o
	c.Previous = nil
	var body []byte
	for _, cut := range []func(){
		func() {},
		func() {
			c.LostPrefixes, c.SurvivingPrefixes, c.Gaps = first(c.LostPrefixes, 10), nil, nil
			c.Origins, c.Upstreams, c.Countries = first(c.Origins, 5), nil, first(c.Countries, 10)
			c.Watch = shortHosts(c.Watch, 6)
		},
		func() { c.Evidence = bgp.Evidence{} },
		func() { c.Watch, c.Unexpected = shortHosts(first(c.Watch, 5), 2), first(c.Unexpected, 3) },
		func() {
			c.Notes, c.LostPrefixes, c.Origins, c.Parents = nil, nil, first(c.Origins, 1), first(c.Parents, maxParents)
			c.Summary = plaintext.Size{Graphemes: 500, Octets: 800}.Cut(c.Summary)
		},
		func() {
			c.Entity.Name, c.Entity.Code = codeSize.Cut(c.Entity.Name), codeSize.Cut(c.Entity.Code)
			c.Watch, c.Unexpected, c.Origins, c.Countries, c.Parents = nil, nil, nil, nil, nil
			c.Headline, c.Post, c.Summary = headlineSize.Cut(c.Headline), postSize.Cut(c.Post), postSize.Cut(c.Summary)
		},
	} {
		cut()
		var err error
		if body, err = json.Marshal(&c); err != nil {
			return nil
		}
		if len(body) <= maxBody {
			return body
		}
	}
	return nil
}

// shortHosts returns the members with at most n addresses of each host.
func shortHosts(all []bgp.WatchMember, n int) []bgp.WatchMember {
	out := slices.Clone(all)
	for i := range out {
		if h := out[i].Host; h != nil {
			short := *h
			short.Addresses = first(h.Addresses, n)
			out[i].Host = &short
		}
	}
	return out
}

// first returns the first n elements of a list.
func first[T any](all []T, n int) []T { return all[:min(n, len(all))] }

// compareWidth orders events for a message: by width of the entity, then by severity, start and id.
func compareWidth(a, b *Event) int {
	if c := ranks[b.Type] - ranks[a.Type]; c != 0 {
		return c
	}
	if c := severities[b.Severity] - severities[a.Severity]; c != 0 {
		return c
	}
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	if a.ID < b.ID {
		return -1
	}
	return 1
}

// bound keeps the events of a delivery within its bounds. If there are too many, the narrowest
// ended events are removed first, and only the widest keep their records.
func (d *Delivery) bound() {
	if len(d.Events) <= maxBodies {
		return
	}
	slices.SortFunc(d.Events, func(a, b Event) int {
		if a.over() != b.over() {
			if a.over() {
				return 1
			}
			return -1
		}
		return compareWidth(&a, &b)
	})
	d.Events = first(d.Events, maxEvents)
	for i := range d.Events[maxBodies:] {
		ev := &d.Events[maxBodies+i]
		ev.Body, ev.Parents = nil, first(ev.Parents, 1)
	}
}
