package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

const (
	// blindAfter is the time without possible verdicts after which a blind incident opens.
	blindAfter = 5 * time.Minute
	// healthyAge is the age of the newest decided minute from which no family is healthy.
	healthyAge = 3 * time.Minute
	// maxUnmeasured bounds the events that a blind incident lists.
	maxUnmeasured = 20
)

// sight holds whether verdicts are possible in each family, and the newest decided minute.
type sight struct {
	ignored bool
	began   time.Time
	// minute is the newest decided minute.
	minute time.Time
	// since is the time from which no verdicts are possible, by family; why is the reason. A family
	// with verdicts has no entry.
	since map[bgp.Family]time.Time
	why   map[bgp.Family]string
	// asked holds the families that routes of live data take.
	asked []bgp.Family
}

func newSight(places map[string]*place, now time.Time) sight {
	s := sight{began: now, since: map[bgp.Family]time.Time{}, why: map[bgp.Family]string{}}
	for _, f := range bgp.Families {
		for _, p := range places {
			if p.asks(f) {
				s.asked = append(s.asked, f)
				break
			}
		}
	}
	return s
}

// asks reports whether a route of live data to the target takes a family.
func (p *place) asks(f bgp.Family) bool {
	return slices.ContainsFunc(p.routes,
		func(r *route) bool { return r.takesDataset(live) && slices.Contains(r.families(), f) })
}

// IgnoreBlindness switches off the check whether verdicts are possible. Use it for a replay, a demo
// or past records.
func (e *Engine) IgnoreBlindness() { e.sight.ignored = true }

// Families returns the families that routes of live data take.
func (e *Engine) Families() []bgp.Family { return slices.Clone(e.sight.asked) }

// Verdicts sets whether verdicts are possible in a family, as bgp.panel.v1 reports it. If they are
// not, since and reason are the time and the reason.
func (e *Engine) Verdicts(family bgp.Family, possible bool, reason string, since, now time.Time) {
	if possible {
		delete(e.sight.since, family)
		delete(e.sight.why, family)
		return
	}
	if old, ok := e.sight.since[family]; ok && !old.After(since) {
		since = old
	}
	if since.IsZero() || since.After(now) {
		since = now
	}
	e.sight.since[family], e.sight.why[family] = since, lineSize.Cut(reason)
}

// Decided sets the newest minute whose decisions detect has published.
func (e *Engine) Decided(minute, _ time.Time) {
	e.sight.minute = latest(e.sight.minute, minute)
}

// end returns the end of the newest decided minute. If there is none, it returns the start of the
// engine.
func (s *sight) end() time.Time {
	if s.minute.IsZero() {
		return s.began
	}
	return s.minute.Add(time.Minute)
}

// unmeasured returns since when and why a family is not measured. ok is false if it is measured.
func (s *sight) unmeasured(f bgp.Family, now time.Time) (since time.Time, why string, ok bool) {
	if s.ignored {
		return time.Time{}, "", false
	}
	since, ok = s.since[f]
	why = s.why[f]
	if end := s.end(); now.Sub(end) >= blindAfter && (!ok || end.Before(since)) {
		return end, "detect has decided no minute since then", true
	}
	return since, why, ok
}

// Healthy reports whether detect decides the windows of a family. If not, why is the reason, as a
// sentence without its period.
func (e *Engine) Healthy(family bgp.Family, now time.Time) (why string, ok bool) {
	s := &e.sight
	if since, no := s.since[family]; no {
		return family.Title() + ": no verdict is possible since " + stamp(since) + ": " + s.why[family], false
	}
	switch age := now.Sub(s.minute); {
	case s.minute.IsZero():
		return "detect has decided no minute yet", false
	case age >= healthyAge:
		return "the newest minute that detect has decided is " + bgp.DurationText(age) + " old", false
	}
	return "", true
}

// next returns the time of the next check for blindness.
func (s *sight) next(now time.Time) time.Time {
	if s.ignored || len(s.asked) == 0 {
		return time.Time{}
	}
	var out time.Time
	add := func(at time.Time) {
		if at = at.Add(blindAfter); at.After(now) && (out.IsZero() || at.Before(out)) {
			out = at
		}
	}
	add(s.end())
	for _, since := range s.since {
		add(since)
	}
	return out
}

// blindness opens, changes and closes the blind incident of each target that has an open incident
// or is a pager.
func (e *Engine) blindness(now time.Time) {
	for _, name := range e.names {
		p := e.places[name]
		b := e.blindOf(p, now)
		d := p.blind
		switch {
		case b == nil && d == nil:
		case b == nil:
			e.seesAgain(p, now)
		case d == nil && (p.info.Traits.Style == target.Pager || b.Total > 0):
			d = &Delivery{
				Target: name, Incident: "blind-" + b.Since.UTC().Format("20060102T150405Z"),
				Subject: target.SubjectBlind, Dataset: live,
				Began: now, Opened: b.Since, News: now, Blind: b,
			}
			d.place, d.active, p.blind = p, true, d
			e.all[d.Key()] = d
			d.await(target.Open, now, now)
			e.change(d)
			e.touch(d)
		case d != nil && (!d.Ended.IsZero() ||
			strings.Join(d.Blind.Families, " ") != strings.Join(b.Families, " ")):
			d.Blind, d.News, d.Ended, d.active = b, now, time.Time{}, true
			want := target.Update
			if d.Told.State != bgp.StateOpen {
				want = target.Open
			}
			d.await(want, now, now)
			e.change(d)
			e.touch(d)
		}
	}
}

// blindOf returns the families of a target without a verdict for longer than blindAfter; nil if
// there are none.
func (e *Engine) blindOf(p *place, now time.Time) *Blindness {
	var b Blindness
	var why []string
	for _, f := range bgp.Families {
		if !p.asks(f) {
			continue
		}
		since, reason, no := e.sight.unmeasured(f, now)
		if !no || now.Sub(since) < blindAfter {
			continue
		}
		b.Families = append(b.Families, f.String())
		if b.Since.IsZero() || since.Before(b.Since) {
			b.Since = since
		}
		if reason = f.Title() + ": " + reason; !slices.Contains(why, reason) {
			why = append(why, reason)
		}
	}
	if len(b.Families) == 0 {
		return nil
	}
	b.Reason = strings.Join(why, "; ")
	for _, d := range e.told(p) {
		for i := range d.Events {
			if ev := &d.Events[i]; !ev.over() && slices.Contains(b.Families, ev.Family) {
				if b.Total++; len(b.Unmeasured) < maxUnmeasured {
					b.Unmeasured = append(b.Unmeasured, ev.ID)
				}
			}
		}
	}
	return &b
}

// told returns the open incidents that a target knows, in the order of compareAge.
func (e *Engine) told(p *place) []*Delivery {
	found := map[*Delivery]bool{}
	for _, d := range p.byEvent {
		if d.Told.State == bgp.StateOpen || d.Told.State == bgp.StateSuspected {
			found[d] = true
		}
	}
	out := make([]*Delivery, 0, len(found))
	for d := range found {
		out = append(out, d)
	}
	slices.SortFunc(out, compareAge)
	return out
}

// seesAgain closes the blind incident of a target, once.
func (e *Engine) seesAgain(p *place, now time.Time) {
	d := p.blind
	switch {
	case !d.Ended.IsZero(): // the close waits
		return
	case d.Told.State != bgp.StateOpen && !d.Told.Maybe:
		d.unwait()
		p.blind, d.active, d.Dropped = nil, false, "verdicts were possible again before it was told"
	default:
		d.Ended, d.News, d.active = now, now, false
		d.await(target.Close, now, now)
	}
	e.change(d)
	e.touch(d)
}

// words formats the families that are not measured, since when, and the events open meanwhile.
func (b *Blindness) words() (headline, summary string) {
	families := make([]string, len(b.Families))
	for i, f := range b.Families {
		families[i] = strings.Replace(f, "ipv", "IPv", 1)
	}
	headline = "darkmap is blind for " + strings.Join(families, " and ") + " since " + stamp(b.Since)
	summary = fmt.Sprintf("No verdict is possible since %s. %s. Nothing opens and nothing closes meanwhile.",
		stamp(b.Since), b.Reason)
	if b.Total > 0 {
		summary += " " + bgp.Count(b.Total, "open event") + " " + verb(b.Total, "is", "are") +
			" not measured: " + strings.Join(b.Unmeasured, ", ")
		if more := b.Total - len(b.Unmeasured); more > 0 {
			summary += fmt.Sprintf(" and %d more", more)
		}
		summary += "."
	}
	return headline, summary
}
