package visibility

import (
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// share is the part of a prefix that belongs to an entity. asn is the number if the entity is an
// AS, otherwise 0. covering (of a watch list): the prefix is no member, but it covers members
// without routes of their own, and space is their space.
type share struct {
	entity   uint32
	asn      bgp.ASN
	space    uint64
	covering bool
}

// belonging determines the entities to which a prefix belongs.
type belonging struct {
	place   placeID
	usually originID
	watch   watchID
}

// shares appends the entities to which a row belongs: the world, its places, its usual origins,
// and watch lists. All functions that count prefixes for entities use it.
func (s *State) shares(dst []share, r rib.Row, b belonging) []share {
	space := s.rib.Key(r).Space(s.family)
	dst = append(dst, share{entity: world, space: space})
	dst = append(dst, s.places.sets[b.place]...)
	for _, a := range s.origins.list(b.usually) {
		dst = append(dst, share{entity: s.asEntity(a), asn: a, space: space})
	}
	return append(dst, s.watch.sets[b.watch]...)
}

// sharesOf returns the shares of a row in its present state. The list is valid until the next
// call.
func (s *State) sharesOf(r rib.Row) []share {
	s.scratch.of = s.shares(s.scratch.of[:0], r, s.prefixes[r].belonging)
	return s.scratch.of
}

// scratch is memory for reuse.
type scratch struct{ of, was, is []share }

// holds reports whether a list has a share of an entity.
func holds(list []share, entity uint32) bool {
	return slices.ContainsFunc(list, func(sh share) bool { return sh.entity == entity })
}

// regroup updates the lists of members for the new state of a row. Counted prefixes are members.
// The world has no list.
func (s *State) regroup(c *change, p *prefix) {
	countedWas, countedIs := p.flags&counted != 0, c.flags&counted != 0
	if countedWas == countedIs && (!countedIs || p.belonging == c.belonging) {
		return
	}
	was, is := s.scratch.was[:0], s.scratch.is[:0]
	if countedWas {
		was = s.shares(was, c.row, p.belonging)
	}
	if countedIs {
		is = s.shares(is, c.row, c.belonging)
	}
	for _, sh := range was {
		if sh.entity != world && !holds(is, sh.entity) {
			s.leave(sh.entity, c.row)
		}
	}
	for _, sh := range is {
		if sh.entity != world && !holds(was, sh.entity) {
			s.join(sh.entity, c.row)
		}
	}
	s.scratch.was, s.scratch.is = was, is
}
