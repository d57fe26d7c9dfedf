package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// storms reports whether a storm covers an incident that would be sent now. A storm begins when
// more than storm.more_than incidents have opened within storm.within. It takes all of them that
// the target does not know yet.
func (e *Engine) storms(d *Delivery, r *route, now time.Time) bool {
	p := d.place
	if p.info.Traits.Style == target.Feed || r.digest != nil {
		return false
	}
	if d.Storm != "" && e.all[p.info.Name+"/"+d.Storm] == nil {
		e.leave(d)
	}
	if d.Storm == "" && d.Told.State == untold {
		e.gather(d, now)
	}
	if d.Storm == "" {
		return false
	}
	d.Hold, d.Held = HoldStorm, "one message tells of many incidents: "+d.Storm
	return true
}

// gather joins the recently opened incidents into a storm if there are too many.
func (e *Engine) gather(d *Delivery, now time.Time) {
	p := d.place
	oldest := d.Opened.Add(-e.cfg.Storm.Within)
	p.opened = slices.DeleteFunc(p.opened, func(o *Delivery) bool {
		return o.Tombstone || o.FoldedInto != "" || o.Opened.Before(oldest.Add(-e.cfg.Storm.Within))
	})
	var recent []*Delivery
	seen := make(map[*Delivery]bool, len(p.opened))
	// An incident that opened again occurs twice in p.opened.
	for _, o := range p.opened {
		if !seen[o] && o.Opened.After(oldest) && !e.quiet(o, now) {
			seen[o], recent = true, append(recent, o)
		}
	}
	if len(recent) <= e.cfg.Storm.MoreThan {
		return
	}
	if p.storm == nil || p.storm.Told.State == bgp.StateClosed {
		p.storm = &Delivery{
			Target: p.info.Name, Incident: "storm-" + d.Incident + "-" + now.UTC().Format("20060102T150405Z"),
			Route: d.Route, Dataset: d.Dataset, Subject: target.SubjectStorm, Began: now,
			Opened: d.Opened, News: d.News,
		}
		p.storm.place = p
		e.all[p.storm.Key()] = p.storm
		e.change(p.storm)
	}
	for _, o := range recent {
		if o.Storm == "" && !o.knows() && o.Told.State == untold && o.Dataset == p.storm.Dataset {
			p.join(o, p.storm.Incident)
			e.change(o)
			e.touch(o)
		}
	}
	e.touch(p.storm)
}

// quiet reports whether an incident is sent later or not at all, independent of a storm.
func (e *Engine) quiet(d *Delivery, now time.Time) bool {
	r := d.place.route(d.Route)
	if r.digest != nil || d.Dropped != "" {
		return true
	}
	s := d.standing(r, now)
	return e.silenced(d, &s, now) != nil || !r.quiet.until(now, s.severity).IsZero()
}

// join makes an incident a member of a storm.
func (p *place) join(d *Delivery, storm string) {
	d.Storm = storm
	if p.members[storm] == nil {
		p.members[storm] = map[*Delivery]bool{}
	}
	p.members[storm][d] = true
}

// leave removes an incident from its storm.
func (e *Engine) leave(d *Delivery) {
	if d.Storm == "" {
		return
	}
	delete(d.place.members[d.Storm], d)
	if storm := e.all[d.Target+"/"+d.Storm]; storm != nil {
		e.touch(storm)
	}
	d.Storm = ""
}

// stormState is the state of a storm.
type stormState struct {
	members, active []*Delivery // the widest first
	recovered       int
	severity        bgp.Severity
	private         bool
}

// widest returns the widest event of an incident; nil if there is none.
func (d *Delivery) widest() *Event {
	var out *Event
	for i := range d.Events {
		if ev := &d.Events[i]; out == nil || compareWidth(ev, out) < 0 {
			out = ev
		}
	}
	return out
}

func (p *place) stormState(storm *Delivery) stormState {
	var g stormState
	for d := range p.members[storm.Incident] {
		if len(d.Events) > 0 {
			g.members = append(g.members, d)
		}
	}
	slices.SortFunc(g.members, func(a, b *Delivery) int {
		return cmp.Or(compareWidth(a.widest(), b.widest()), compareAge(a, b))
	})
	for _, d := range g.members {
		for i := range d.Events {
			g.private = g.private || d.Events[i].Private
			if s := d.Events[i].Severity; severities[s] > severities[g.severity] {
				g.severity = s
			}
		}
		switch {
		case d.active:
			g.active = append(g.active, d)
		case d.reason(d.widest()) == bgp.EndRecovered:
			g.recovered++
		}
	}
	return g
}

// decideStorm decides on a storm. It opens the storm, updates the number of incidents at intervals,
// and closes it with its last member.
func (e *Engine) decideStorm(d *Delivery, now time.Time) {
	p := d.place
	g := p.stormState(d)
	d.active = len(g.active) > 0
	told := d.Told.State == bgp.StateOpen
	for _, m := range g.members {
		d.News = latest(d.News, m.News)
	}
	switch {
	case d.active && !told:
		d.await(target.Open, d.News, now)
	case d.active && d.Told.Hash != g.hash():
		due := d.Told.At.Add(e.cfg.Storm.Within)
		if len(g.active) > 0 && g.active[0].widest().entity() != d.Told.Entity &&
			ranks[g.active[0].widest().Type] > ranks[bgp.EntityAS] {
			due = d.Told.At.Add(time.Minute)
		}
		d.await(target.Update, d.News, latest(due, now))
	case d.active:
		d.unwait()
	case told || d.Told.Maybe:
		d.await(target.Close, d.News, now)
	default:
		if d.Waiting != nil && p.info.Traits.Style == target.Chat && len(g.members) > 0 {
			p.late = append(p.late, lateLine{d, exercise(d.Dataset) + bgp.Count(len(g.members), "outage") +
				" that began close together are over", "the target took no message"})
		}
		d.unwait()
		if d == p.storm {
			p.storm = nil
		}
		e.expire(d, now)
	}
}

func (g *stormState) hash() string { return fmt.Sprintf("%d of %d", len(g.active), len(g.members)) }

// said returns the Told after a message about the storm.
func (g *stormState) said(d *Delivery) Told {
	t := d.Told
	t.State, t.Maybe, t.Hash, t.Severity = bgp.StateOpen, false, g.hash(), g.severity
	if len(g.active) > 0 {
		t.Entity = g.active[0].widest().entity()
	} else {
		t.State = bgp.StateClosed
	}
	return t
}
