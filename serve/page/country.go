package page

import (
	"github.com/darkmap/darkmap/internal/bgp"
)

// networkRow is a network of a country.
type networkRow struct {
	Name, Link, Family string
	Visible, Known     string
	Prefixes           string
	// Loss is the share of the missing space. It is empty if nothing is missing.
	Loss string
}

// countryNetworks bounds the networks that the page of a country lists.
const countryNetworks = 50

// countryPage answers `/country/{code}`.
func (s *site) countryPage(a *asked) (*content, error) {
	code := a.PathValue("code")
	if to := a.upper(code, "/country/"); to != "" {
		return &content{redirect: to}, nil
	}
	if bgp.CountryName(code) == "" {
		return nil, notFound("There is no such country", "Countries have the two letters of ISO 3166-1, as KP.")
	}
	// The page of a country without data reports that itself, so the error is ignored.
	c, d, _ := a.entity(bgp.Entity{Type: bgp.EntityCountry, Code: code})
	c.Title = d.Name + " (" + code + ")"
	if err := d.networks(a); err != nil {
		d.NetworksProblem, c.Lacks = reason(err), true
	}
	return c, nil
}

// networks lists the networks of the country, by size.
func (d *entityView) networks(a *asked) error {
	if a.Until().IsZero() {
		return nil
	}
	got, err := a.site.deps.History.Networks(a.Context(), a.scope, d.Entity.Code, a.Until(), countryNetworks)
	for _, n := range got {
		f, _ := bgp.FamilyNamed(n.Family)
		if !a.shows(n.Family) {
			continue
		}
		r := networkRow{
			Name: asText(n.AS), Link: a.LinkEntity(bgp.EntityAS, n.ASN.String()), Family: f.Title(),
			Visible: space(n.Visible.Space, f), Known: space(n.Known.Space, f),
			Prefixes: number(n.Visible.Prefixes) + " of " + number(n.Known.Prefixes),
		}
		if n.Visible.Space < n.Known.Space {
			r.Loss = percent(bgp.Hundredths(uint64(n.Known.Space-n.Visible.Space), uint64(n.Known.Space), 100))
		}
		d.Networks = append(d.Networks, r)
	}
	return err
}
