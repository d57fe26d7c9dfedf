package outage

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// caveat ends every text: what routes do not show.
const caveat = "Routes can stay announced while service is down, and be withdrawn while service goes on inside."

// wording writes the sentences of an outage. It says what was observed, then which pattern that makes; what the pattern is
// consistent with only on two independent features and with both sides, and never why (docs/detection.md, Evidence).
type wording struct {
	o  *bgp.Outage
	ev *event
}

// write fills in the evidence's sentences and the texts, each with the label before it.
func (w *wording) write(label string) {
	w.notes()
	if w.o.State == bgp.StateOpen || w.o.State == bgp.StateClosed && !w.o.Blip {
		w.o.Evidence.Pattern = w.patterns()
		w.o.Evidence.ConsistentWith, w.o.Evidence.LessTypicalOf = w.consistent()
	}
	w.compose(label)
}

// compose fills in the texts with the evidence's sentences and the notes that are there.
func (w *wording) compose(label string) {
	var s []string
	add := func(more ...string) {
		for _, m := range more {
			if m != "" {
				s = append(s, m)
			}
		}
	}
	add(w.observed(), w.comings(), w.course(), w.seen())
	add(w.o.Evidence.Pattern...)
	if w.o.Evidence.ConsistentWith != "" {
		add("This is consistent with " + w.o.Evidence.ConsistentWith + ", and less typical of " + w.o.Evidence.LessTypicalOf +
			". BGP cannot tell these apart.")
	}
	add(w.o.Notes...)
	add(caveat)
	w.o.Summary = labelled(label, strings.Join(s, " "))
	w.short(label)
}

// notes adds what holds because of the present figures.
func (w *wording) notes() {
	if b := w.ev.startBlind; b.end != 0 {
		w.o.Notes = append(w.o.Notes, fmt.Sprintf("No verdict was possible from %s to %s: the loss may have begun at any time between.", clock(at(b.start)), clock(at(b.end))))
	}
	if b := w.ev.endBlind; b.end != 0 && w.ended() {
		w.o.Notes = append(w.o.Notes, fmt.Sprintf("No verdict was possible from %s to %s: the end lies between these times.", clock(at(b.start)), clock(at(b.end))))
	}
	if d := w.ev.digest; d != nil {
		if d.allCovered > 0 && d.allCovered == d.total {
			w.o.Notes = append(w.o.Notes, "Deaggregated: visible routes of the same origin still cover it, so no address space is lost.")
		} else if d.allCovered > 0 {
			w.o.Notes = append(w.o.Notes, fmt.Sprintf(
				"Deaggregated: %s went too that visible routes of the same origin still cover; that is no loss.", bgp.Count(d.allCovered, "prefix")))
		}
		if d.partly > 0 {
			whose := "it"
			if w.o.Entity.Type != bgp.EntityPrefix {
				whose = bgp.Count(d.partly, "lost prefix")
			}
			w.o.Notes = append(w.o.Notes, fmt.Sprintf("Deaggregated: visible more-specific routes of the same origin carry %s of the %s %s of %s.",
				bgp.Hundredths(d.partlyCarried, d.unit, 1), bgp.Hundredths(d.partlySpace, d.unit, 1), unitName(w.o.Family), whose))
		}
		if len(d.covered) > 0 {
			w.o.Notes = append(w.o.Notes, fmt.Sprintf("Covered: an aggregate of %s still covers %s.", d.covered[0].By, d.covered[0].Prefix))
		}
	}
	if c := w.o.Evidence.CoveredByTable; c != nil {
		w.o.Notes = append(w.o.Notes, fmt.Sprintf(
			"Covered: the prefix-to-origin table has it within %s of %s. Traffic may still follow a route to that, which was not heard of.", c.Prefix, c.Origin))
	}
	if n := w.o.Panel.KnownPrefixes; n > 0 && (w.o.Entity.Type == bgp.EntityAS || w.o.Entity.Type == bgp.EntityPrefix) {
		w.o.Notes = append(w.o.Notes, fmt.Sprintf(
			"It is said of the %s that the peers know: too few to speak of countries and the world.", bgp.Count(n, "prefix")))
	}
	if w.o.Panel.Table == bgp.TablesLearned {
		w.o.Notes = append(w.o.Notes, "No full table was at hand: this is known from updates alone.")
	}
}

// observed says what was lost, and when.
func (w *wording) observed() string {
	when := " at " + clock(w.o.Start)
	switch {
	case w.routesAlone():
		return w.loss("lost") + when + "."
	case w.o.Kind == bgp.KindPartial && w.o.Entity.Type != bgp.EntityPrefix:
		return fmt.Sprintf("%s %% of the %s address space of %s (%s of %s %s) was held by fewer than half of those who usually hold it, from %s.",
			w.o.Peak.LossPercent, familyName(w.o.Family), w.subject(), w.o.Peak.LostSpace, w.o.Baseline.Space, unitName(w.o.Family), clock(w.o.Start))
	case w.o.Kind == bgp.KindPartial:
		return upper(w.subject()) + " was held by only " + (10000 - w.o.Peak.LossPercent).String() + " % of those who usually hold it, from " +
			clock(w.o.Start) + "."
	case w.o.Kind == bgp.KindMoved:
		return w.moved()
	case w.o.Kind == bgp.KindIntermittent:
		return fmt.Sprintf("%s again and again from %s: %s, %s %% of the time in all, counted in whole minutes.", w.loss("lost"), clock(w.o.Start),
			bgp.Count(w.ev.losses, "loss"), w.o.Evidence.DutyCyclePercent)
	case w.o.State == bgp.StateSuspected:
		return w.loss("seems to have lost", "seem to have lost") + when + ". This is an early sign, not yet confirmed."
	case w.ev.within:
		return w.loss("lost") + when + ", for " + w.lasted() + " only. It is one of the losses of an intermittent event."
	case w.o.Blip && w.o.State == bgp.StateRetracted:
		return w.loss("lost") + when + ", for " + w.lasted() + " only. The early sign is taken back."
	case w.o.State == bgp.StateRetracted:
		return w.loss("seemed to have lost") + when + ". The early sign is taken back."
	case w.o.Blip:
		return w.loss("lost") + when + ", for " + w.lasted() + " only."
	}
	return w.loss("lost") + when + "."
}

// routesAlone reports whether a prefix lost its own routes, and no address.
func (w *wording) routesAlone() bool {
	return w.o.Entity.Type == bgp.EntityPrefix && w.o.Blip && w.o.EndReason == bgp.EndCovered && w.ev.peak.space == 0
}

// loss names the entity and its worst loss around a verb, of which the second form is the plural.
func (w *wording) loss(verb ...string) string {
	many := verb[len(verb)-1]
	lost, all := w.ev.peak.prefixes, w.ev.base.prefixes
	switch {
	case w.routesAlone():
		return upper(w.subject()) + " " + verb[0] + " its own routes"
	case w.o.Entity.Type == bgp.EntityPrefix:
		return upper(w.subject()) + " " + verb[0] + " its routes" + w.spaceUnlessAll()
	case all == 1 && lost >= 1:
		return "The only " + familyName(w.o.Family) + " prefix of " + w.subject() + " " + verb[0] + " its routes" + w.spaceUnlessAll()
	case w.ev.byNumber:
		return fmt.Sprintf("%d of %d %s prefixes of %s %s their routes%s", min(lost, all), all, familyName(w.o.Family), w.subject(), many, w.space())
	case all < smallPrefixes && lost >= all && w.ev.peak.space >= w.ev.base.space:
		return fmt.Sprintf("All %d %s prefixes of %s %s their routes", all, familyName(w.o.Family), w.subject(), many)
	case all < smallPrefixes && lost > 0:
		return fmt.Sprintf("%d of %d %s prefixes of %s %s their routes", min(lost, all), all, familyName(w.o.Family), w.subject(), many)
	}
	return fmt.Sprintf("%s %s the routes to %s %% of its %s address space (%s of %s %s)", upper(w.subject()), verb[0],
		w.o.Peak.LossPercent, familyName(w.o.Family), w.o.Peak.LostSpace, w.o.Baseline.Space, unitName(w.o.Family))
}

// space says how much of the entity's address space was lost.
func (w *wording) space() string {
	return fmt.Sprintf(", with %s %% of its address space (%s of %s %s)", w.o.Peak.LossPercent, w.o.Peak.LostSpace, w.o.Baseline.Space,
		unitName(w.o.Family))
}

// spaceUnlessAll is space where more-specific routes carry a part of a prefix that lost its own.
func (w *wording) spaceUnlessAll() string {
	if w.o.Kind == bgp.KindPartial || w.ev.peak.space >= w.ev.base.space {
		return ""
	}
	return w.space()
}

// moved names who originates the prefixes now.
func (w *wording) moved() string {
	what := upper(w.subject()) + " has been"
	if w.o.Entity.Type != bgp.EntityPrefix {
		what = fmt.Sprintf("%s %% of the %s address space of %s has been", w.o.Peak.LossPercent, familyName(w.o.Family), w.subject())
	}
	by := "others"
	if to := w.o.Evidence.MovedTo; len(to) > 0 {
		by = list(to)
	}
	return what + " originated by " + by + " since " + clock(w.o.Start) + ", not by its usual origin; that is no loss of routes."
}

// comings counts the minutes in which the routes came and went again.
func (w *wording) comings() string {
	n := w.o.Evidence.AnnouncedMinutes
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("In %s at least half of the networks announced it, and it was lost again within the minute.", bgp.Count(n, "minute"))
}

// course says how it went on.
func (w *wording) course() string {
	s := w.lately()
	if n := w.ev.pauses; n > 0 && s != "" && w.o.Kind != bgp.KindIntermittent {
		last := w.o.Gaps[len(w.o.Gaps)-1]
		s = fmt.Sprintf("It was interrupted by %s, the last from %s to %s. ", bgp.Count(n, "recovery"), clock(last.Start), clock(last.End)) + s
	}
	return s
}

// lately is the course without its pauses.
func (w *wording) lately() string {
	switch {
	case w.o.Blip || w.o.State == bgp.StateSuspected || w.o.State == bgp.StateRetracted:
		return ""
	case w.o.End == nil:
		now := w.o.Start.Add(time.Duration(w.o.DurationSeconds) * time.Second)
		return "At " + clock(now) + " it had lasted " + w.lasted() + w.still() + "."
	}
	return w.ending(clock(*w.o.End), w.lasted())
}

// ending says why and when it ended.
func (w *wording) ending(when, lasted string) string {
	at := " at " + when + ", after " + lasted
	switch w.o.EndReason {
	case bgp.EndRecovered:
		if w.o.Kind == bgp.KindOutage {
			return "The routes were back" + at + "."
		}
		return "It ended" + at + "."
	case bgp.EndSuperseded:
		return "It ended" + at + "; the routes are not all as usual, and another event goes on from it."
	case bgp.EndNewNormal, bgp.EndLeftTable:
		if w.ev.settled {
			return "It lasted more than " + lasted + "."
		}
		return "It ended" + at + ": this state is the usual one now."
	case bgp.EndCovered:
		return "It ended" + at + ": a route of the usual origin covers it, but its own route is not as usual."
	case bgp.EndLostSight:
		return "It was lost from sight" + at + ": the view changed, and that does not show a return of the routes."
	case bgp.NotEnded, bgp.EndRemoved:
	}
	return "It ended" + at + "."
}

// still says how much was lost when the record was written, where that is less than at worst.
func (w *wording) still() string {
	switch {
	case w.o.Kind != bgp.KindOutage:
		return ""
	case w.ev.quiet > 0:
		return ", and routes were coming back"
	case w.o.Now.LossPercent < w.o.Peak.LossPercent:
		return ", and " + w.o.Now.LossPercent.String() + " % was lost"
	}
	return ""
}

// seen says who noticed.
func (w *wording) seen() string {
	if d := w.ev.digest; d != nil && d.voters > 0 && d.collectors > 0 && w.o.Kind != bgp.KindMoved {
		return fmt.Sprintf("Seen by %d of %s on %s.", min(d.voters, w.o.Panel.Voters), bgp.Count(w.o.Panel.Voters, "independent network"),
			bgp.Count(min(d.collectors, w.o.Panel.Collectors), "collector"))
	}
	return fmt.Sprintf("Watched by %s on %s.", bgp.Count(w.o.Panel.Voters, "independent network"), bgp.Count(w.o.Panel.Collectors, "collector"))
}

// subject names the entity in the middle of a sentence.
func (w *wording) subject() string {
	en := w.o.Entity
	switch en.Type {
	case bgp.EntityPrefix:
		s := "the prefix " + en.Code
		if len(w.o.Origins) > 0 {
			s += " of " + asName(w.o.Origins[0])
		}
		return s
	case bgp.EntityAS:
		if en.Name != "" {
			return en.Code + " (" + en.Name + ")"
		}
		return en.Code
	case bgp.EntityWorld:
		return "the world"
	case bgp.EntityCountry, bgp.EntityRegion, bgp.EntityWatch:
	}
	if en.Name != "" {
		return en.Name
	}
	return en.Code
}

func asName(a bgp.AS) string {
	if a.Name == "" {
		return a.ASN.String()
	}
	return a.ASN.String() + " (" + a.Name + ")"
}

// list joins up to three ASes.
func list(as []bgp.AS) string {
	var s []string
	for _, a := range as[:min(len(as), 3)] {
		s = append(s, asName(a))
	}
	if more := len(as) - len(s); more > 0 {
		s = append(s, fmt.Sprintf("%d more", more))
	}
	return enumerate(s)
}

// enumerate joins with commas and a final and.
func enumerate(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

// clock writes a time for people.
func clock(t time.Time) string { return t.Format("15:04 UTC on 2 January 2006") }

// lasted writes how long the outage lasted or, of one that goes on, has lasted.
func (w *wording) lasted() string {
	return bgp.DurationText(time.Duration(w.o.DurationSeconds) * time.Second)
}

// upper makes the beginning of a sentence.
func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

func familyName(family string) string {
	if family == bgp.IPv6.String() {
		return "IPv6"
	}
	return "IPv4"
}

func unitName(family string) string {
	if family == bgp.IPv6.String() {
		return "/48s"
	}
	return "/24s"
}
