package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// Verdict explains why a route sends an outage to a target, or does not.
type Verdict struct {
	Route  string `json:"route"`
	Target string `json:"target"`
	// Matched means that the route matches the outage. Otherwise Why names the condition that does
	// not hold.
	Matched bool   `json:"matched"`
	Why     string `json:"why,omitempty"`
	// Incident is the incident that contains the outage, if there is one.
	Incident string `json:"incident,omitempty"`
	// Lines describe the handling in the order of time: held back, silenced, moved to another
	// incident, waiting, or sent, with the answer.
	Lines []string `json:"lines,omitempty"`
}

// Explain describes for each route and target how the engine handled the outage with that id. o is
// the newest record of the outage; nil if it is not known.
func (e *Engine) Explain(id string, o *bgp.Outage, now time.Time) []Verdict {
	var out []Verdict
	for _, name := range e.names {
		p := e.places[name]
		d := p.byEvent[id]
		if d == nil {
			d = e.all[name+"/"+id] // its outage was too short
		}
		told := false
		taken := ""
		for _, r := range p.routes {
			v := Verdict{Route: r.Name, Target: name}
			switch why := "no record of it is at hand"; {
			case d != nil && d.Route == r.Name:
				v.Matched, told = true, true
				v.Incident, v.Lines = d.Incident, e.story(d, id, now)
			case o != nil && p.refuses(o) != "":
				v.Why = p.refuses(o)
			case o != nil && r.rejects(o) != "":
				v.Why = r.rejects(o)
			case o != nil && p.hides(r, o):
				v.Why = "anybody can read the target, and the outage is told for a private watch list"
			case d != nil:
				v.Why = "the target hears of it through the route " + d.Route
			case taken != "":
				v.Why = "the target would hear of it through the route " + taken
			case o != nil:
				v.Matched, taken = true, r.Name
				v.Lines = []string{"nothing was told: " + p.whyNotSent(o)}
			default:
				v.Why = why
			}
			out = append(out, v)
		}
		if d != nil && !told {
			out = append(out, Verdict{
				Route: d.Route, Target: name, Matched: true, Incident: d.Incident,
				Lines: append([]string{"the configuration does not have this route for the target any more; " +
					"what it knows is closed nevertheless"}, e.story(d, id, now)...),
			})
		}
	}
	return out
}

// rejects returns the result of mismatch, and also checks the state.
func (r *route) rejects(o *bgp.Outage) string {
	if why := r.mismatch(o); why != "" {
		return why
	}
	if !r.suspected && (o.State == bgp.StateSuspected || o.State == bgp.StateRetracted) {
		return "states: it is " + string(o.State)
	}
	return ""
}

// whyNotSent returns the reason why an outage that a route matches was not sent to the target.
func (p *place) whyNotSent(o *bgp.Outage) string {
	switch {
	case o.Start.Before(p.state.Switch.Began):
		return "it began before the alerts of this target, at " + stamp(p.state.Switch.Began)
	case o.State == bgp.StateClosed:
		return "it is over, and the route did not match while it lasted, or it was forgotten a week after its end"
	}
	return "its record was not read yet"
}

// story describes how an event of a delivery was handled.
func (e *Engine) story(d *Delivery, id string, now time.Time) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if id != d.Incident {
		say("it is part of incident %s", d.Incident)
	}
	// The event may have had an incident of its own that was folded into this one.
	for _, x := range e.all {
		if x.Target == d.Target && x.Incident == id && x.FoldedInto != "" {
			say("its own incident was merged into %s", x.FoldedInto)
			for _, s := range x.Log {
				say("message %d (%s) at %s: %s", s.Number, s.Kind, stamp(s.At), s.Answer)
			}
		}
	}
	if d.Adopted {
		say("it was open when the alerts of this target began, and was told in a notice or not at all")
	}
	for _, s := range d.Log {
		say("message %d (%s) at %s: %s", s.Number, s.Kind, stamp(s.At), s.Answer)
	}
	if d.Held != "" {
		until := ""
		if !d.HeldUntil.IsZero() {
			until = ", until " + stamp(d.HeldUntil)
		}
		say("held by %s: %s%s", d.Hold, d.Held, until)
	}
	switch {
	case d.Parked != "":
		say("parked: %s", d.Parked)
	case d.Dropped != "":
		say("not told: %s", d.Dropped)
	case d.Intent != nil:
		say("message %d (%s) is being sent since %s", d.Intent.Number, d.Intent.Kind, stamp(d.Intent.At))
	case d.Waiting != nil:
		say("waiting (%s): next attempt at %s, after %s%s", d.Waiting.Kind, stamp(latest(d.Due, now)),
			bgp.Count(d.Attempts, "attempt"), because(d.LastError))
	case len(d.Records) > 0:
		say("%s waiting: next attempt at %s%s", verb(len(d.Records), "1 record is",
			bgp.Count(len(d.Records), "record")+" are"), stamp(latest(d.Due, now)), because(d.LastError))
	}
	if d.RecordsParked > 0 {
		say("%s were parked", bgp.Count(d.RecordsParked, "record"))
	}
	if s := d.Told.State; s != untold {
		say("the target knows it as %s since %s", s, stamp(d.Told.At))
	}
	return out
}

func because(err string) string {
	if err == "" {
		return ""
	}
	return "; the last one failed: " + err
}

// Status is the status of a target.
type Status struct {
	Target string `json:"target"`
	// Known means that the configuration has the target. The engine keeps the deliveries of other
	// targets too.
	Known bool `json:"known"`
	// Off is the reason why the target is switched off.
	Off string `json:"off,omitempty"`
	// Open is the number of open incidents that the target knows. Waiting, Held and Parked are the
	// numbers of messages that wait, are held back and were given up.
	Open    int `json:"open"`
	Waiting int `json:"waiting"`
	Held    int `json:"held"`
	Parked  int `json:"parked"`
	// Oldest is the time from which the oldest message has waited.
	Oldest time.Time `json:"oldest,omitzero"`
	// LastSent is the time at which the last attempt to send began. LastError is the last error;
	// empty after a success.
	LastSent  time.Time `json:"last_sent,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	// Throttled is the time until which the target asked for a pause; zero if it did not.
	Throttled time.Time `json:"throttled,omitzero"`
}

// Status returns the status of all targets, sorted by name. It includes targets that have saved
// deliveries but are not in the configuration.
func (e *Engine) Status(now time.Time) []Status {
	byName := map[string]*Status{}
	out := make([]Status, len(e.names))
	for i, name := range e.names {
		p := e.places[name]
		out[i] = Status{Target: name, Known: p.known, Off: p.off(), LastSent: p.lastSent, LastError: p.lastError}
		if p.throttled.After(now) {
			out[i].Throttled = p.throttled
		}
		byName[name] = &out[i]
	}
	for _, d := range e.all {
		if s := byName[d.Target]; s != nil && d.Silence == nil && d.Switch == nil {
			s.add(d)
		}
	}
	return out
}

// add counts a delivery.
func (s *Status) add(d *Delivery) {
	if d.Told.State == bgp.StateOpen || d.Told.State == bgp.StateSuspected {
		s.Open++
	}
	s.Parked += d.RecordsParked
	switch {
	case d.Parked != "":
		s.Parked++
	case d.Hold != NotHeld:
		s.Held += max(1, len(d.Records))
	case d.Waiting != nil || len(d.Records) > 0:
		var since time.Time
		if d.Waiting != nil {
			since = d.Waiting.Since
			s.Waiting++
		} else {
			since = d.Records[0].At
			s.Waiting += len(d.Records)
		}
		if s.Oldest.IsZero() || since.Before(s.Oldest) {
			s.Oldest = since
		}
	}
}

// Parked is a message that was given up.
type Parked struct {
	Target   string         `json:"target"`
	Incident string         `json:"incident"`
	Subject  target.Subject `json:"subject,omitempty"`
	// Why is the reason for which the message was given up. Records counts the records of an outage
	// that were given up.
	Why     string    `json:"why"`
	Records int       `json:"records,omitempty"`
	Since   time.Time `json:"since"`
}

// Parked returns the messages that were given up, the newest first.
func (e *Engine) Parked() []Parked {
	var out []Parked
	for _, d := range e.all {
		if d.Parked == "" && d.RecordsParked == 0 {
			continue
		}
		x := Parked{
			Target: d.Target, Incident: d.Incident, Subject: d.Subject, Why: d.Parked,
			Records: d.RecordsParked, Since: d.News,
		}
		if n := len(d.Log); x.Why == "" && n > 0 {
			x.Why = d.Log[n-1].Answer
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Parked) int {
		if c := b.Since.Compare(a.Since); c != 0 {
			return c
		}
		if a.Target+"/"+a.Incident < b.Target+"/"+b.Incident {
			return -1
		}
		return 1
	})
	return out
}

// Retry schedules another attempt for a message that was given up. It returns nil if there is no
// such message. It cannot send records again that were given up, because they are not kept.
func (e *Engine) Retry(targetName, incident string, now time.Time) *Delivery {
	d := e.all[targetName+"/"+incident]
	if d == nil || d.Parked == "" {
		return nil
	}
	d.Parked, d.Attempts, d.Due = "", 0, now
	d.Told.Number++
	e.change(d)
	e.touch(d)
	return d
}
