package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/notify/target"
)

// The bounds of texts (target.Message).
var (
	headlineSize = plaintext.Size{Graphemes: 130, Octets: 400}
	postSize     = plaintext.Size{Graphemes: 250, Octets: 800}
	summarySize  = plaintext.Size{Graphemes: 2500, Octets: 8000}
	nameSize     = plaintext.Size{Graphemes: 40, Octets: 160}
	lineSize     = plaintext.Size{Graphemes: 200, Octets: 400}
)

// caveat ends every post that detect did not write.
const caveat = "Seen in routes alone; service can differ."

// stamp formats a time for a sentence.
func stamp(t time.Time) string { return t.UTC().Format("15:04 UTC, 2 Jan 2006") }

// period formats a time from begin to end.
func period(begin, end time.Time) string {
	begin, end = begin.UTC(), end.UTC()
	if begin.Format(time.DateOnly) != end.Format(time.DateOnly) {
		return "from " + stamp(begin) + " to " + stamp(end)
	}
	return begin.Format("15:04") + "-" + end.Format("15:04") + " UTC on " + end.Format("2 Jan 2006")
}

// verb returns the singular or plural form of a verb.
func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// named returns the usual name of an entity.
func named(o *bgp.Outage) string {
	name := nameSize.Cut(plaintext.Clean(o.Entity.Name))
	code := codeSize.Cut(plaintext.Clean(o.Entity.Code))
	switch {
	case o.Entity.Type == bgp.EntityAS && name != "":
		return code + " " + name
	case o.Entity.Type == bgp.EntityWorld:
		return "The world"
	case o.Entity.Type == bgp.EntityCountry && bgp.CountryName(code) != "":
		return bgp.CountryName(code)
	case name != "":
		return name
	}
	return code
}

// nouns are the words for counting entities of each type, the widest type first.
var nouns = []struct {
	t    bgp.EntityType
	noun string
}{
	{bgp.EntityWorld, "world"},
	{bgp.EntityCountry, "country"},
	{bgp.EntityRegion, "region"},
	{bgp.EntityAS, "network"},
	{bgp.EntityPrefix, "prefix"},
	{bgp.EntityWatch, "watch list"},
}

// count formats the number of entities of each type, such as "3 networks, 41 prefixes". n is the
// total.
func count(events []*Event, except string) (text string, n int) {
	entities := map[bgp.EntityType]map[string]bool{}
	for _, ev := range events {
		if ev.entity() == except {
			continue
		}
		if entities[ev.Type] == nil {
			entities[ev.Type] = map[string]bool{}
		}
		entities[ev.Type][ev.Code] = true
	}
	var parts []string
	for _, x := range nouns {
		if k := len(entities[x.t]); k > 0 {
			parts, n = append(parts, bgp.Count(k, x.noun)), n+k
		}
	}
	return strings.Join(parts, ", "), n
}

// isLoss reports whether events of kind k are losses of routes that end when the routes are back.
func isLoss(k bgp.Kind) bool { return k == bgp.KindOutage || k == unnamed }

// areLosses reports whether all events are such losses.
func areLosses(events []*Event) bool {
	return !slices.ContainsFunc(events, func(ev *Event) bool { return !isLoss(ev.Kind) })
}

// pastState describes the state of an entity in an event that is over.
func pastState(o *bgp.Outage) string {
	switch {
	case isLoss(o.Kind) && o.Peak.LossPercent >= 10000:
		return "was dark"
	case o.Kind == bgp.KindIntermittent:
		return "was flapping"
	}
	return "had " + withArticle(kindName(o.Kind))
}

// kindName returns the words for a kind.
func kindName(k bgp.Kind) string {
	switch k {
	case bgp.KindPartial:
		return "partial loss"
	case bgp.KindIntermittent:
		return "flapping"
	case bgp.KindMoved:
		return "change of origin"
	case bgp.KindOrigin:
		return "unexpected origin"
	case bgp.KindOutage:
	}
	return "loss of routes"
}

// ending describes how an entity's event ended. Only the reason recovered counts as back.
func ending(k bgp.Kind, r bgp.EndReason) string {
	switch r {
	case bgp.EndRecovered:
		if isLoss(k) {
			return "is back"
		}
		return "is as usual again"
	case bgp.EndSuperseded:
		return "goes on as another event"
	case bgp.EndNewNormal:
		return "stays as it is: that is the usual state now"
	case bgp.EndLeftTable:
		return "left the table"
	case bgp.EndCovered:
		return "is covered by other routes of its usual origin"
	case bgp.EndRemoved:
		return "was removed from the configuration"
	case bgp.EndLostSight:
		return "was lost from sight"
	case bgp.NotEnded:
	}
	return "has ended"
}

// remainder lists the parts whose events go on although that of the widest entity is over: "Syria is
// back; 3 networks, 41 prefixes are not".
func (d *Delivery) remainder(s *standing, top *bgp.Outage) string {
	if !s.rest {
		return d.halfBack(s, top)
	}
	text, n := count(s.active, "")
	reason := d.reason(s.top)
	if reason == bgp.EndRecovered && isLoss(top.Kind) && areLosses(s.active) {
		return named(top) + " is back; " + text + " " + verb(n, "is not", "are not")
	}
	return named(top) + " " + ending(top.Kind, reason) + "; " + text + " " + verb(n, "goes on", "go on")
}

// halfBack describes that the widest entity's event goes on in one family and is over in the other.
// It is empty if that is not so, or if the target knows it.
func (d *Delivery) halfBack(s *standing, top *bgp.Outage) string {
	if len(s.active) == 0 {
		return ""
	}
	var over *Event
	for i := range d.Events {
		if ev := &d.Events[i]; ev.Counted && ev.over() && ev.entity() == s.top.entity() &&
			strings.Contains(d.Told.Families, familyTitle(ev.Family)) &&
			!strings.Contains(s.families, familyTitle(ev.Family)) && (over == nil || ev.End.After(over.End)) {
			over = ev
		}
	}
	if over == nil {
		return ""
	}
	rest := "goes on"
	if over.Reason == bgp.EndRecovered && isLoss(over.Kind) && isLoss(s.top.Kind) {
		rest = "is not"
	}
	return fmt.Sprintf("%s: %s %s; %s %s", named(top), familyTitle(over.Family),
		ending(over.Kind, over.Reason), s.families, rest)
}

// familyTitle returns the name of a family for texts: IPv4.
func familyTitle(name string) string {
	for _, f := range bgp.Families {
		if f.String() == name {
			return f.Title()
		}
	}
	return name
}

// words sets the texts of a message about an incident: detect's texts on the widest event, with
// additions.
func (d *Delivery) words(m *target.Message, s *standing, top *bgp.Outage) {
	m.Title = named(top)
	m.Headline, m.Post, m.Summary = line(top.Headline), line(top.Post), plaintext.CleanLines(top.Summary)
	m.Remainder = d.remainder(s, top)
	if m.Headline == "" {
		m.Headline = headlineSize.Cut(m.Title + ": " + plainState(s, top))
	}
	if m.Post == "" {
		m.Post = postSize.Cut(m.Headline + ". " + caveat)
	}
	if m.Summary == "" {
		m.Summary = m.Post
	}
	switch {
	case m.Remainder != "":
		m.Headline = headlineSize.Cut(exercise(d.Dataset) + m.Remainder)
		m.Post = fit(exercise(d.Dataset) + m.Remainder + ".")
		m.Summary = m.Remainder + ". " + m.Summary
	case len(s.active) > 0:
		if len(strings.Fields(s.families)) > 1 {
			m.Summary += " Routes of " + strings.Join(strings.Fields(s.families), " and ") + " are concerned."
		}
		if text, n := count(s.active, s.top.entity()); n > 0 {
			m.Summary += " Also open: " + text + "."
		}
		if top.Now != top.Peak && top.Peak.LossPercent > 0 {
			what := "is lost"
			if top.Kind == bgp.KindMoved {
				what = "has moved"
			}
			m.Summary += fmt.Sprintf(" Now %s %% of it %s (%s), at worst %s %% (%s).",
				top.Now.LossPercent, what, bgp.Count(top.Now.LostPrefixes, "prefix"),
				top.Peak.LossPercent, bgp.Count(top.Peak.LostPrefixes, "prefix"))
		}
	case m.End.Sub(s.top.End) >= time.Minute && !s.top.End.IsZero():
		m.Summary += " The last event in it ended at " + stamp(m.End) + "."
	}
	m.Summary = summarySize.Cut(m.Summary)
}

// plainState returns the fact of a headline that detect did not write.
func plainState(s *standing, top *bgp.Outage) string {
	if len(s.active) > 0 {
		return kindName(top.Kind) + " since " + stamp(top.Start)
	}
	return ending(top.Kind, top.EndReason)
}

// line returns a text of detect as one line.
func line(s string) string { return plaintext.Clean(s) }

// exercise returns the prefix of texts that detect did not write and that are about data that are
// not live.
func exercise(dataset string) string {
	if dataset == live || dataset == "" {
		return ""
	}
	return "Exercise (" + nameSize.Cut(plaintext.Clean(dataset)) + "): "
}

// fit makes a post from sentences. The post always ends with the caveat.
func fit(s string) string {
	if postSize.Holds(s + " " + caveat) {
		return s + " " + caveat
	}
	short := plaintext.Size{
		Graphemes: postSize.Graphemes - len(caveat) - 1,
		Octets:    postSize.Octets - len(caveat) - 1,
	}
	return short.Cut(s) + " " + caveat
}

// pointer sets the texts of the last message of an incident that was folded into an older one.
func (d *Delivery) pointer(m *target.Message, into string, kind bgp.Kind) {
	m.Reason = bgp.EndSuperseded
	lasts := m.Title + " goes on"
	if isLoss(kind) {
		lasts = m.Title + " is not back"
	}
	m.Headline = headlineSize.Cut(
		exercise(d.Dataset) + m.Title + ": told together with " + into + " from now on")
	m.Post = fit(
		exercise(d.Dataset) + lasts + ". It is told together with " + into + " from now on.")
	m.Summary = lasts + ". It turned out to be a part of the incident of " + into + " (" +
		d.FoldedInto + "), which was told before, and is told there from now on."
}

// late adds to all texts of a message that it is late, and why.
func late(m *target.Message, since time.Time, why string) {
	m.Late = true
	m.Headline = headlineSize.Cut("Told late: " + m.Headline)
	said := "Told late (news of " + stamp(since)
	if why != "" {
		said += "; " + why
	}
	said = lineSize.Cut(said + ")")
	m.Summary = summarySize.Cut(said + ". " + m.Summary)
	m.Post = prefixed("Told late. ", m.Post)
}

// prefixed adds words before a post. It keeps the caveat at the end of the post.
func prefixed(before, post string) string {
	if postSize.Holds(before + post) {
		return before + post
	}
	if body, ok := strings.CutSuffix(post, caveat); ok {
		return fit(before + strings.TrimSpace(body))
	}
	return postSize.Cut(before + post)
}

// unmeasured adds to the texts since when the events are not measured.
func unmeasured(m *target.Message, since time.Time) {
	m.NotMeasuredSince = since
	said := "Not measured since " + stamp(since) + "."
	m.Post = prefixed(said+" ", m.Post)
	m.Summary = summarySize.Cut(said + " " + m.Summary)
}

// words sets the texts of a storm.
func (g *stormState) words(m *target.Message, within time.Duration) {
	n := len(g.members)
	m.Title = bgp.Count(n, "outage") + " within " + bgp.DurationText(within)
	var names []string
	for _, d := range first(g.members, 10) {
		o := d.widest().outage()
		names = append(names, named(&o))
	}
	widest := ""
	if len(names) > 0 {
		widest = " The widest: " + names[0] + "."
	}
	switch {
	case m.Kind == target.Close && g.recovered == n:
		m.Headline = bgp.Count(n, "outage") + " that began close together: all have recovered."
	case m.Kind == target.Close:
		m.Headline = fmt.Sprintf("%s that began close together: all have ended, %d of them recovered.",
			bgp.Count(n, "outage"), g.recovered)
	default:
		m.Headline = fmt.Sprintf("%s began close together; %d %s.", bgp.Count(n, "outage"), len(g.active),
			verb(len(g.active), "lasts", "last"))
	}
	m.Post = fit(m.Headline + widest)
	m.Summary = summarySize.Cut(m.Headline + " Among them, the widest first: " +
		strings.Join(names, ", ") + ". They are told together, as one storm, and not one by one.")
	m.Headline = headlineSize.Cut(m.Headline)
}

// widestBodies returns the newest records of the incident's events, the widest first.
func widestBodies(events []*Event, n int) []bgp.Outage {
	slices.SortFunc(events, compareWidth)
	out := make([]bgp.Outage, 0, min(n, len(events)))
	for _, ev := range first(events, n) {
		out = append(out, ev.outage())
	}
	return out
}
