package page

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// entityView holds the content that the pages of a country, region, network, prefix and watch list
// share.
type entityView struct {
	Entity bgp.Entity
	// Noun is for example country, and Name North Korea.
	Noun, Name string
	Now        []nowView
	Spans      []step
	Span       span
	Figures    []figure
	Open       table
	// History lists its ended outages without blips. Blips counts the blips.
	History        table
	HistoryProblem string
	Blips          string
	Below          table
	// Networks are the networks of a country, by size.
	Networks []networkRow
	// NetworksProblem is the reason why they are not known.
	NetworksProblem string
	// Part is the country of a region.
	Part *namedLink
	// Prefixes are the prefixes of a network, or the states of a prefix over time.
	Prefixes        []heldRow
	PrefixesProblem string
	// PrefixesMore gives the number of rows left out, in a sentence.
	PrefixesMore string
	// Covering are the less specific prefixes of a prefix.
	Covering []heldRow
	// Voters lists the holders of a prefix this second.
	Voters *seenView
	// Members are the members of a watch list.
	Members        []memberRow
	MembersProblem string
}

// nowView is the present state of an entity in a family.
type nowView struct {
	// State is one word, for a class: lost, losing, visible, unmeasured.
	State    string
	Sentence string
}

// historyRows bounds the outages of an entity that a page lists. blipDays is the number of days for
// which blips are counted.
const (
	historyRows = 100
	blipDays    = 30
)

// entity fills in the shared content of the pages of entities. The error means that nothing is
// known of the entity, as far as could be read (content.Lacks).
func (a *asked) entity(e bgp.Entity) (*content, *entityView, error) {
	d := &entityView{Entity: e, Noun: kindOfEntity(e.Type), Span: spanOf(a)}
	past, err := a.past(e)
	c := &content{Template: "entity", Data: d}
	if err != nil {
		c.Lacks, d.HistoryProblem = true, reason(err)
	}
	e.Name = a.nameOf(e, past)
	d.Entity, d.Name = e, entityName(e)
	d.list(a, past)
	known := len(past) > 0
	for _, f := range a.families() {
		k := keyOf(e.Type, e.Code, f)
		fig, newest := a.figureOf(k, d.Span, outagelog.Outages(past))
		now, ok := a.now(k, newest, fig.Problem != "")
		known = known || ok || !fig.Empty && fig.Problem == ""
		c.Lacks = c.Lacks || fig.Problem != ""
		// Most entities have no IPv6, and an empty chart has no use.
		if !ok && f == bgp.IPv6 && fig.Empty && a.Family == 0 {
			continue
		}
		d.Now = append(d.Now, now)
		d.Figures = append(d.Figures, fig)
	}
	for _, s := range spans {
		d.Spans = append(d.Spans, step{
			Text: s.Title, Link: a.Link(a.URL.EscapedPath(), "span", s.Name) + "#chart",
			Current: s == d.Span,
		})
	}
	c.Title = d.Name
	c.Description = d.Name
	for _, n := range d.Now {
		c.Description += ". " + n.Sentence
	}
	if !known {
		return c, d, &problem{
			http.StatusNotFound, "Nothing is known of " + d.Name,
			fmt.Sprintf("The dataset %s holds nothing of the %s %s.", a.Dataset, d.Noun, e.Code),
		}
	}
	return c, d, nil
}

// past returns the outages of an entity, the newest first, with blips and retracted ones. It adds
// those that only the present knows.
func (a *asked) past(e bgp.Entity) ([]outagelog.Entry, error) {
	q := history.OutagesQuery{Codes: []string{e.Code}, Limit: 500}
	q.Types, q.All = []bgp.EntityType{e.Type}, true
	if until := a.Until(); !until.IsZero() {
		q.To = until
	}
	got, err := a.site.deps.History.Outages(a.Context(), a.scope, q)
	all, have := got.Entries, map[string]bool{}
	for _, x := range all {
		have[x.Outage.ID] = true
	}
	for _, from := range [][]outagelog.Entry{a.Snapshot.Open, a.Snapshot.Suspected, a.Snapshot.Closed} {
		for _, x := range from {
			if o := x.Outage; o.Entity.Type == e.Type && o.Entity.Code == e.Code && !have[o.ID] {
				all = append([]outagelog.Entry{x}, all...)
			}
		}
	}
	return all, err
}

// nameOf returns the name of an entity.
func (a *asked) nameOf(e bgp.Entity, past []outagelog.Entry) string {
	if e.Type == bgp.EntityCountry {
		return bgp.CountryName(e.Code)
	}
	for _, f := range bgp.Families {
		if v, ok := a.Snapshot.Value(keyOf(e.Type, e.Code, f)); ok && v.Name != "" {
			return v.Name
		}
	}
	for _, x := range past {
		if x.Outage.Entity.Name != "" {
			return x.Outage.Entity.Name
		}
	}
	return e.Name
}

// list makes the tables of outages.
func (d *entityView) list(a *asked, past []outagelog.Entry) {
	is := func(o *bgp.Outage) bool { return o.Entity.Type == d.Entity.Type && o.Entity.Code == d.Entity.Code }
	d.Open = a.table("Open outages of "+d.Name,
		entriesOf(append(append([]outagelog.Entry{}, a.Snapshot.Open...), a.Snapshot.Suspected...), is),
		false)
	var ended []outagelog.Entry
	blips, since := 0, a.Until().AddDate(0, 0, -blipDays)
	for _, x := range past {
		switch o := x.Outage; {
		case !a.shows(o.Family) || o.State == bgp.StateRetracted:
		case o.Blip:
			if o.Start.After(since) {
				blips++
			}
		case o.End != nil && !o.End.After(a.Until()):
			ended = append(ended, x)
		}
	}
	d.History = a.incidents("Outages of "+d.Name+" that have ended",
		outageview.Unfolded(outagelog.Outages(ended[:min(len(ended), historyRows)])), true)
	if len(ended) > historyRows {
		d.History.More = fmt.Sprintf("The table has the newest %d.", historyRows)
	}
	if d.HistoryProblem == "" {
		d.Blips = fmt.Sprintf("%s of less than five minutes in the %d days before.",
			bgp.Count(blips, "blip"), blipDays)
	}
	d.Below = a.table("Open outages within "+d.Name, entriesOf(a.Snapshot.Open, func(o *bgp.Outage) bool {
		return !is(o) && within(o, d.Entity)
	}), false)
}

// within reports whether an outage is of an entity inside e.
func within(o *bgp.Outage, e bgp.Entity) bool {
	switch e.Type {
	case bgp.EntityCountry:
		if o.Entity.Type == bgp.EntityRegion {
			return strings.HasPrefix(o.Entity.Code, e.Code+"-")
		}
		return slices.Contains(o.Countries, e.Code)
	case bgp.EntityRegion, bgp.EntityWatch:
		for _, p := range o.Parents {
			if p.Type == e.Type && p.Code == e.Code {
				return true
			}
		}
		for _, m := range o.Watch {
			if e.Type == bgp.EntityWatch && m.List == e.Code {
				return true
			}
		}
	case bgp.EntityAS:
		for _, x := range o.Origins {
			if o.Entity.Type == bgp.EntityPrefix && x.ASN.String() == e.Code {
				return true
			}
		}
	case bgp.EntityPrefix, bgp.EntityWorld:
	}
	return false
}

// now describes the state of an entity in a family by the newest value of the present, or by that
// of the store. ok is false if neither has a value.
func (a *asked) now(k live.Key, newest *history.Point, failed bool) (nowView, bool) {
	n := nowView{State: "unmeasured"}
	minute := a.Snapshot.Minute
	v, ok := a.Snapshot.Value(k)
	if ok = ok && v.Fresh(minute); !ok && newest != nil && minute.Sub(newest.At) < 2*time.Hour {
		v, ok = live.NewValue(bgp.Entity{Type: k.Type, Code: k.Code}, k.Family, newest.At,
			newest.Visible, newest.Usual, newest.Voters), true
	}
	p, voted := hasPanel(a.Snapshot, k.Family.String())
	is, are := "is", "are"
	family := k.Family.Title()
	if a.Snapshot.Stale {
		is, are = "was", "were"
		family += " at " + clock(a.Until())
	}
	switch {
	case !ok && failed:
		n.Sentence = family + ": not known."
	case !ok:
		n.Sentence = family + ": no measurement."
	case voted && !p.Verdicts:
		n.Sentence = fmt.Sprintf(
			"%s: no verdict %s possible. The last value is of %s: %s of %s were visible.", family,
			is, clock(v.Minute), space(v.Visible.Space, k.Family), space(v.Usual.Space, k.Family))
	case v.Visible.Space >= v.Usual.Space:
		n.State = "visible"
		n.Sentence = fmt.Sprintf("%s: all of the usual %s (%s) %s visible.", family,
			space(v.Usual.Space, k.Family), bgp.Count(v.Usual.Prefixes, "prefix"), are)
	case v.Visible.Space == 0:
		n.State = "lost"
		n.Sentence = fmt.Sprintf("%s: nothing of the usual %s (%s) %s visible.", family,
			space(v.Usual.Space, k.Family), bgp.Count(v.Usual.Prefixes, "prefix"), is)
	default:
		n.State = "losing"
		if v.LossPercent >= darkFrom {
			n.State = "lost"
		}
		n.Sentence = fmt.Sprintf("%s: %s of the usual %s %s visible (%s of %s). %s %s lost.",
			family, space(v.Visible.Space, k.Family), space(v.Usual.Space, k.Family), are,
			number(v.Visible.Prefixes), bgp.Count(v.Usual.Prefixes, "prefix"), percent(v.LossPercent), are)
	}
	return n, ok
}

// regionCode matches the codes that a region may have.
var regionCode = regexp.MustCompile(`^[A-Z]{2}-[A-Z0-9]{1,3}$`)

// upper returns the address of the page with the code in upper case. It returns "" if the code is
// already in upper case.
func (a *asked) upper(code, path string) string {
	if up := strings.ToUpper(code); up != code {
		return a.Link(path + url.PathEscape(up))
	}
	return ""
}
