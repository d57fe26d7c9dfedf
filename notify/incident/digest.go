package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// maxLines is the maximum number of lines of a digest.
const maxLines = 50

// lastDigest returns the time of the last digest of a route. Before the first digest it returns the
// time at which the target began.
func (p *place) lastDigest(r *route) time.Time {
	if at, ok := p.state.Switch.Digests[r.Name]; ok {
		return at
	}
	return p.state.Switch.Began
}

// digests makes the digests that are due.
func (e *Engine) digests(p *place, now time.Time) {
	for _, r := range p.routes {
		if r.digest == nil {
			continue
		}
		since := p.lastDigest(r)
		due := r.digest.next(since)
		if due.After(now) {
			continue
		}
		// Missed digests are merged into one.
		for next := r.digest.next(due); !next.After(now); next = r.digest.next(next) {
			due = next
		}
		if p.state.Switch.Digests == nil {
			p.state.Switch.Digests = map[string]time.Time{}
		}
		p.state.Switch.Digests[r.Name] = due
		e.change(p.state)
		e.digest(p, r, since, due, now)
	}
}

// digest makes one notice about the incidents of a route that began, ended or lasted since the last
// digest.
func (e *Engine) digest(p *place, r *route, since, due, now time.Time) {
	var began, ended, lasting []string
	n := Notice{Title: "Digest of " + r.Name, Exercise: true}
	for _, d := range e.ofRoute(p, r.Name) {
		s := d.standing(r, now)
		if s.top == nil || d.FoldedInto != "" || s.state == bgp.StateClosed && d.Told.State == bgp.StateClosed {
			continue
		}
		o := s.top.outage()
		text := line(o.Headline)
		if text == "" {
			text = named(&o)
		}
		if rest := d.remainder(&s, &o); rest != "" {
			text = rest
		}
		switch {
		case s.state == bgp.StateClosed:
			ended = append(ended, text)
		case d.Told.State == untold:
			began = append(began, text)
		default:
			lasting = append(lasting, text)
		}
		n.Private, n.Exercise = n.Private || s.top.Private, n.Exercise && d.Dataset != live
		number := d.Told.Number + 1
		d.Told = s.said(d)
		d.Told.Number, d.Told.At = number, now
		e.change(d)
		e.touch(d)
	}
	n.Exercise = n.Exercise && len(began)+len(ended)+len(lasting) > 0
	n.Headline = fmt.Sprintf("Since %s: %s began, %s ended, %s that began earlier %s on", stamp(since),
		bgp.Count(len(began), "outage"), bgp.Count(len(ended), "outage"), bgp.Count(len(lasting), "outage"),
		verb(len(lasting), "goes", "go"))
	n.Summary = n.Headline + "." + list("Began and go on", began) + list("Ended", ended) +
		list("Began earlier and go on", lasting)
	e.notice(p, r, "digest-"+r.Name+"-"+due.UTC().Format("20060102T1504Z"), n, due, now)
}

// list formats lines below a title.
func list(title string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	out := "\n\n" + title + ":\n- " + strings.Join(first(lines, maxLines), "\n- ")
	if more := len(lines) - maxLines; more > 0 {
		out += fmt.Sprintf("\n- and %d more", more)
	}
	return out
}

// ofRoute returns the incidents of a route at a target, the oldest first.
func (e *Engine) ofRoute(p *place, name string) []*Delivery {
	var out []*Delivery
	for _, d := range e.all {
		if d.place == p && d.Route == name && d.Subject == target.SubjectOutage && d.Notice == nil {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, compareAge)
	return out
}

// notice schedules a message without an incident, after the quiet hours of its route.
func (e *Engine) notice(p *place, r *route, id string, n Notice, news, now time.Time) {
	n.Title, n.Headline, n.Summary = headlineSize.Cut(n.Title), headlineSize.Cut(n.Headline),
		summarySize.Cut(n.Summary)
	d := &Delivery{
		Target: p.info.Name, Incident: id, Route: r.Name, Subject: target.SubjectNone,
		Began: now, News: news, Notice: &n,
	}
	d.place = p
	if e.all[d.Key()] != nil || e.crowded(p, id) {
		return
	}
	e.all[d.Key()] = d
	d.await(target.Notice, news, latest(now, r.quiet.until(now, ungraded)))
	e.change(d)
	e.touch(d)
}

// lateLine is a line about an incident that was over before its first message.
type lateLine struct {
	d    *Delivery
	text string
	why  string
}

// tellMissed stores the line of an incident for lateNotices.
func (e *Engine) tellMissed(d *Delivery, r *route, s *standing, now time.Time) {
	o := s.top.outage()
	why := "the target took no message"
	switch {
	case !r.quiet.until(d.Opened, s.severity).IsZero():
		why = "of the quiet hours"
	case d.LastError != "":
		why = "the target took no message: " + d.LastError
	case now.Sub(d.Ended) > d.place.groupWait(r):
		why = "notify did not run or could not send"
	}
	text := named(&o) + " " + pastState(&o) + " " + period(d.start(), d.end())
	if reason := d.reason(s.top); reason != bgp.EndRecovered {
		text = fmt.Sprintf("%s %s from %s on and %s at %s", named(&o), pastState(&o), stamp(d.start()),
			ending(o.Kind, reason), stamp(d.end()))
	}
	d.place.late = append(d.place.late, lateLine{d, exercise(d.Dataset) + text, why})
}

// lateNotices makes messages about missed incidents: one for each line, or a single one if there
// are too many.
func (e *Engine) lateNotices(now time.Time) {
	for _, name := range e.names {
		p := e.places[name]
		all := p.late
		p.late = nil
		if len(all) > e.cfg.Storm.MoreThan {
			n := Notice{
				Title: bgp.Count(len(all), "outage") + " that are over", Late: true, Exercise: true,
				Headline: "Told late: " + bgp.Count(len(all), "outage") + " began and ended while nothing was told",
			}
			lines := make([]string, len(all))
			for i, l := range all {
				lines[i] = l.text + " (told late because " + l.why + ")"
				n.Private, n.Exercise = n.Private || l.private(), n.Exercise && l.d.Dataset != live
			}
			n.Summary = n.Headline + "." + list("They were", lines)
			e.notice(p, p.route(all[0].d.Route),
				"late-"+all[0].d.Incident+"-"+now.UTC().Format("20060102T150405Z"), n, now, now)
			continue
		}
		for _, l := range all {
			n := Notice{
				Title: "Over before it was sent", Late: true, Headline: l.text + ", told late",
				Summary: l.text + ", told late because " + l.why + ".",
				Private: l.private(), Exercise: l.d.Dataset != live,
			}
			e.notice(p, p.route(l.d.Route), fmt.Sprintf("late-%s-%d", l.d.Incident, l.d.Ended.Unix()), n,
				l.d.Ended, now)
		}
	}
}

func (l *lateLine) private() bool {
	return slices.ContainsFunc(l.d.Events, func(ev Event) bool { return ev.Private })
}

// Adopt takes the outages that are open at a first run. Each chat gets one notice about all of
// them. Outages that ended before are not sent. When an adopted incident ends, the close is sent to
// the targets that got the notice. It is also sent to keyed targets (target.Traits), because they
// may know the incident from before.
func (e *Engine) Adopt(open []*bgp.Outage, now time.Time) []*Delivery {
	open = slices.DeleteFunc(slices.Clone(open), func(o *bgp.Outage) bool { return o.State != bgp.StateOpen })
	slices.SortFunc(open, func(a, b *bgp.Outage) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, o := range open {
		e.Record(o, nil, RecordRef{Partition: -1, At: now}, now)
	}
	for _, name := range e.names {
		e.adoptAt(e.places[name], now)
	}
	e.first = false
	return e.Advance(now)
}

// adoptAt marks the open outages as known to a target.
func (e *Engine) adoptAt(p *place, now time.Time) {
	var open []*Delivery
	for _, d := range e.all {
		if d.place != p || d.Subject != target.SubjectOutage {
			continue
		}
		if p.records() {
			p.waiting -= len(d.Records)
			d.Records, d.Adopted, d.Events[0].Counted = nil, true, true
			d.Told = Told{State: bgp.StateOpen}
			continue
		}
		r := p.route(d.Route)
		s := d.standing(r, now)
		if s.state != bgp.StateOpen || p.info.Traits.Style == target.Feed || r.digest != nil {
			continue
		}
		d.Adopted, d.Opened = true, d.News
		d.Told = s.said(d)
		open = append(open, d)
	}
	if p.info.Traits.Style != target.Chat || len(p.routes) == 0 {
		return
	}
	n := p.listOpen("Alerts begin", " Outages that began before are not sent again. Their ends are sent.",
		open, now)
	e.notice(p, p.routes[0], "begin-"+now.UTC().Format("20060102T150405Z"), n, now, now)
}

// listOpen returns a notice of open incidents. Its headline begins with the title. sentences follow
// the headline, each after a space.
func (p *place) listOpen(title, sentences string, open []*Delivery, now time.Time) Notice {
	all := Notice{Title: title, Headline: title + ": nothing is open", Exercise: len(open) > 0}
	var lines []string
	for _, r := range p.routes {
		var ofRoute []string
		for _, d := range open {
			s := d.standing(r, now)
			if d.Route != r.Name || s.top == nil {
				continue
			}
			o := s.top.outage()
			ofRoute = append(ofRoute, cmp.Or(line(o.Headline), named(&o)))
			all.Private, all.Exercise = all.Private || s.top.Private, all.Exercise && d.Dataset != live
		}
		slices.Sort(ofRoute)
		lines = append(lines, ofRoute...)
	}
	if n := len(lines); n > 0 {
		all.Headline = title + ": " + bgp.Count(n, "incident") + " " + verb(n, "is", "are") + " open"
	}
	all.Summary = all.Headline + "." + sentences + list("Open", lines)
	return all
}
