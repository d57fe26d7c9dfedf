package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// messageID returns the id of a message of a delivery: 32 hex digits.
func messageID(parts ...any) string {
	h := sha256.Sum256(fmt.Append(nil, parts...))
	return hex.EncodeToString(h[:16])
}

// link returns the URL of an outage.
func (e *Engine) link(id string) string {
	if e.cfg.PublicURL == "" {
		return ""
	}
	return strings.TrimSuffix(e.cfg.PublicURL, "/") + "/outages/" + url.PathEscape(id)
}

// message makes the message of a delivery, and the Told after it.
func (e *Engine) message(d *Delivery, kind target.Kind, now time.Time) (*target.Message, Told) {
	m := &target.Message{
		ID: messageID(d.Key(), " ", d.seed(), " ", d.Told.Number+1), Incident: d.Incident,
		Number: d.Told.Number + 1, Kind: kind, Subject: d.Subject,
		Route: d.Route, Time: d.News, Start: d.Opened, End: d.Ended, Exercise: d.Dataset != live && d.Dataset != "",
	}
	var told Told
	switch {
	case d.Notice != nil:
		told = d.noticeMessage(m)
	case d.Subject == target.SubjectBlind:
		told = e.blindMessage(d, m)
	case d.Subject == target.SubjectStorm:
		told = e.stormMessage(d, m)
	default:
		told = e.incidentMessage(d, m, now)
	}
	switch kind {
	case target.Close, target.TakeBack, target.Notice:
		told.State = bgp.StateClosed
	case target.Open, target.Update, target.Test: // later changes are sent next
		if m.End = (time.Time{}); told.State != bgp.StateSuspected {
			told.State = bgp.StateOpen
		}
	}
	told.Number, told.At = m.Number, now
	return m, told
}

func (d *Delivery) noticeMessage(m *target.Message) Told {
	m.Incident, m.Subject, m.Late, m.Private = "", target.SubjectNone, d.Notice.Late, d.Notice.Private
	m.Exercise = d.Notice.Exercise
	m.Title, m.Headline, m.Summary = d.Notice.Title, d.Notice.Headline, d.Notice.Summary
	m.Post = fit(strings.TrimSuffix(m.Headline, ".") + ".")
	m.Start, m.End = time.Time{}, time.Time{}
	return Told{State: bgp.StateClosed}
}

func (e *Engine) blindMessage(d *Delivery, m *target.Message) Told {
	m.Title = "darkmap is blind"
	m.Severity = bgp.SeverityMajor
	m.Headline, m.Summary = d.Blind.words()
	m.NotMeasuredSince = d.Blind.Since
	t := Told{State: bgp.StateOpen, Severity: m.Severity}
	if m.Kind == target.Close {
		t.State, m.NotMeasuredSince, m.Reason = bgp.StateClosed, time.Time{}, bgp.EndRecovered
		m.Title = "darkmap sees again"
		m.Headline = "darkmap sees again: verdicts are possible since " + stamp(d.Ended)
		m.Summary = fmt.Sprintf(
			"Verdicts are possible again since %s. From %s on there were none: %s. "+
				"Outages that began or ended in between are sent with the next minutes.",
			stamp(d.Ended), stamp(d.Blind.Since), d.Blind.Reason)
	}
	m.Headline, m.Post, m.Summary = headlineSize.Cut(m.Headline), postSize.Cut(m.Summary),
		summarySize.Cut(m.Summary)
	return t
}

func (e *Engine) stormMessage(d *Delivery, m *target.Message) Told {
	g := d.place.stormState(d)
	m.Severity, m.Private, m.EventsTotal = g.severity, g.private, len(g.members)
	var events []*Event
	for _, member := range first(g.members, maxBodies) {
		events = append(events, member.widest())
	}
	m.Events = widestBodies(events, maxBodies)
	g.words(m, e.cfg.Storm.Within)
	if m.Exercise {
		m.Headline, m.Post = headlineSize.Cut(exercise(d.Dataset)+m.Headline), prefixed(exercise(d.Dataset), m.Post)
	}
	if m.Kind == target.Close {
		m.End = d.News
		if g.recovered == len(g.members) {
			m.Reason = bgp.EndRecovered
		}
	}
	return g.said(d)
}

// incidentMessage fills in a message about an incident of outages.
func (e *Engine) incidentMessage(d *Delivery, m *target.Message, now time.Time) Told {
	r := d.place.route(d.Route)
	s := d.standing(r, now)
	told := s.said(d)
	// No event counts any more, so only Told is left.
	if s.top == nil {
		s.top = d.widest()
	}
	top := s.top.outage()
	m.Start, m.Link = d.start(), e.link(s.top.ID)
	m.Severity = s.severity
	if m.Kind == target.Close || m.Kind == target.TakeBack {
		m.End = d.end()
		m.Reason = d.reason(s.top)
		for i := range d.Events {
			if severities[d.Events[i].Severity] > severities[m.Severity] {
				m.Severity = d.Events[i].Severity
			}
		}
	}
	m.EventsTotal = d.EventsTotal
	d.words(m, &s, &top)
	if d.FoldedInto != "" {
		into := d.FoldedInto
		if older := e.all[d.Target+"/"+d.FoldedInto]; older != nil && older.widest() != nil {
			o := older.widest().outage()
			into = named(&o)
		}
		d.pointer(m, into, s.top.Kind)
	}
	d.events(m)
	e.timely(d, m, &s, now)
	e.render(d, m, r)
	return told
}

// events adds the incident's records to a message. It removes the names of private lists for public
// targets.
func (d *Delivery) events(m *target.Message) {
	var counted []*Event
	for i := range d.Events {
		if ev := &d.Events[i]; ev.Counted {
			counted = append(counted, ev)
			m.Private = m.Private || ev.Private
		}
	}
	m.Events = widestBodies(counted, maxBodies)
	if !d.place.info.Traits.Public {
		return
	}
	for i := range m.Events {
		o := &m.Events[i]
		o.Watch = slices.DeleteFunc(o.Watch, func(w bgp.WatchMember) bool { return !w.Public })
		o.Parents = slices.DeleteFunc(o.Parents, func(p bgp.Parent) bool { return p.Type == bgp.EntityWatch })
	}
}

// timely adds to the texts that the news is late or that events are not measured.
func (e *Engine) timely(d *Delivery, m *target.Message, s *standing, now time.Time) {
	if d.Waiting != nil && now.Sub(d.Waiting.Since) > d.place.maxAge() {
		why := d.LateBecause
		if d.LastError != "" {
			why = d.LastError
		}
		late(m, d.Waiting.Since, why)
	}
	var since time.Time
	for _, ev := range s.active {
		for _, f := range bgp.Families {
			if at, _, no := e.sight.unmeasured(f, now); no && f.String() == ev.Family && d.Dataset == live &&
				(since.IsZero() || at.Before(since)) {
				since = at
			}
		}
	}
	if !since.IsZero() {
		unmeasured(m, since)
	}
}

// render writes the texts with the route's template.
func (e *Engine) render(d *Delivery, m *target.Message, r *route) {
	if r.text == nil {
		return
	}
	out, err := render(r.text, m)
	switch {
	case err != nil:
		e.say("the template of route %s failed for %s, so that its message has darkmap's own words: %v",
			r.Name, d.Incident, err)
		m.Summary = summarySize.Cut(
			m.Summary + " (The route's template failed: " + lineSize.Cut(line(err.Error())) + ")")
	case out != "":
		m.Summary, m.Post = summarySize.Cut(out), postSize.Cut(line(out))
	}
}

// start returns the start of the first event that counted; end returns the end of the last one.
func (d *Delivery) start() time.Time {
	var out time.Time
	for i := range d.Events {
		if ev := &d.Events[i]; ev.Counted && (out.IsZero() || ev.Start.Before(out)) {
			out = ev.Start
		}
	}
	return out
}

func (d *Delivery) end() time.Time {
	var out time.Time
	for i := range d.Events {
		out = latest(out, d.Events[i].End)
	}
	if out.IsZero() {
		return d.Ended
	}
	return out
}

// recordMessage makes the message for one record. fetch is the record to be read if the engine no
// longer holds it.
func (e *Engine) recordMessage(d *Delivery, ref *RecordRef) (m *target.Message, fetch *RecordRef) {
	kind := map[bgp.State]target.Kind{
		bgp.StateClosed:    target.Close,
		bgp.StateRetracted: target.TakeBack,
	}[ref.State]
	if kind == "" {
		if kind = target.Update; d.Told.State != bgp.StateOpen && d.Told.State != bgp.StateSuspected {
			kind = target.Open
		}
	}
	ev := &d.Events[0]
	m = &target.Message{
		ID: messageID("record ", d.Target, " ", d.Incident, " ", ref.Sequence), Incident: d.Incident,
		Number: d.Told.Number + 1, Kind: kind,
		Subject: target.SubjectOutage, Route: d.Route, Time: ref.At, Start: ev.Start, Severity: ev.Severity,
		Exercise: d.Dataset != live, Private: ev.Private,
		Link: e.link(d.Incident), EventsTotal: 1,
	}
	x, ok := e.raws.all[position{ref.Partition, ref.Offset}]
	if !ok {
		c := *ref
		return m, &c
	}
	fill(m, x.outage, x.raw)
	return m, nil
}

// fill adds a record and its texts to a message.
func fill(m *target.Message, o *bgp.Outage, raw []byte) {
	m.Record, m.Events, m.Title = raw, []bgp.Outage{*o}, named(o)
	m.Start, m.Severity, m.Reason = o.Start, o.Severity, o.EndReason
	m.Headline, m.Post, m.Summary = line(o.Headline), line(o.Post), o.Summary
	if o.End != nil {
		m.End = *o.End
	}
}

// Complete adds the record that Fetch names to the attempt.
func (a *Attempt) Complete(o *bgp.Outage, raw []byte) {
	fill(a.Message, o, raw)
	a.Fetch = nil
}
