package visibility

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// placeID identifies the places of a prefix; 0: unknown.
type placeID uint32

// maxPlaces bounds the sets of places. Beyond it, a prefix with a new set has no place.
const maxPlaces = 1 << 20

// places stores each distribution over countries and regions once.
type places struct {
	sets    [][]share
	content [][]byte // by placeID: the encoded places, which define the order of the sets
	index   map[string]placeID
	buf     []byte
}

func newPlaces() places {
	return places{
		sets: make([][]share, 1), content: make([][]byte, 1), index: make(map[string]placeID),
	}
}

// SetPlace sets the place of a row's prefix, in the encoding of Route.place_shares. It takes
// effect when the window closes. A prefix without a place takes it at any time, another prefix
// once an hour. A lost prefix keeps its place.
func (s *State) SetPlace(row rib.Row, all []*pb.Place, shares []uint64) {
	if len(shares) == 0 {
		return
	}
	p := s.prefix(row)
	if p.place != 0 && !s.placing {
		return
	}
	id := s.placeOf(all, shares)
	switch {
	case id == 0 || id == p.staged:
	case p.staged == 0:
		p.staged = id
		s.staged = append(s.staged, row)
	case bytes.Compare(s.places.content[id], s.places.content[p.staged]) < 0:
		p.staged = id // collectors disagree: the choice must not depend on the order of records
	}
}

// placeOf returns the set of these shares and stores it if it is new. It returns 0 if no share is
// valid.
func (s *State) placeOf(all []*pb.Place, shares []uint64) placeID {
	b := s.places.buf[:0]
	for i := 0; i+1 < len(shares); i += 2 {
		if shares[i] >= uint64(len(all)) || shares[i+1] == 0 {
			continue
		}
		pl := all[shares[i]]
		if len(pl.GetCountry()) > 255 || len(pl.GetRegion()) > 255 {
			continue
		}
		b = append(b, byte(len(pl.GetCountry())))
		b = append(b, pl.GetCountry()...)
		b = append(b, byte(len(pl.GetRegion())))
		b = append(b, pl.GetRegion()...)
		b = binary.AppendUvarint(b, shares[i+1])
	}
	s.places.buf = b
	if id, ok := s.places.index[string(b)]; ok {
		return id
	}
	if len(b) == 0 || len(s.places.sets) >= maxPlaces {
		return 0
	}
	return s.addPlace(bytes.Clone(b))
}

// addPlace stores the places in content.
func (s *State) addPlace(content []byte) placeID {
	var set []share
	for p := range eachPlace(content) {
		if p.Country != "" {
			set = addShare(set, s.entity(bgp.EntityCountry, p.Country), p.Space)
		}
		if p.Region != "" {
			set = addShare(set, s.entity(bgp.EntityRegion, p.Region), p.Space)
		}
	}
	slices.SortFunc(set, func(a, b share) int { return cmp.Compare(a.entity, b.entity) })
	id := placeID(len(s.places.sets))
	s.places.sets = append(s.places.sets, set)
	s.places.content = append(s.places.content, content)
	s.places.index[string(content)] = id
	return id
}

// eachPlace yields the places in content. It stops where content is not complete.
func eachPlace(content []byte) iter.Seq[HeldPlace] {
	text := func(b []byte) (string, []byte, bool) {
		if len(b) == 0 || len(b) <= int(b[0]) {
			return "", nil, false
		}
		return string(b[1 : 1+b[0]]), b[1+b[0]:], true
	}
	return func(yield func(HeldPlace) bool) {
		for b := content; len(b) > 0; {
			var p HeldPlace
			var ok, more bool
			p.Country, b, ok = text(b)
			p.Region, b, more = text(b)
			space, n := binary.Uvarint(b)
			if p.Space = space; !ok || !more || n <= 0 || !yield(p) {
				return
			}
			b = b[n:]
		}
	}
}

// addShare adds space to an entity's share.
func addShare(set []share, entity uint32, space uint64) []share {
	for i := range set {
		if set[i].entity == entity {
			set[i].space += space
			return set
		}
	}
	return append(set, share{entity: entity, space: space})
}

// Belongs returns the usual origins of a prefix and all its countries, or the countries of the lost
// and moved prefixes of an AS. The country with most of their space comes first. It implements
// outage.View.
func (s *State) Belongs(k outage.Key) (origins []bgp.ASN, countries []string) {
	if k.Type != bgp.EntityAS && k.Type != bgp.EntityPrefix {
		return nil, nil
	}
	asn, err := bgp.ParseASN(k.Code)
	isAS := k.Type == bgp.EntityAS && err == nil
	space := make(map[string]uint64)
	s.members(k, func(r rib.Row) {
		p := &s.prefixes[r]
		if isAS && p.flags&lost == 0 && !s.movedFrom(p, asn) {
			return
		}
		if !isAS {
			origins = s.origins.list(p.usually)
		}
		for _, sh := range s.sharesOf(r) {
			if e := &s.entities[sh.entity]; e.key.Type == bgp.EntityCountry {
				space[e.key.Code] += sh.space
			}
		}
	})
	countries = slices.SortedFunc(maps.Keys(space), func(a, b string) int {
		return cmp.Or(cmp.Compare(space[b], space[a]), cmp.Compare(a, b))
	})
	return origins, countries
}

// heldPlaces lists the places of a set, most space first, at most maxHeldPlaces.
func (s *State) heldPlaces(id placeID) []HeldPlace {
	out := slices.Collect(eachPlace(s.places.content[id]))
	slices.SortFunc(out, func(a, b HeldPlace) int {
		return cmp.Or(
			cmp.Compare(b.Space, a.Space), cmp.Compare(a.Country, b.Country), cmp.Compare(a.Region, b.Region))
	})
	return out[:min(len(out), maxHeldPlaces)]
}
