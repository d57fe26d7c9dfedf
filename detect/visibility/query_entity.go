package visibility

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// maxLooked bounds the prefixes that an answer about an AS, a country or a region examines. It
// takes a few milliseconds at most.
const maxLooked = 1 << 17

// Entity returns the present sample of an entity that is not a prefix. ok is false if no part of it
// was ever seen.
func (s *State) Entity(k outage.Key) (outage.Sample, bool) {
	i, ok := s.byKey[k]
	if !ok {
		return outage.Sample{}, false
	}
	n := s.entities[i].sample()
	return n, n.Space > 0 || n.KnownSpace > 0 || s.entities[i].everSampled
}

// LostOf lists up to limit lost prefixes of an AS, a country or a region, those with most space in
// it first, and counts them. cut: the list or the examination is not complete.
func (s *State) LostOf(k outage.Key, limit int) (list []query.LostPrefix, total int, cut bool) {
	i, ok := s.byKey[k]
	if !ok || i == world {
		return nil, 0, false
	}
	best := largest{limit: limit}
	cut = !s.eachOfEntity(i, func(r rib.Row) {
		if p := &s.prefixes[r]; p.flags&lost != 0 {
			total++
			best.add(r, s.rib.Key(r), s.spaceOf(i, r))
		}
	})
	for _, x := range best.take() {
		p := &s.prefixes[x.row]
		l := query.LostPrefix{
			Prefix: s.rib.Key(x.row).Prefix(s.family).String(),
			HeldBy: s.voters.Count(s.rib.Held(x.row)), Covered: s.covered(x.row, p),
			Origins: slices.Clone(s.origins.list(p.usually)),
		}
		if p.since != 0 {
			l.Since = timeOf(int64(p.since)*60 - 60)
		}
		upstreams := map[bgp.ASN]int{}
		s.rib.EachPair(x.row, func(_, upstream bgp.ASN, slots []uint64) {
			if n := s.voters.Count(slots); n > 0 && upstream != 0 {
				upstreams[upstream] += n
			}
		})
		l.Upstreams = byVoters(upstreams)
		trim(&l.Upstreams, maxOrigins)
		list = append(list, l)
	}
	return list, total, cut || total > len(list)
}

// PrefixesOf lists up to limit prefixes that an AS usually originates, sorted by address, and
// counts all. If there are more than maxLooked, it only counts them.
func (s *State) PrefixesOf(k outage.Key, limit int) (list []query.Brief, total int) {
	i, ok := s.byKey[k]
	if !ok {
		return nil, 0
	}
	members := s.entities[i].members
	if total = len(members); total > maxLooked {
		return nil, total
	}
	keys := make([]rib.Key, 0, total)
	for _, r := range members {
		keys = append(keys, s.rib.Key(r))
	}
	slices.Sort(keys)
	for _, k := range keys[:min(total, limit)] {
		if b, ok := s.Brief(k); ok {
			list = append(list, b)
		}
	}
	return list, total
}

// largest keeps the rows with most space, in that order. Among rows with equal space it keeps
// those with the lower keys.
type largest struct {
	limit int
	rows  []sized
	full  bool // rows holds limit sorted rows, and a new row must come before the last of them
}

// sized is a row and its space in an entity.
type sized struct {
	row   rib.Row
	key   rib.Key
	space uint64
}

func (a sized) compare(b sized) int {
	return cmp.Or(cmp.Compare(b.space, a.space), cmp.Compare(a.key, b.key))
}

func (l *largest) add(r rib.Row, k rib.Key, space uint64) {
	x := sized{r, k, space}
	if l.full && x.compare(l.rows[l.limit-1]) > 0 {
		return
	}
	if l.rows = append(l.rows, x); len(l.rows) >= 4*l.limit+64 {
		l.take()
	}
}

// take sorts the rows and drops those beyond the limit.
func (l *largest) take() []sized {
	slices.SortFunc(l.rows, sized.compare)
	l.full = len(l.rows) >= l.limit
	l.rows = l.rows[:min(len(l.rows), l.limit)]
	return l.rows
}

// spaceOf returns the space of a row that lies in an entity.
func (s *State) spaceOf(i uint32, r rib.Row) uint64 {
	if t := s.entities[i].key.Type; t == bgp.EntityCountry || t == bgp.EntityRegion || t == bgp.EntityWatch {
		for _, sh := range s.sharesOf(r) {
			if sh.entity == i {
				return sh.space
			}
		}
		return 0
	}
	return s.rib.Key(r).Space(s.family)
}

// eachOfEntity calls f with the counted prefixes of an entity. If there are much fewer open
// samples than members, it calls f only with the members that have one, which includes all lost
// prefixes. It returns false if it stopped after maxLooked prefixes.
func (s *State) eachOfEntity(i uint32, f func(r rib.Row)) bool {
	e := &s.entities[i]
	looked := 0
	if len(e.members) <= 8*len(s.open) { // iterating a map takes longer
		for _, r := range e.members {
			if looked++; looked > maxLooked {
				return false
			}
			f(r)
		}
		return true
	}
	for r := range s.open {
		if looked++; looked > maxLooked {
			return false
		}
		if s.prefixes[r].flags&counted != 0 && holds(s.sharesOf(r), i) {
			f(r)
		}
	}
	return true
}
