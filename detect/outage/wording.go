package outage

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// caveat ends every text. It names the facts that routes do not show.
const caveat = "Routes can stay announced while service is down, " +
	"and be withdrawn while service goes on inside."

// wording writes the sentences of an outage. They state the observation first and the pattern of
// the figures second. They name a cause that the pattern is consistent with only if there are two
// independent features, and then with both sides. They never state why the loss happened
// (docs/detection.md, Evidence).
type wording struct {
	o  *bgp.Outage
	ev *event
}

// write fills in the evidence's sentences and the texts, each with the label before it.
func (w *wording) write(label string) {
	if w.o.Kind == bgp.KindOrigin { // nothing is lost
		w.compose(label)
		return
	}
	w.notes()
	if w.o.State == bgp.StateOpen || w.o.State == bgp.StateClosed && !w.o.Blip {
		w.o.Evidence.Pattern = w.patterns()
		w.o.Evidence.ConsistentWith, w.o.Evidence.LessTypicalOf = w.consistent()
	}
	w.compose(label)
}

// compose builds the texts from the evidence's sentences and the notes that are already in the
// object.
func (w *wording) compose(label string) {
	var s []string
	add := func(more ...string) {
		for _, m := range more {
			if m != "" {
				s = append(s, m)
			}
		}
	}
	named := w.cleaned()
	add(named.observed())
	if !w.routesAlone() { // a note has this meaning already
		add(named.meaning())
	}
	add(named.comings(), named.course(), named.seen())
	add(w.o.Evidence.Pattern...)
	if w.o.Evidence.ConsistentWith != "" {
		add("This is consistent with " + w.o.Evidence.ConsistentWith +
			", and less typical of " + w.o.Evidence.LessTypicalOf +
			". BGP cannot tell these apart.")
	}
	add(w.o.Notes...)
	add(caveat)
	w.o.Summary = labelled(label, strings.Join(s, " "))
	w.short(label)
}

// notes adds the notes that follow from the present figures.
func (w *wording) notes() {
	if b := w.ev.startBlind; b.end != 0 {
		w.o.Notes = append(w.o.Notes, fmt.Sprintf(
			"No verdict was possible from %s to %s: the loss may have begun at any time between.",
			clock(at(b.start)), clock(at(b.end))))
	}
	switch b := w.ev.endBlind; {
	case b.end == 0 || !w.ended():
	case b == w.ev.unseen: // another note gives these times already
		w.o.Notes = append(w.o.Notes, "Its end lies between these times.")
	default:
		w.o.Notes = append(w.o.Notes, fmt.Sprintf(
			"No verdict was possible from %s to %s: the end lies between these times.",
			clock(at(b.start)), clock(at(b.end))))
	}
	if d := w.ev.digest; d != nil {
		if d.allCovered > 0 && d.allCovered == d.total {
			w.o.Notes = append(w.o.Notes,
				"Deaggregated: visible routes of the same origin still cover it, so no address space is lost.")
		} else if d.allCovered > 0 {
			w.o.Notes = append(w.o.Notes, fmt.Sprintf(
				"Deaggregated: %s lost %s own routes as well. "+
					"Visible routes of the same origin still cover %s, so that is no loss.",
				bgp.Count(d.allCovered, "more-specific prefix"),
				agree(d.allCovered, "its", "their"), agree(d.allCovered, "it", "them")))
		}
		if d.partly > 0 {
			whose := "it"
			if w.o.Entity.Type != bgp.EntityPrefix {
				whose = bgp.Count(d.partly, "lost prefix")
			}
			w.o.Notes = append(w.o.Notes, fmt.Sprintf(
				"Deaggregated: visible more-specific routes of the same origin carry %s of %s.",
				unitsOf(bgp.Hundredths(d.partlyCarried, d.unit, 1),
					bgp.Hundredths(d.partlySpace, d.unit, 1), w.o.Family), whose))
		}
		if len(d.covered) > 0 {
			w.o.Notes = append(w.o.Notes, fmt.Sprintf(
				"Covered: an aggregate of %s still covers %s.", d.covered[0].By, d.covered[0].Prefix))
		}
	}
	if c := w.o.Evidence.CoveredByTable; c != nil {
		w.o.Notes = append(w.o.Notes, fmt.Sprintf(
			"Covered: in the prefix-to-origin table it lies within %s of %s. "+
				"Traffic may still follow a route to that prefix; no such route was heard.",
			c.Prefix, c.Origin))
	}
	if n := w.o.Panel.KnownPrefixes; n > 0 &&
		(w.o.Entity.Type == bgp.EntityAS || w.o.Entity.Type == bgp.EntityPrefix) {
		w.o.Notes = append(w.o.Notes, fmt.Sprintf(
			"The peers know %s: too few for verdicts on countries and the world.", bgp.Count(n, "prefix")))
	}
	if w.o.Panel.Table == bgp.TablesLearned {
		w.o.Notes = append(w.o.Notes, "No full table was at hand: this is known from updates alone.")
	}
}

// observed returns the sentence on the loss and its time.
func (w *wording) observed() string {
	when := clock(w.o.Start)
	switch {
	case w.routesAlone():
	case w.o.Kind == bgp.KindPartial && w.o.Entity.Type != bgp.EntityPrefix:
		return fmt.Sprintf(
			"%s %% of the %s address space of %s (%s) "+
				"was held by fewer than half of the networks that usually hold it, from %s.",
			w.o.Peak.LossPercent, familyName(w.o.Family), w.subject(), w.units(), when)
	case w.o.Kind == bgp.KindPartial:
		return fmt.Sprintf(
			"Fewer networks than usual held %s from %s: at worst %s of those that usually hold it.",
			w.subject(), when, w.holders())
	case w.o.Kind == bgp.KindMoved:
		return w.moved()
	case w.o.Kind == bgp.KindOrigin:
		return w.strange()
	case w.o.Kind == bgp.KindIntermittent:
		return w.loss("lost") + " again and again from " + when + w.losses() + "."
	case w.o.State == bgp.StateSuspected:
		return w.loss("seems to have lost", "seem to have lost") + " at " + when +
			". This is an early sign, not yet confirmed."
	case w.ev.within:
		return w.loss("lost") + " at " + when + ", for " + w.lasted() +
			" only. It is one of the losses of an intermittent event."
	case w.o.Blip && w.o.State == bgp.StateRetracted:
		return w.loss("lost") + " at " + when + ", for " + w.lasted() + " only. The early sign is taken back."
	case w.o.State == bgp.StateRetracted:
		return w.loss("seemed to have lost") + " at " + when + ". The early sign is taken back."
	case w.o.Blip:
		return w.loss("lost") + " at " + when + ", for " + w.lasted() + " only."
	}
	return w.loss("lost") + " at " + when + "."
}

// losses returns the number of losses of an intermittent event, with the share of the time if it
// is known.
func (w *wording) losses() string {
	if w.ev.losses == 0 {
		return ""
	}
	s := ": " + bgp.Count(w.ev.losses, "loss")
	if duty := w.o.Evidence.DutyCyclePercent; duty != nil {
		s += ", " + duty.String() + " % of the time in all, counted in whole minutes"
	}
	return s
}

// holders returns the share of the usual networks that held a partial prefix in its worst minute.
func (w *wording) holders() string {
	if left := 10000 - w.o.Peak.LossPercent; left > 0 {
		return left.String() + " %"
	}
	return "none"
}

// meaning explains a loss in which no address is out of reach of all networks.
func (w *wording) meaning() string {
	switch {
	case w.routesAlone():
		return "Other routes of its origin still cover it, so no address space is lost."
	case w.o.Kind == bgp.KindPartial && (w.o.Entity.Type != bgp.EntityPrefix || w.o.Peak.LossPercent < 10000):
		return "Some networks lost their routes to it, others kept theirs."
	}
	return ""
}

// routesAlone reports whether a prefix lost its own routes but none of its addresses.
func (w *wording) routesAlone() bool {
	return w.o.Entity.Type == bgp.EntityPrefix && w.o.Blip &&
		w.o.EndReason == bgp.EndCovered && w.ev.peak.space == 0
}

// loss returns the entity and its worst loss around a verb. The second form of the verb is the
// plural.
func (w *wording) loss(verb ...string) string {
	family, all := familyName(w.o.Family), w.ev.base.prefixes
	lost := min(w.ev.peak.prefixes, all)
	some, theirs := fmt.Sprintf("%d of %s of %s", lost, bgp.Count(all, family+" prefix"), w.subject()),
		" "+verb[agree(lost, 0, len(verb)-1)]+" "+agree(lost, "its", "their")+" routes"
	switch {
	case w.routesAlone():
		return upper(w.subject()) + " " + verb[0] + " its own routes"
	case w.o.Entity.Type == bgp.EntityPrefix:
		return upper(w.subject()) + " " + verb[0] + " its routes" + w.spaceUnlessAll()
	case all == 1 && lost == 1:
		return "The only " + family + " prefix of " + w.subject() + " " + verb[0] +
			" its routes" + w.spaceUnlessAll()
	case w.ev.byNumber && lost > 0:
		return some + theirs + w.space()
	case w.allPrefixes():
		return fmt.Sprintf("All %s of %s %s their routes",
			bgp.Count(all, family+" prefix"), w.subject(), verb[len(verb)-1])
	case all < bgp.SmallPrefixes && lost > 0:
		return some + theirs
	}
	return fmt.Sprintf("%s %s the routes to %s %% of its %s address space (%s)",
		upper(w.subject()), verb[0], w.o.Peak.LossPercent, family, w.units())
}

// allPrefixes reports whether an entity of few prefixes lost all of them.
func (w *wording) allPrefixes() bool {
	lost, base := w.ev.peak, w.ev.base
	return base.prefixes > 0 && base.prefixes < bgp.SmallPrefixes &&
		lost.prefixes >= base.prefixes && lost.space >= base.space
}

// units returns the lost space and the usual space: 60 of 200 /24s, 1 of 1 /24.
func (w *wording) units() string { return unitsOf(w.o.Peak.LostSpace, w.o.Baseline.Space, w.o.Family) }

func unitsOf(part, whole bgp.Decimal, family string) string {
	unit := "/24"
	if family == bgp.IPv6.String() {
		unit = "/48"
	}
	if whole != 100 {
		unit += "s"
	}
	return fmt.Sprintf("%s of %s %s", part, whole, unit)
}

// space returns the share of the entity's address space that was lost, as a part of a sentence.
func (w *wording) space() string {
	return fmt.Sprintf(", with %s %% of its address space (%s)", w.o.Peak.LossPercent, w.units())
}

// spaceUnlessAll returns space if more-specific routes carry a part of a prefix that lost its own
// routes, otherwise an empty string.
func (w *wording) spaceUnlessAll() string {
	if w.o.Kind == bgp.KindPartial || w.ev.peak.space >= w.ev.base.space {
		return ""
	}
	return w.space()
}

// moved returns the sentence on the ASes that originate the prefixes now.
func (w *wording) moved() string {
	what, since := upper(w.subject()), "has been originated by %s since %s"
	if w.o.Entity.Type != bgp.EntityPrefix {
		what = fmt.Sprintf("%s %% of the %s address space of %s",
			w.o.Peak.LossPercent, familyName(w.o.Family), w.subject())
	}
	if w.o.End != nil {
		since = "was originated by %s from %s on"
	}
	by := "others"
	if to := w.o.Evidence.MovedTo; len(to) > 0 {
		by = list(to)
	}
	return what + " " + fmt.Sprintf(since, by, clock(w.o.Start)) +
		", not by its usual origin. That is no loss of routes."
}

// earlier returns the note of an event that follows ev.
func (ev *event) earlier() string {
	return "It follows an earlier event: " + kindName(ev.kind) + " since " + clock(at(ev.start)) + "."
}

// comings returns the sentence on the minutes in which the routes came back and were lost again.
func (w *wording) comings() string {
	n := w.o.Evidence.AnnouncedMinutes
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(
		"In %s at least half of the networks announced the routes, and lost them again before the minute ended.",
		bgp.Count(n, "minute"))
}

// course returns the sentences on the time after the start.
func (w *wording) course() string {
	s, n := w.lately(), w.ev.pauses
	if n == 0 || s == "" || len(w.o.Gaps) == 0 || w.o.Kind == bgp.KindIntermittent {
		return s
	}
	last := w.o.Gaps[len(w.o.Gaps)-1]
	return fmt.Sprintf("It was interrupted by %s, %sfrom %s to %s. ",
		bgp.Count(n, "recovery"), agree(n, "", "the last "), w.then(last.Start), w.then(last.End)) + s
}

// lately returns the course without its pauses.
func (w *wording) lately() string {
	switch {
	case w.o.Blip || w.o.State == bgp.StateSuspected || w.o.State == bgp.StateRetracted:
		return ""
	case w.o.End == nil:
		now := w.o.Start.Add(time.Duration(w.o.DurationSeconds) * time.Second)
		return "At " + w.then(now) + " it had lasted " + w.lasted() + w.still() + "."
	}
	return w.ending(w.then(*w.o.End), w.lasted())
}

// ending returns the sentence on the time and the reason of the end.
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
		return "It was lost from sight" + at +
			": the view changed, and that does not show a return of the routes."
	case bgp.NotEnded, bgp.EndRemoved:
	}
	return "It ended" + at + "."
}

// still returns the loss at the time of the record if it is less than the peak.
func (w *wording) still() string {
	switch {
	case w.o.Kind != bgp.KindOutage:
		return ""
	case w.ev.quiet > 0:
		return ", and routes were coming back"
	case w.o.Now.LossPercent < w.o.Peak.LossPercent:
		return ", and " + w.o.Now.LossPercent.String() + " % was still lost"
	}
	return ""
}

// seen returns the sentence on the networks that saw the loss.
func (w *wording) seen() string {
	voters, collectors := w.o.Panel.Voters, w.o.Panel.Collectors
	if voters == 0 || collectors == 0 {
		return "How many networks watched is not known."
	}
	all := bgp.Count(voters, "independent network")
	if d := w.ev.digest; d != nil && d.voters > 0 && d.collectors > 0 && w.o.Kind != bgp.KindMoved {
		return fmt.Sprintf("Seen by %d of %s on %s.",
			min(d.voters, voters), all, bgp.Count(min(d.collectors, collectors), "collector"))
	}
	return "Watched by " + all + " on " + bgp.Count(collectors, "collector") + "."
}

// subject returns the entity's name for the middle of a sentence.
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

// enumerate joins the elements with commas and a final "and".
func enumerate(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

// clock writes a time for people.
func clock(t time.Time) string { return t.Format("15:04 UTC on 2 January 2006") }

// then writes a time after the start. On the day of the start it leaves out the date.
func (w *wording) then(t time.Time) string {
	if t.Format(time.DateOnly) == w.o.Start.Format(time.DateOnly) {
		return t.Format("15:04 UTC")
	}
	return clock(t)
}

// agree returns one if n is 1, and many otherwise.
func agree[T any](n int, one, many T) T {
	if n == 1 {
		return one
	}
	return many
}

// lasted writes the duration of the outage so far, or of the whole outage if it has ended.
func (w *wording) lasted() string {
	return bgp.DurationText(time.Duration(w.o.DurationSeconds) * time.Second)
}

// upper returns s with its first letter in upper case, for the beginning of a sentence.
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
