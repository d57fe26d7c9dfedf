package incident

import (
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// live is the default dataset of routes.
const live = "live"

// route is a parsed Route.
type route struct {
	Route
	quiet  *quietHours
	digest *schedule
	text   *template.Template
	// wait is group_wait; a negative value selects the target's.
	wait time.Duration
	// suspected and closes report whether the route sends these states.
	suspected, closes bool
}

// compile parses a route that has no Faults.
func compile(r Route) (*route, error) {
	out := &route{Route: r, wait: -1, closes: true}
	var err error
	if out.quiet, err = parseQuietHours(r.QuietHours); err != nil {
		return nil, err
	}
	if out.digest, err = parseSchedule(r.Digest); err != nil {
		return nil, err
	}
	if out.text, err = parseTemplate(r.Template); err != nil {
		return nil, err
	}
	if r.GroupWait != "" {
		if out.wait, err = parseWait(r.GroupWait); err != nil {
			return nil, err
		}
	}
	if len(r.Match.States) > 0 {
		out.suspected = slices.Contains(r.Match.States, string(bgp.StateSuspected))
		out.closes = out.suspected || slices.Contains(r.Match.States, string(bgp.StateClosed))
	}
	return out, nil
}

// parseWait parses a duration, or 0.
func parseWait(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	return time.ParseDuration(s)
}

// countsFrom returns the end of the first minute in which an outage has lasted min_minutes. Outages
// are decided by the minute, so outages that begin in the same minute count from the same time.
func (r *route) countsFrom(start time.Time) time.Time {
	at := start.Add(time.Duration(r.Match.MinMinutes) * time.Minute)
	if whole := at.Truncate(time.Minute); whole.Before(at) {
		return whole.Add(time.Minute)
	}
	return at
}

// takesDataset reports whether the route takes a dataset.
func (r *route) takesDataset(dataset string) bool {
	if len(r.Match.Datasets) == 0 {
		return dataset == live
	}
	return slices.Contains(r.Match.Datasets, dataset)
}

// families returns the families that the route takes.
func (r *route) families() []bgp.Family {
	return slices.DeleteFunc(slices.Clone(bgp.Families[:]),
		func(f bgp.Family) bool { return !anyOf(r.Match.Families, f.String()) })
}

// mismatch names the first condition that an outage does not meet; empty if it meets all. The
// incident checks states and min_minutes.
func (r *route) mismatch(o *bgp.Outage) string {
	m := &r.Match
	switch {
	case !r.takesDataset(o.Dataset):
		return "datasets: the data are " + strconv.Quote(o.Dataset)
	case !anyOf(m.Types, o.Entity.Type.String()):
		return "types: it is of type " + o.Entity.Type.String()
	case !anyOf(m.Families, o.Family):
		return "families: it is of " + o.Family
	case !anyOf(m.Kinds, string(o.Kind)):
		return "kinds: it is of kind " + string(o.Kind)
	case !anyOf(m.Severity, string(o.Severity)):
		return "severity: it is " + string(o.Severity)
	case o.Peak.LostPrefixes < m.MinPrefixes:
		return "min_prefixes: it lost " + bgp.Count(o.Peak.LostPrefixes, "prefix")
	}
	switch {
	case len(m.Codes) > 0 &&
		!slices.ContainsFunc(m.Codes, func(c string) bool { return strings.EqualFold(c, o.Entity.Code) }):
		return "codes: it is about " + o.Entity.Code
	case len(m.Countries) > 0 &&
		!slices.ContainsFunc(m.Countries, func(c string) bool { return isIn(o, strings.ToUpper(c)) }):
		return "countries: it lies in none of them"
	case len(m.ASNs) > 0 && !slices.ContainsFunc(m.ASNs, func(n uint32) bool { return isOf(o, bgp.ASN(n)) }):
		return "asns: it is of none of them"
	case len(m.Watch) > 0 && !slices.ContainsFunc(m.Watch, func(list string) bool { return isWatched(o, list) }):
		return "watch: it is about no member of these lists"
	}
	return ""
}

// anyOf reports whether a list is empty or contains s.
func anyOf(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }

func withArticle(noun string) string {
	if strings.ContainsAny(noun[:min(1, len(noun))], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

// isIn reports whether the entity lies, at least partly, in a country.
func isIn(o *bgp.Outage, country string) bool {
	switch o.Entity.Type {
	case bgp.EntityCountry:
		return o.Entity.Code == country
	case bgp.EntityRegion:
		return strings.HasPrefix(o.Entity.Code, country+"-")
	case bgp.EntityPrefix, bgp.EntityAS, bgp.EntityWorld, bgp.EntityWatch:
	}
	return slices.Contains(o.Countries, country)
}

// isOf reports whether the entity is an AS, or a prefix with the AS among its origins.
func isOf(o *bgp.Outage, asn bgp.ASN) bool {
	switch o.Entity.Type {
	case bgp.EntityAS:
		return o.Entity.Code == asn.String()
	case bgp.EntityPrefix:
		return slices.ContainsFunc(o.Origins, func(a bgp.AS) bool { return a.ASN == asn })
	case bgp.EntityCountry, bgp.EntityRegion, bgp.EntityWorld, bgp.EntityWatch:
	}
	return false
}

// isWatched reports whether an outage is about a watch list or a member of it.
func isWatched(o *bgp.Outage, list string) bool {
	return o.Entity.Type == bgp.EntityWatch && o.Entity.Code == list ||
		slices.ContainsFunc(o.Watch, func(m bgp.WatchMember) bool { return m.List == list })
}

// isPrivate reports whether the route takes the outage only through watch lists that are not
// public, or whether the outage exists only because of such lists: an outage of a list itself, or
// unexpected origins. An outage that everybody can see is not private because a private list has it
// as a member.
func (r *route) isPrivate(o *bgp.Outage) bool {
	public := func(list string) bool {
		return slices.ContainsFunc(o.Watch, func(m bgp.WatchMember) bool { return m.List == list && m.Public })
	}
	switch {
	case o.Entity.Type == bgp.EntityWatch:
		return !public(o.Entity.Code)
	case o.Kind == bgp.KindOrigin &&
		!slices.ContainsFunc(o.Watch, func(m bgp.WatchMember) bool { return m.Public }):
		return true
	}
	return len(r.Match.Watch) > 0 && !slices.ContainsFunc(r.Match.Watch, public)
}
