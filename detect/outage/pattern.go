package outage

import (
	"cmp"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// patterns returns the sentences about patterns in the figures.
func (w *wording) patterns() []string {
	var s []string
	add := func(more string) {
		if more != "" {
			s = append(s, more)
		}
	}
	if w.o.Kind == bgp.KindOutage || w.o.Kind == bgp.KindIntermittent {
		add(w.wayOut())
	}
	add(w.before())
	add(w.clockPattern())
	add(w.company())
	return s
}

// wayOut returns the sentence on the speed of the loss and on the upstreams.
func (w *wording) wayOut() string {
	d := w.ev.digest
	if d == nil || d.total == 0 || d.spread == nil {
		return ""
	}
	what, its := "It was lost", "its"
	if w.o.Entity.Type != bgp.EntityPrefix {
		its = agree(d.total, "its", "their")
		what = bgp.Count(d.total, "prefix") + " " + agree(d.total, "was", "were") + " lost"
		if d.total > 1 && d.total == w.ev.base.prefixes && w.ev.peak.prefixes >= d.total {
			what = "All " + what
		}
	}
	switch d.shape {
	case shapeStepped:
		what += " in steps"
	case shapeGradual:
		what += " one after the other"
	}
	upstreams := w.cleaned().o.Upstreams
	switch {
	case len(upstreams) == 0:
	case d.onlyOne:
		what += " through " + its + " only upstream " + asName(upstreams[0])
	case d.together != nil && *d.together && len(upstreams) > 1:
		what += ", through all upstreams at once (" + list(upstreams) + ")"
	default:
		what += fmt.Sprintf(". The %s %s", agree(len(upstreams), "upstream was", "upstreams were"), list(upstreams))
	}
	if len(d.rerouted) > 0 {
		what += ". After the first withdrawals, routes through " + list(reroutes(d.rerouted)) +
			" were heard for a time"
	}
	return what + ". Four fifths of the withdrawals came within " + within(d.spread.P90-d.spread.P10) + "."
}

func reroutes(asns []bgp.ASN) []bgp.AS {
	as := make([]bgp.AS, 0, len(asns))
	for _, a := range asns {
		as = append(as, bgp.AS{ASN: a})
	}
	return as
}

// within writes a duration of at least n seconds. It is at least one second, because the times of
// the observers differ by that much. From a minute on it is rounded up to whole minutes.
func within(n int64) string {
	if n >= minute {
		n = (n + minute - 1) / minute * minute
	}
	return bgp.DurationText(time.Duration(max(n, 1)) * time.Second)
}

// before returns the sentence on the short losses before the event.
func (w *wording) before() string {
	f := w.o.Flaps
	if f.Day == 0 {
		return ""
	}
	s := "It came after " + bgp.Count(f.Day, "short loss") + " in 24 hours"
	switch {
	case f.Hour > 0 && f.Hour >= f.Day:
		s = "It came after " + bgp.Count(f.Day, "short loss") + " in an hour"
	case f.Hour > 0:
		s += fmt.Sprintf(", %d of them in the last hour", f.Hour)
	}
	if f.UsualDay != nil {
		s += fmt.Sprintf("; usually there %s a day", agree(*f.UsualDay, "is 1", fmt.Sprintf("are %d", *f.UsualDay)))
	}
	return s + "."
}

// clockPattern returns the sentence on the time of day, or an empty string if the time shows no
// pattern.
func (w *wording) clockPattern() string {
	n := w.o.Evidence.SameTimeLast7Days
	switch {
	case n > 0:
		return fmt.Sprintf("Outages of it began at about the same time of day on %d of the last 7 days.", n)
	case w.o.Evidence.OnTheHour && w.o.Kind == bgp.KindOutage:
		return "It began within two minutes of a full hour."
	}
	return ""
}

// company returns the sentence that names the neighbours.
func (w *wording) company() string {
	n := w.o.Evidence.Neighbours
	if len(n) == 0 {
		return ""
	}
	names := append([]string(nil), n[:min(len(n), 4)]...)
	if w.o.Entity.Type == bgp.EntityCountry {
		for i, code := range names {
			names[i] = cmp.Or(bgp.CountryName(code), code)
		}
	}
	if more := len(n) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if w.o.Entity.Type == bgp.EntityPrefix {
		return "Lost in the same minute, of the same origin: " + enumerate(names) + "."
	}
	return "Routes were also lost, at about the same time or behind the same upstream, by " +
		enumerate(names) + "."
}

// consistent returns the explanations that the features are consistent with, and those that they
// are less typical of. Both are empty without two independent features.
func (w *wording) consistent() (with, less string) {
	d, f := w.ev.digest, w.o.Flaps
	if d == nil || w.o.Kind != bgp.KindOutage || d.allCovered > 0 && d.allCovered == d.total {
		return "", ""
	}
	several := d.originCount > 1 || len(d.upstreams) > 1
	// Within one network, a gradual loss may be one change that is rolled out.
	spread := d.originCount > 1 && len(d.upstreams) > 1
	abrupt := d.shape == shapeAbrupt && d.total > 1
	together := d.together != nil && *d.together
	switch {
	case w.o.Evidence.OnTheHour && w.o.Evidence.SameTimeLast7Days > 0:
		return "a planned action that repeats " +
				"(it began within two minutes of a full hour, and at this time on earlier days)",
			"a sudden fault"
	case f.Day >= 3 && together && d.onlyOne:
		return fmt.Sprintf(
			"an unstable or overloaded connection to the upstream "+
				"(%s before it, and everything went through one upstream)",
			bgp.Count(f.Day, "short loss")), "a single planned step, or separate faults inside several networks"
	case f.Day >= 3 && together:
		return fmt.Sprintf(
			"an unstable point that all its connections share (%s before it, and all upstreams went together)",
			bgp.Count(f.Day, "short loss")), "a single planned step, or separate faults of single links"
	case abrupt && together && several:
		return "one cause at a point that all of it shares, a decision included " +
				"(four fifths of the prefixes went within two minutes, and so did the upstreams)",
			"separate faults of single links, or a failure that spreads"
	case d.shape == shapeGradual && spread && d.together != nil && !together:
		return "faults that spread from one part to the next, such as failing power " +
				"(prefixes of several networks went one after the other, and so did the upstreams)",
			"one step at a single point"
	}
	return "", ""
}
