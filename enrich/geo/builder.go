package geo

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo/source"
	"github.com/darkmap/darkmap/internal/bgp"
)

// maxPlaces bounds the regions; ISO 3166-2 has about 5,000.
const maxPlaces = 1 << 16

var errTooManyPlaces = errors.New("too many regions")

// builder collects layers. The values of a layer are place ids + 1.
type builder struct {
	ids    map[Place]PlaceID
	places []Place

	geolocation, delegation, whois []*layer
	origin                         *layer
}

func newBuilder() *builder { return &builder{ids: map[Place]PlaceID{}} }

func (b *builder) id(p Place) (PlaceID, error) {
	if id, ok := b.ids[p]; ok {
		return id, nil
	}
	if len(b.places) >= maxPlaces {
		return 0, fmt.Errorf("more than %d: %w", maxPlaces, errTooManyPlaces)
	}
	id := PlaceID(len(b.places))
	b.places = append(b.places, p)
	b.ids[p] = id
	return id, nil
}

// read makes a layer of a file. It rejects a file without locations, such as a file of origins
// alone.
func (b *builder) read(f File) (source.Info, Kind, error) {
	l, located := &layer{}, false
	info, err := source.Read(f.Path, source.Visitor{Range: func(r source.Range) error {
		if r.Country == "" || r.Last == maxUnit {
			return nil
		}
		id, err := b.id(Place{r.Country, r.Region})
		if err != nil {
			return err
		}
		located = true
		spans := l.of(r.Family)
		*spans = append(*spans, span{r.First, r.Last, uint32(id) + 1})
		return nil
	}})
	if err != nil {
		return info, "", err
	}
	if !located {
		return info, "", fmt.Errorf("no row has a country: %w", source.ErrUnrecognised)
	}
	l.v4, l.v6 = flatten(l.v4), flatten(l.v6)
	kind := kindOf(f, info)
	switch kind {
	case KindGeolocation:
		b.geolocation = append(b.geolocation, l)
	case KindDelegation:
		b.delegation = append(b.delegation, l)
	case KindWhois:
		b.whois = append(b.whois, l)
	}
	return info, kind, nil
}

// origins makes the layer of the countries in which the originating ASes are registered.
func (b *builder) origins(s *asn.Snapshot) {
	l := &layer{}
	for p, a := range s.Origins().AllSorted() {
		owner, ok := s.Lookup(a)
		if !ok || owner.Country == "" {
			continue
		}
		id, err := b.id(Place{Country: owner.Country})
		if err != nil {
			// The limit cannot be reached here: there are fewer countries than maxPlaces.
			continue
		}
		family, first, last := source.Span(p)
		*l.of(family) = append(*l.of(family), span{first, min(last, maxUnit-1), uint32(id) + 1})
	}
	l.v4, l.v6 = flatten(l.v4), flatten(l.v6)
	b.origin = l
}

// snapshot merges the layers into one table of disjoint prefixes.
func (b *builder) snapshot() *Snapshot {
	s := &Snapshot{table: &bart.Table[PlaceID]{}}
	space := make([][len(bgp.Families)]uint64, len(b.places))
	for i, family := range bgp.Families {
		b.merge(family, s.table, func(id PlaceID, units uint64) { space[id][i] += units })
	}
	s.places, s.space = b.places, make([]Space, len(space))
	for id, units := range space {
		s.space[id] = Space{units[0], units[1]}
	}
	return s
}

// merge inserts the places of a family into table and counts their space.
func (b *builder) merge(family bgp.Family, table *bart.Table[PlaceID], count func(id PlaceID, units uint64)) {
	var layers [][]span
	add := func(all []*layer) (from, to int) {
		from = len(layers)
		for _, l := range all {
			layers = append(layers, *l.of(family))
		}
		return from, len(layers)
	}
	_, measured := add(b.geolocation)
	from, delegated := add(b.delegation)
	whoisFrom, whoisTo := add(b.whois)
	if b.origin != nil {
		add([]*layer{b.origin})
	}
	var run span // the current run of units with the same place
	put := func() {
		if run.value != 0 {
			count(PlaceID(run.value-1), run.last-run.first+1)
			source.EachPrefix(family, run.first, run.last,
				func(p netip.Prefix) { table.Insert(p, PlaceID(run.value-1)) })
		}
	}
	merge(layers, func(first, last uint64, values []uint32) {
		value := firstKnown(values[:measured])
		if value == 0 {
			origin := uint32(0)
			if b.origin != nil {
				origin = values[len(values)-1]
			}
			value = b.register(firstKnown(values[from:delegated]), origin, firstKnown(values[whoisFrom:whoisTo]))
		}
		if value == run.value && run.last+1 == first {
			run.last = last
			return
		}
		put()
		run = span{first, last, value}
	})
	put()
}

func firstKnown(values []uint32) uint32 {
	for _, v := range values {
		if v != 0 {
			return v
		}
	}
	return 0
}

// register chooses between delegation, the origin's registration and whois by the rules in doc.go.
func (b *builder) register(delegation, origin, whois uint32) uint32 {
	country := func(value uint32) string {
		if value == 0 {
			return ""
		}
		return b.places[value-1].Country
	}
	winner := delegation
	if winner == 0 || (origin != 0 && country(origin) == country(whois)) {
		winner = origin
	}
	if winner == 0 {
		winner = delegation
	}
	if winner == 0 || country(winner) == country(whois) {
		return whois
	}
	return winner
}
