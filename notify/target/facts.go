package target

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Fact is one line of a message besides its texts: "Seen by", "45 voters on 12 collectors". Both
// parts are plain text of one line.
type Fact struct{ Name, Text string }

// Key returns the name as a map key: seen_by.
func (f Fact) Key() string { return strings.ReplaceAll(strings.ToLower(f.Name), " ", "_") }

// maxMembers is the maximum number of watch list members in a fact.
const maxMembers = 5

// Facts returns the facts of the incident in display order. It leaves out facts that do not apply
// or are unknown. The figures are those of the widest event.
func (m *Message) Facts() []Fact {
	var all []Fact
	add := func(name, text string) {
		if text != "" {
			all = append(all, Fact{name, text})
		}
	}
	add("Exercise", m.exercise())
	add("Since", m.since())
	add("Ended", m.ended())
	if len(m.Events) > 0 && m.Subject == SubjectOutage {
		o := &m.Events[0]
		add("Lost now", lost(o, o.Now, m.End.IsZero() && m.NotMeasuredSince.IsZero()))
		add("At worst", lost(o, o.Peak, true))
		add("Unexpected", unexpected(o))
		add("Seen by", seen(o))
	}
	add("Still dark", m.Remainder)
	add("Not measured", m.notMeasured())
	add("Late", m.late())
	add("Watch lists", m.members())
	add("Hosts", m.hosts())
	return all
}

// Heading returns the headline. If the message is a test or an exercise and the headline does not
// begin with that word, Heading adds it at the front. The headline itself mentions late news.
// Heading has at most 150 graphemes.
func (m *Message) Heading() string { return m.marked(m.Headline) }

// MarkedPost returns the post with the same marks as Heading.
func (m *Message) MarkedPost() string { return m.marked(m.Post) }

// marked adds the marks to the front of a text.
func (m *Message) marked(text string) string {
	var marks []string
	if m.Kind == Test && !strings.HasPrefix(text, "Test") {
		marks = append(marks, "Test")
	}
	if m.Exercise && !strings.HasPrefix(text, "Exercise") {
		marks = append(marks, "Exercise")
	}
	if len(marks) == 0 {
		return text
	}
	return strings.Join(marks, ", ") + ": " + text
}

// Back reports whether the routes are back.
func (m *Message) Back() bool { return m.Kind == Close && m.Reason == bgp.EndRecovered }

func (m *Message) exercise() string {
	if !m.Exercise {
		return ""
	}
	return "The data are not live: a reconstruction or a replay. Nothing of this happens now."
}

// since formats the start of the incident and, if it is open, its duration.
func (m *Message) since() string {
	if m.Start.IsZero() {
		return ""
	}
	start := m.begin()
	s := Clock(start)
	if m.Kind != Close && m.Kind != TakeBack && m.Time.After(start) {
		s = fmt.Sprintf("%s (%s)", s, bgp.DurationText(m.Time.Sub(start)))
	}
	if !start.Equal(m.Start) {
		s += ". The first loss of this incident: " + Clock(m.Start)
	}
	return s
}

// begin returns the start of the widest event, which the texts describe. It returns the start of
// the incident if there is no event or the two starts are less than a minute apart.
func (m *Message) begin() time.Time {
	if m.Subject == SubjectOutage && len(m.Events) > 0 && m.Events[0].Start.Sub(m.Start) >= time.Minute {
		return m.Events[0].Start
	}
	return m.Start
}

// ended formats when and why the incident ended.
func (m *Message) ended() string {
	if m.Kind != Close && m.Kind != TakeBack {
		return ""
	}
	if m.Subject != SubjectOutage {
		return m.lasted()
	}
	return m.lasted() + ". " + m.why()
}

func (m *Message) lasted() string {
	end := m.End
	if end.IsZero() {
		end = m.Time
	}
	if m.Start.IsZero() {
		return Clock(end)
	}
	return fmt.Sprintf("%s, after %s", Clock(end), bgp.DurationText(end.Sub(m.begin())))
}

// why explains the end in a sentence.
func (m *Message) why() string {
	if m.Kind == TakeBack {
		return "The suspicion did not last and is taken back"
	}
	switch m.Reason {
	case bgp.EndRecovered:
		return m.recovered()
	case bgp.EndSuperseded:
		return "Another event goes on from this one. The routes are not back as usual"
	case bgp.EndNewNormal:
		return "The state has lasted so long that it is the usual one now. The lost routes are not back"
	case bgp.EndLeftTable:
		return "The prefix was away so long that it is no longer known. The routes are not back"
	case bgp.EndCovered:
		return "Routes of the usual origin carry the addresses. The prefix itself is not as usual"
	case bgp.EndRemoved:
		return "It was removed from the configuration. Whether the routes are back is not known"
	case bgp.EndLostSight, bgp.NotEnded:
	}
	return "The view changed and not the routes. Whether the routes are back is not known"
}

// recovered says what is as usual again, by the kind of the widest event.
func (m *Message) recovered() string {
	if len(m.Events) > 0 {
		switch m.Events[0].Kind {
		case bgp.KindPartial:
			return "As many networks as usual have the route again"
		case bgp.KindIntermittent:
			return "The routes have stopped coming and going"
		case bgp.KindMoved:
			return "The usual origins announce the prefixes again"
		case bgp.KindOrigin:
			return "The unexpected announcement is gone"
		case bgp.KindOutage:
		}
	}
	return "The routes are back"
}

// lost formats one loss of an outage. It is empty if the loss is not to be shown.
func lost(o *bgp.Outage, l bgp.Loss, tell bool) string {
	if !tell || o.Kind == bgp.KindOrigin || o.Baseline.Prefixes == 0 {
		return ""
	}
	if o.Kind == bgp.KindMoved {
		return fmt.Sprintf("%d of %s moved to other origins (%s %% of the space)", l.LostPrefixes,
			bgp.Count(o.Baseline.Prefixes, "prefix"), l.LossPercent)
	}
	return fmt.Sprintf("%d of %s (%s %% of the space)", l.LostPrefixes,
		bgp.Count(o.Baseline.Prefixes, "prefix"), l.LossPercent)
}

// unexpected formats the first unexpected routes of an event of the kind origin.
func unexpected(o *bgp.Outage) string {
	const shown = 3
	var all []string
	for i, u := range o.Unexpected {
		if i == shown {
			all = append(all, fmt.Sprintf("and %d more", len(o.Unexpected)-shown))
			break
		}
		s := fmt.Sprintf("%s from %s, held by %s (%s %%) on %s", u.Prefix, u.Origin.ASN,
			bgp.Count(u.Voters, "voter"), u.SharePercent, bgp.Count(u.Collectors, "collector"))
		if u.RPKI != "" {
			s += ", RPKI " + strings.ReplaceAll(u.RPKI, "_", " ")
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

func seen(o *bgp.Outage) string {
	if o.Panel.Voters == 0 {
		return ""
	}
	return fmt.Sprintf("%s on %s", bgp.Count(o.Panel.Voters, "voter"),
		bgp.Count(o.Panel.Collectors, "collector"))
}

func (m *Message) notMeasured() string {
	if m.NotMeasuredSince.IsZero() {
		return ""
	}
	return "Not measured since " + Clock(m.NotMeasuredSince) +
		": no verdict is possible, so nothing is known of now"
}

func (m *Message) late() string {
	if !m.Late {
		return ""
	}
	return "Decided at " + Clock(m.Time) + " and told late"
}

// watched yields the members of watch lists in the incident's events. For a message that is not
// private it yields only members of public lists.
func (m *Message) watched() iter.Seq[*bgp.WatchMember] {
	return func(yield func(*bgp.WatchMember) bool) {
		for i := range m.Events {
			for j := range m.Events[i].Watch {
				if w := &m.Events[i].Watch[j]; (w.Public || m.Private) && !yield(w) {
					return
				}
			}
		}
	}
}

// members formats the members of watch lists in the incident's events, without duplicates.
func (m *Message) members() string {
	var all []string
	told := map[string]bool{}
	for w := range m.watched() {
		s := w.Member + " in " + w.List
		if w.CoveredBy != "" {
			s += ", covered by " + w.CoveredBy
		}
		if !told[s] {
			told[s] = true
			all = append(all, s)
		}
	}
	if n := len(all); n > maxMembers {
		all = append(all[:maxMembers], fmt.Sprintf("and %d more", n-maxMembers))
	}
	return strings.Join(all, "; ")
}

// Clock formats a time for people: 22 Dec 2014 16:15 UTC.
func Clock(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 UTC") }
