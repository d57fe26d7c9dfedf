package page

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/history"
)

// asPrefixes bounds the prefixes that the page of a network lists.
const asPrefixes = 100

// regionPage answers `/region/{code}`.
func (s *site) regionPage(a *asked) (*content, error) {
	code := a.PathValue("code")
	if to := a.upper(code, "/region/"); to != "" {
		return &content{redirect: to}, nil
	}
	if !regionCode.MatchString(code) || bgp.CountryName(code[:2]) == "" {
		return nil, notFound("There is no such region", "Regions have the codes of ISO 3166-2, as KP-01.")
	}
	c, d, err := a.entity(bgp.Entity{Type: bgp.EntityRegion, Code: code})
	if err != nil && !c.Lacks {
		return nil, err
	}
	d.Part = &namedLink{Text: bgp.CountryName(code[:2]), Link: a.LinkEntity(bgp.EntityCountry, code[:2])}
	return c, nil
}

// asPage answers `/as/{number}`.
func (s *site) asPage(a *asked) (*content, error) {
	asn, err := bgp.ParseASN(a.PathValue("number"))
	if err != nil {
		return nil, notFound("There is no such network",
			"Networks have AS numbers, as 131279. They go up to 4294967295.")
	}
	if a.PathValue("number") != fmt.Sprint(uint32(asn)) {
		return &content{redirect: a.LinkEntity(bgp.EntityAS, asn.String())}, nil
	}
	c, d, missing := a.entity(bgp.Entity{Type: bgp.EntityAS, Code: asn.String()})
	got, err := s.deps.History.Originated(a.Context(), a.scope, asn, a.Until(), asPrefixes)
	switch {
	case err != nil:
		d.PrefixesProblem, c.Lacks = reason(err), true
	case len(got) == 0 && missing != nil && !c.Lacks:
		return nil, missing
	}
	d.Prefixes = a.held(got)
	return c, nil
}

// heldRow is a prefix and its state over a time.
type heldRow struct {
	Prefix, Link string
	State        string
	Since, Until time.Time
	AtLeast      bool
	// Seen is for example 40 of 45.
	Seen               string
	Usual              string
	Origins, Upstreams []namedLink
}

// held makes rows of holders.
func (a *asked) held(all []history.Holder) []heldRow {
	var out []heldRow
	for _, h := range all {
		if !a.shows(h.Family) {
			continue
		}
		r := heldRow{
			Prefix: h.Prefix, Link: a.LinkEntity(bgp.EntityPrefix, h.Prefix),
			State: stateMeaning(h.State), Since: h.Since, AtLeast: h.SinceAtLeast,
			Seen:    fmt.Sprintf("%s of %s", number(h.SeenBy), number(h.Voters)),
			Origins: a.networks(h.Origins), Upstreams: a.networks(h.Upstreams),
		}
		if h.UsualPercent > 0 {
			r.Usual = percent(h.UsualPercent)
		}
		// Otherwise the state still held at the moment of the page.
		if h.Until != nil && !h.Until.After(a.Until()) {
			r.Until = *h.Until
		}
		out = append(out, r)
	}
	return out
}

// stateMeaning describes the state of a prefix.
func stateMeaning(state string) string {
	switch state {
	case "partly":
		return "partly visible"
	case "gone":
		return "not in the table"
	}
	return strings.ReplaceAll(state, "_", " ")
}

// watchPage answers `/watch/{list}`. Only logged-in viewers get the page of a list that is not
// public.
func (s *site) watchPage(a *asked) (*content, error) {
	list := a.PathValue("list")
	c, d, err := a.entity(bgp.Entity{Type: bgp.EntityWatch, Code: list})
	if err != nil {
		return nil, &problem{
			http.StatusNotFound, "There is no such watch list",
			"Watch lists that are not public are shown to people who are logged in.",
		}
	}
	d.members(a, list)
	return c, nil
}
