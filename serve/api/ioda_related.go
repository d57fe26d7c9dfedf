package api

import (
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/history"
)

// relation is the filter relatedTo for entities. The zero value lets all pass.
type relation struct {
	set bool
	// countries and networks hold codes: KP, AS131279.
	countries, networks map[string]bool
}

// has reports whether an entity passes. A region passes with its country.
func (x *relation) has(e bgp.Entity) bool {
	if !x.set {
		return true
	}
	if e.Type == bgp.EntityAS {
		return x.networks[e.Code]
	}
	country, _, _ := strings.Cut(e.Code, "-")
	return x.countries[country]
}

// relation finds what relatedTo asks for. With a country it is the country, its regions and the
// networks that originate prefixes in it. With an AS it is the AS, and the countries of its
// prefixes with their regions.
func (s *service) relation(q *iodaQuery, kinds []bgp.EntityType) (relation, error) {
	var related history.OutagesQuery
	if err := q.related(&related); err != nil || len(related.Countries)+len(related.ASNs) == 0 {
		return relation{}, err
	}
	x := relation{set: true, countries: map[string]bool{}, networks: map[string]bool{}}
	for _, country := range related.Countries {
		x.countries[country] = true
	}
	for _, asn := range related.ASNs {
		x.networks[asn.String()] = true
	}
	networks := len(related.Countries) > 0 && slices.Contains(kinds, bgp.EntityAS)
	places := len(related.ASNs) > 0 && !slices.Equal(kinds, []bgp.EntityType{bgp.EntityAS})
	if !networks && !places {
		return x, nil
	}
	at, err := s.end(q.moment)
	if err != nil {
		return x, err
	}
	for _, country := range related.Countries {
		found, err := s.History.Networks(q.r.Context(), q.scope, country, at, maxIODA)
		if err != nil {
			return x, err
		}
		for _, n := range found {
			x.networks[n.ASN.String()] = true
		}
	}
	for _, asn := range related.ASNs {
		found, err := s.History.Originated(q.r.Context(), q.scope, asn, at, maxIODA)
		if err != nil {
			return x, err
		}
		for _, h := range found {
			x.countries[h.Country] = true
		}
	}
	return x, nil
}
