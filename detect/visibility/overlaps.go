package visibility

import (
	"cmp"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// overlaps sums up the lost or moved space of one entity, and the parts of it that wider entities
// have also lost or moved.
type overlaps struct {
	s     *State
	key   outage.Key
	of    uint32  // number of the entity; 0, the world, for a prefix: carriedIn takes whole rows
	asn   bgp.ASN // of an AS: its number
	moved bool

	total uint64
	wider map[uint32]uint64 // by entity
}

// Overlaps implements outage.View.
func (s *State) Overlaps(k outage.Key, moved bool) (space uint64, wider []outage.Overlap) {
	o := overlaps{s: s, key: k, of: s.byKey[k], moved: moved, wider: s.overlapped}
	if k.Type == bgp.EntityAS {
		o.asn, _ = bgp.ParseASN(k.Code)
	}
	s.members(k, o.add)
	for i, space := range o.wider {
		if space > 0 {
			wider = append(wider, outage.Overlap{Key: s.entities[i].key, Space: space})
		}
	}
	clear(o.wider)
	slices.SortFunc(wider, func(a, b outage.Overlap) int {
		return cmp.Or(
			cmp.Compare(a.Key.Type.Breadth(), b.Key.Type.Breadth()), cmp.Compare(a.Key.Code, b.Key.Code))
	})
	return o.total, wider
}

// add adds the space of a member, unless a member above it already counts its addresses.
func (o *overlaps) add(r rib.Row) {
	p := &o.s.prefixes[r]
	if !o.counts(p) {
		return
	}
	for _, q := range o.s.above(p) {
		if o.counts(q) && o.holds(q) {
			return
		}
	}
	if o.moved {
		o.addMoved(r, p)
		return
	}
	origins := p.usually
	if o.key.Type == bgp.EntityAS {
		origins = o.s.origins.of([]bgp.ASN{o.asn})
	}
	lost := o.s.spaceIn(o.key, r)
	lost -= min(lost, o.s.carriedIn(o.of, r, origins))
	if o.total += lost; lost > 0 && p.flags&counted != 0 {
		o.addLost(r, p, lost)
	}
}

// counts reports whether a prefix is lost, or moved, in the entity and no route above it carries
// its addresses.
func (o *overlaps) counts(p *prefix) bool {
	switch isAS := o.key.Type == bgp.EntityAS; {
	case o.moved && isAS:
		return o.s.movedFrom(p, o.asn) && !o.s.coveredBy(p, o.asn)
	case o.moved:
		return o.s.movedPrefix(p)
	case isAS:
		return p.flags&lost != 0 && !o.s.coveredBy(p, o.asn)
	}
	return p.flags&lost != 0 && !o.s.underOwn(p)
}

// holds reports whether a prefix is a member of the entity.
func (o *overlaps) holds(p *prefix) bool {
	switch {
	case p.flags&counted == 0 || o.key.Type == bgp.EntityPrefix:
		return false
	case o.key.Type == bgp.EntityAS:
		return o.s.origins.has(p.usually, o.asn)
	}
	return holds(o.s.places.sets[p.place], o.of) || o.s.inList(p, o.of)
}

// addLost adds the parts of a row that wider entities have lost. lost is the space that the entity
// has lost of it.
func (o *overlaps) addLost(r rib.Row, p *prefix, lost uint64) {
	s := o.s
	if o.key.Type.Breadth() < bgp.EntityAS.Breadth() {
		for _, a := range s.origins.list(p.usually) {
			if i, ok := s.byASN[a]; ok && !s.coveredBy(p, a) {
				o.count(i, s.rib.Key(r).Space(s.family), s.carriedIn(i, r, s.origins.of([]bgp.ASN{a})), lost)
			}
		}
	}
	if s.under(p, wide) {
		return
	}
	for _, sh := range s.places.sets[p.place] {
		if o.isWider(s.entities[sh.entity].key) {
			o.count(sh.entity, sh.space, s.carriedIn(sh.entity, r, p.usually), lost)
		}
	}
	if o.key.Type != bgp.EntityWatch { // a list is not a part of another list
		for _, sh := range s.watch.sets[p.watch] {
			o.count(sh.entity, sh.space, s.carriedIn(sh.entity, r, p.usually), lost)
		}
	}
	o.wider[world] += lost
}

// isWider reports whether a country or region is wider than the entity. A region is only in its
// own country.
func (o *overlaps) isWider(place outage.Key) bool {
	if o.key.Type == bgp.EntityRegion {
		country, _, _ := strings.Cut(o.key.Code, "-")
		return place.Type == bgp.EntityCountry && place.Code == country
	}
	return place.Type.Breadth() > o.key.Type.Breadth()
}

// count adds the space of a row that a wider entity has lost: its space in that entity without the
// carried part, at most the space that the entity itself has lost.
func (o *overlaps) count(i uint32, space, carried, lost uint64) {
	o.wider[i] += min(space-min(space, carried), lost)
}

// addMoved adds the space of a row, also to the ASes from which it has moved.
func (o *overlaps) addMoved(r rib.Row, p *prefix) {
	s, space := o.s, o.s.rib.Key(r).Space(o.s.family)
	o.total += space
	if o.key.Type != bgp.EntityPrefix || p.flags&counted == 0 {
		return
	}
	for _, a := range s.origins.list(p.usually) {
		if i, ok := s.byASN[a]; ok && s.movedFrom(p, a) && !s.coveredBy(p, a) {
			o.wider[i] += space
		}
	}
}

// carriedIn returns the part of a row's space in an entity that visible more-specific routes of
// the origins carry. If a prefix is wholly in a watch list, every carrier within it is wholly in
// the list.
func (s *State) carriedIn(i uint32, r rib.Row, origins originID) (space uint64) {
	whole := s.entities[i].key.Type == bgp.EntityWatch && s.spaceOf(i, r) == s.rib.Key(r).Space(s.family)
	for carrier := range s.carriers(&s.prefixes[r], origins) {
		if whole {
			space += s.rib.Key(carrier).Space(s.family)
		} else {
			space += s.spaceOf(i, carrier)
		}
	}
	return space
}
