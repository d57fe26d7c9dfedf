package page

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/serve/history"
)

// searchView holds the results of a search.
type searchView struct {
	Query string
	Found []foundRow
	// Problem is the reason why a part was not searched.
	Problem, Hint string
}

// foundRow is a thing that the text names.
type foundRow struct{ Name, Noun, Link string }

const (
	maxFound = 50
	maxQuery = 200
)

// searchPage answers `/search?q=`. If the text names one thing exactly, it redirects to the page of
// that thing.
func (s *site) searchPage(a *asked) (*content, error) {
	text := strings.TrimSpace(a.URL.Query().Get("q"))
	if len(text) > maxQuery {
		text = strings.ToValidUTF8(text[:maxQuery], "")
	}
	d := &searchView{
		Query: text,
		Hint: "Search for a country (North Korea, KP), a region (KP-01), a network (AS131279, " +
			"or a part of its name), a prefix, an address, or the id of an outage.",
	}
	c := &content{Template: "search", Title: "Search", Description: d.Hint, Data: d}
	if text == "" {
		return c, nil
	}
	c.Title = "Search: " + text
	if q, err := query.Parse(text); err == nil {
		to, err := a.leads(q)
		switch {
		case err != nil:
			d.Problem, c.Lacks = reason(err), true
			return c, nil
		case to != "":
			c.redirect = to
			return c, nil
		case q.Kind == query.KindAddress:
			d.Problem = fmt.Sprintf("No prefix is known that contains %s.", q.Code)
			return c, nil
		}
	}
	for _, code := range bgp.CountriesNamed(text) {
		d.Found = append(d.Found, foundRow{
			bgp.CountryName(code) + " (" + code + ")", "country",
			a.LinkEntity(bgp.EntityCountry, code),
		})
	}
	at := a.Until()
	if at.IsZero() {
		at = s.deps.Now()
	}
	if err := d.named(a, text, at); err != nil {
		d.Problem, c.Lacks = "Names of networks and regions were not looked for. "+reason(err), true
	}
	if len(d.Found) == 1 && d.Problem == "" {
		c.redirect = d.Found[0].Link
	}
	return c, nil
}

// leads returns the address of the page that a question names, or "".
func (a *asked) leads(q query.Question) (string, error) {
	switch q.Kind {
	case query.KindOutage:
		return a.LinkOutage(q.Code), nil
	case query.KindCountry:
		if bgp.CountryName(q.Code) == "" {
			return "", nil
		}
	case query.KindAddress:
		found, err := a.site.deps.History.Holders(a.Context(), a.scope, q.Prefix, a.Until())
		if errors.Is(err, history.ErrNotFound) || err == nil && len(found) == 0 {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return a.LinkEntity(bgp.EntityPrefix, found[0].Prefix), nil
	case query.KindWatch:
		if list, ok := strings.CutPrefix(q.Code, query.WatchCode+"/"); ok {
			return a.LinkEntity(bgp.EntityWatch, list), nil
		}
		return "", nil
	case query.KindPrefix, query.KindAS, query.KindRegion:
	}
	t, ok := q.Type()
	if !ok {
		return "", nil
	}
	return a.LinkEntity(t, q.Code), nil
}

// named finds regions, networks and watch lists by a part of their name.
func (d *searchView) named(a *asked, text string, at time.Time) error {
	found, err := a.site.deps.History.Named(a.Context(), a.scope, text, at, maxFound)
	for _, e := range found {
		d.Found = append(d.Found, foundRow{entityName(e), kindOfEntity(e.Type), a.LinkEntity(e.Type, e.Code)})
	}
	return err
}
