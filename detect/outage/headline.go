package outage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

var (
	headlineSize = plaintext.Size{Graphemes: 130, Octets: 400}
	postSize     = plaintext.Size{Graphemes: 250, Octets: 800}
	nameSize     = plaintext.Size{Graphemes: 40, Octets: 160}
	labelSize    = plaintext.Size{Graphemes: 24, Octets: 96}
)

// shortCaveat ends every post.
const shortCaveat = "Seen in routes alone; service can differ."

// shortName returns a name as headlines and posts show it: cleaned and cut to nameSize.
func shortName(name string) string { return nameSize.Cut(plaintext.Clean(name)) }

// shortNames returns a copy of the wording with short names.
func (w *wording) shortNames() *wording { return w.withNames(shortName) }

// cleaned returns a copy of the wording with names that can be shown.
func (w *wording) cleaned() *wording { return w.withNames(plaintext.Clean) }

// withNames returns a copy of the wording in which change was applied to every name.
func (w *wording) withNames(change func(string) string) *wording {
	o := *w.o
	o.Entity.Name = change(o.Entity.Name)
	o.Origins, o.Evidence.MovedTo = withOwners(o.Origins, change), withOwners(o.Evidence.MovedTo, change)
	o.Upstreams, o.Unexpected = withOwners(o.Upstreams, change), withOrigins(o.Unexpected, change)
	if o.Entity.Type == bgp.EntityWatch { // the code of a watch list is a name, too
		o.Entity.Code = change(o.Entity.Code)
	}
	return &wording{o: &o, ev: w.ev}
}

func withOwners(all []bgp.AS, change func(string) string) []bgp.AS {
	all = slices.Clone(all)
	for i := range all {
		all[i].Name = change(all[i].Name)
	}
	return all
}

func withOrigins(all []bgp.UnexpectedRoute, change func(string) string) []bgp.UnexpectedRoute {
	all = slices.Clone(all)
	for i := range all {
		all[i].Origin.Name = change(all[i].Origin.Name)
	}
	return all
}

// withoutOwners returns a copy of the wording that names ASes by their numbers alone.
func (w *wording) withoutOwners() *wording {
	o := *w.o
	if o.Entity.Type == bgp.EntityAS {
		o.Entity.Name = ""
	}
	none := func(string) string { return "" }
	o.Origins, o.Evidence.MovedTo = withOwners(o.Origins, none), withOwners(o.Evidence.MovedTo, none)
	o.Unexpected = withOrigins(o.Unexpected, none)
	return &wording{o: &o, ev: w.ev}
}

// short fills in the headline and the post, each with the label before it.
func (w *wording) short(label string) {
	named := w.shortNames()
	bare := named.withoutOwners()
	fact := bare.fact()
	w.o.Headline, w.o.Post = named.headline(bare, fact, label), named.post(bare, fact, label)
}

// headline returns the first candidate that fits. Candidates are ordered from long to short. bare
// is the wording without the names of ASes.
func (w *wording) headline(bare *wording, fact, label string) string {
	return firstThatFits(headlineSize, label,
		func() string { return w.title() + ": " + fact },
		func() string { return bare.title() + ": " + fact },
		func() string { return w.title() + ": " + bare.brief() },
		func() string { return bare.title() + ": " + bare.brief() })
}

// post returns the first candidate that fits. Candidates are ordered from long to short.
func (w *wording) post(bare *wording, fact, label string) string {
	observed, meaning, course := w.observed(), w.meaning(), w.course()
	return firstThatFits(postSize, label,
		func() string { return sentences(observed, meaning, course, w.seen(), shortCaveat) },
		func() string { return sentences(observed, meaning, course, shortCaveat) },
		func() string { return sentences(bare.observed(), meaning, course, shortCaveat) },
		func() string { return sentences(observed, meaning, w.lately(), shortCaveat) },
		func() string { return sentences(bare.observed(), meaning, w.lately(), shortCaveat) },
		func() string { return sentences(w.title()+": "+fact+".", meaning, shortCaveat) },
		func() string { return sentences(bare.title()+": "+fact+".", meaning, shortCaveat) },
		func() string { return sentences(bare.title()+": "+fact+".", shortCaveat) })
}

// firstThatFits returns the first text that fits into z with the label. If none fits, it cuts the
// last one.
func firstThatFits(z plaintext.Size, label string, texts ...func() string) string {
	s := ""
	for _, text := range texts {
		if s = labelled(label, text()); z.Holds(s) {
			return s
		}
	}
	return z.Cut(s)
}

// labelled puts a label before a text.
func labelled(label, text string) string {
	if label == "" {
		return text
	}
	return label + ": " + text
}

// sentences joins the texts that are not empty.
func sentences(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " ")
}

// title returns the entity's name for the beginning of a headline.
func (w *wording) title() string {
	if en := w.o.Entity; en.Type == bgp.EntityPrefix {
		if len(w.o.Origins) > 0 {
			return en.Code + " of " + w.o.Origins[0].ASN.String()
		}
		return en.Code
	}
	return upper(w.subject())
}

// fact returns the headline without the entity.
func (w *wording) fact() string {
	start := shortClock(w.o.Start)
	switch {
	case w.o.State == bgp.StateSuspected:
		return w.extent() + " apparently lost since " + start + ", not yet confirmed"
	case w.ev.within:
		return "short loss at " + start + ", told in another event"
	case w.o.State == bgp.StateRetracted && w.o.Blip:
		return "short loss at " + start + ", early sign taken back"
	case w.o.State == bgp.StateRetracted:
		return "early sign of " + start + " taken back"
	case w.routesAlone():
		return "own routes gone at " + start + ", still covered by its origin"
	case w.o.Blip:
		return w.extent() + " lost for " + w.lasted() + " at " + start
	case w.ended() && w.o.EndReason == bgp.EndRecovered:
		return w.outcome("") + ", after " + w.lasted()
	case w.ended():
		return w.outcome(" since " + start)
	case w.o.Kind == bgp.KindPartial && w.o.Entity.Type != bgp.EntityPrefix:
		return w.extent() + " held by fewer than half of its usual networks since " + start
	case w.o.Kind == bgp.KindPartial:
		return "held by only " + w.holders() + " of its usual networks since " + start
	case w.o.Kind == bgp.KindMoved:
		return w.extent() + " originated by others since " + start
	case w.o.Kind == bgp.KindOrigin:
		part := ""
		if len(w.parts()) > 0 {
			part = "a part of it "
		}
		by, _ := w.strangers()
		return part + "announced by " + by + " since " + start
	case w.o.Kind == bgp.KindIntermittent && w.ev.losses > 0:
		return bgp.Count(w.ev.losses, "loss") + " since " + start
	case w.o.Kind == bgp.KindIntermittent:
		return kindName(w.o.Kind) + " since " + start
	}
	return w.extent() + " lost since " + start
}

// brief returns a shorter fact.
func (w *wording) brief() string {
	switch {
	case w.o.State == bgp.StateSuspected:
		return "early sign of a loss at " + shortClock(w.o.Start)
	case w.routesAlone():
		return "own routes gone, still covered by its origin"
	case w.o.State == bgp.StateRetracted, w.o.Blip:
		return "short loss at " + shortClock(w.o.Start)
	case w.ended():
		return w.outcome("")
	}
	return kindName(w.o.Kind) + " since " + shortClock(w.o.Start)
}

// ended reports whether the event is closed.
func (w *wording) ended() bool { return w.o.State == bgp.StateClosed && w.o.End != nil }

// extent returns the part of the entity that the event concerns.
func (w *wording) extent() string {
	family, all := familyName(w.o.Family), w.ev.base.prefixes
	lost := min(w.ev.peak.prefixes, all)
	switch {
	case w.o.Entity.Type == bgp.EntityPrefix && w.spaceUnlessAll() != "":
		return fmt.Sprintf("routes to %s %% of it", w.o.Peak.LossPercent)
	case w.o.Entity.Type == bgp.EntityPrefix:
		return "routes"
	case w.o.Kind == bgp.KindMoved, lost == 0:
	case all == 1 && w.spaceUnlessAll() == "":
		return "the only " + family + " prefix"
	case w.allPrefixes():
		return "all " + bgp.Count(all, family+" prefix")
	case all < bgp.SmallPrefixes, w.ev.byNumber:
		return fmt.Sprintf("%d of %s", lost, bgp.Count(all, family+" prefix"))
	}
	return fmt.Sprintf("%s %% of its %s space", w.o.Peak.LossPercent, family)
}

// kindName returns the word for a kind in texts.
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
	return "loss"
}

// outcome returns a headline's fact about an event that ended. since names the beginning, or is
// empty.
func (w *wording) outcome(since string) string {
	what, end := kindName(w.o.Kind)+since, shortClock(*w.o.End)
	switch w.o.EndReason {
	case bgp.EndRecovered:
		if w.o.Kind == bgp.KindOutage {
			return "routes back at " + end
		}
		return what + " over at " + end
	case bgp.EndSuperseded:
		return what + " goes on as another event"
	case bgp.EndNewNormal:
		return what + " is the usual state now"
	case bgp.EndLeftTable:
		return what + ", until the prefix left the table"
	case bgp.EndCovered:
		return what + ", now covered by its usual origin"
	case bgp.EndLostSight:
		return what + ", lost from sight at " + end
	case bgp.NotEnded, bgp.EndRemoved:
	}
	return what + " ended at " + end
}

// shortClock writes a time for a headline.
func shortClock(t time.Time) string { return t.Format("15:04 UTC, 2 Jan 2006") }
