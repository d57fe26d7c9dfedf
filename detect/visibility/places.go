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

// placeID names the places of a prefix; 0 is unknown.
type placeID uint32

// maxPlaces bounds the sets of places; a prefix beyond it lies nowhere.
const maxPlaces = 1 << 20

// places keeps each distribution over countries and regions once.
type places struct {
	sets    [][]share
	content [][]byte // by placeID: what orders them
	index   map[string]placeID
	buf     []byte
}

func newPlaces() places {
	return places{sets: make([][]share, 1), content: make([][]byte, 1), index: make(map[string]placeID)}
}

// SetPlace says where the prefix of a row lies, as Route.place_shares does. It is taken over when the window closes, for prefixes
// that have no place yet, and once an hour for the others, but not while they are lost.
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
		p.staged = id // collectors disagree: the choice must not depend on who came last
	}
}

// placeOf keeps the shares; 0 where they make no sense.
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

// addPlace keeps the places that content lists.
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

// eachPlace yields what a content lists. It ends where the content is not whole.
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

// addShare adds to an entity's share.
func addShare(set []share, entity uint32, space uint64) []share {
	for i := range set {
		if set[i].entity == entity {
			set[i].space += space
			return set
		}
	}
	return append(set, share{entity: entity, space: space})
}

// Belongs says whose a prefix is and in which countries an AS or prefix has lost something, as outage.View says.
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
	countries = slices.SortedFunc(maps.Keys(space), func(a, b string) int { return cmp.Or(cmp.Compare(space[b], space[a]), cmp.Compare(a, b)) })
	return origins, countries
}

// heldPlaces lists where a prefix with places id lies, most space first; at most maxHeldPlaces.
func (s *State) heldPlaces(id placeID) []HeldPlace {
	out := slices.Collect(eachPlace(s.places.content[id]))
	slices.SortFunc(out, func(a, b HeldPlace) int {
		return cmp.Or(cmp.Compare(b.Space, a.Space), cmp.Compare(a.Country, b.Country), cmp.Compare(a.Region, b.Region))
	})
	return out[:min(len(out), maxHeldPlaces)]
}
