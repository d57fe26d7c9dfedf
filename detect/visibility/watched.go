package visibility

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// maxOfList bounds the members of one list in a record, maxNamed the members of all lists.
	maxOfList = 20
	maxNamed  = 1000
)

// named collects the members of lists for a record.
type named struct {
	s   *State
	out []bgp.WatchMember
	of  map[string]int // number of members by list
}

// add adds a member, unless it is there already, its list has maxOfList members, or there are
// maxNamed members.
func (n *named) add(m member, coveredBy string) { n.keep(n.s.watchMember(m, coveredBy)) }

func (n *named) keep(w bgp.WatchMember) {
	i := slices.IndexFunc(n.out, func(o bgp.WatchMember) bool {
		return o.List == w.List && o.Member == w.Member
	})
	switch {
	case i >= 0:
		if w.CoveredBy == "" {
			n.out[i].CoveredBy = ""
		}
	case n.of[w.List] < maxOfList && len(n.out) < maxNamed:
		n.of[w.List]++
		n.out = append(n.out, w)
	}
}

// watchMember returns a member in the form of a record.
func (s *State) watchMember(m member, coveredBy string) bgp.WatchMember {
	l := s.watch.lists[m.list]
	return bgp.WatchMember{
		List: l.Name, Title: l.Title, Member: l.Members[m.member].String(),
		CoveredBy: coveredBy, Public: l.Public,
	}
}

func sortMembers(all []bgp.WatchMember) {
	slices.SortFunc(all, func(a, b bgp.WatchMember) int {
		return cmp.Or(cmp.Compare(a.List, b.List), cmp.Compare(a.Member, b.Member))
	})
}

// Watched lists the members of watch lists that an event concerns, for outage.View.Watch:
//   - of a prefix: the listed prefixes that contain it, its origins, its countries, and the members
//     that it covers and that have no route of their own,
//   - of an AS: the AS itself, and the countries in which it lost something,
//   - of a region or country: the country,
//   - of a list: its members that have lost something.
func (s *State) Watched(q outage.Watched) []bgp.WatchMember {
	w := &s.watch
	if len(w.lists) == 0 {
		return nil
	}
	n := &named{s: s, of: make(map[string]int)}
	switch q.Key.Type {
	case bgp.EntityPrefix:
		s.watchedPrefix(n, q.Key.Code, q.Origins)
	case bgp.EntityAS:
		if a, err := bgp.ParseASN(q.Key.Code); err == nil {
			for _, m := range w.asns[a] {
				n.add(m, "")
			}
		}
	case bgp.EntityRegion, bgp.EntityCountry:
		for _, m := range w.countries[q.Key.Code[:min(2, len(q.Key.Code))]] {
			n.add(m, "")
		}
	case bgp.EntityWatch:
		s.watchedList(n, q.Key)
	case bgp.EntityWorld:
	}
	for _, code := range q.Countries {
		for _, m := range w.countries[code] {
			n.add(m, "")
		}
	}
	for _, m := range q.Named {
		if at, still := w.member(m.List, m.Member); still {
			n.add(at, m.CoveredBy)
		}
	}
	sortMembers(n.out)
	return n.out
}

// member finds a member by the names of its list and of itself. ok is false if there is no such
// member any more.
func (w *watch) member(list, name string) (m member, ok bool) {
	i, ok := slices.BinarySearchFunc(w.lists, list,
		func(l *watchlist.List, name string) int { return cmp.Compare(l.Name, name) })
	if !ok {
		return m, false
	}
	j := slices.IndexFunc(w.lists[i].Members, func(x watchlist.Member) bool { return x.Is(name) })
	return member{int32(i), int32(j)}, j >= 0
}

// watchedPrefix adds the members that a prefix concerns.
func (s *State) watchedPrefix(n *named, code string, origins []bgp.ASN) {
	w := &s.watch
	k, ok := keyOf(code)
	if !ok {
		return
	}
	w.eachAround(k, s.family, func(i uint32) {
		for _, m := range w.points[i].own {
			n.add(m, "")
		}
	})
	r, ok := s.rib.Row(k)
	ok = ok && int(r) < len(s.prefixes)
	if ok {
		origins = slices.Concat(origins, s.origins.list(s.prefixes[r].usually))
	}
	for _, a := range origins {
		for _, m := range w.asns[a] {
			n.add(m, "")
		}
	}
	if !ok {
		return
	}
	for _, sh := range s.places.sets[s.prefixes[r].place] {
		if e := &s.entities[sh.entity]; e.key.Type == bgp.EntityCountry {
			for _, m := range w.countries[e.key.Code] {
				n.add(m, "")
			}
		}
	}
	for _, i := range w.covers[r] {
		p := &w.points[i]
		for _, m := range p.via {
			n.add(m, code)
		}
		if !p.within {
			for _, m := range p.own {
				n.add(m, code)
			}
		}
	}
}

// watchedList adds the members of a list that have lost something.
func (s *State) watchedList(n *named, k outage.Key) {
	var rows []rib.Row
	s.members(k, func(r rib.Row) {
		if s.prefixes[r].flags&lost != 0 {
			rows = append(rows, r)
		}
	})
	s.sortRows(rows)
	for _, r := range rows[:min(len(rows), maxNamed)] {
		of := &named{s: s, of: make(map[string]int)}
		s.watchedPrefix(of, s.rib.Key(r).Prefix(s.family).String(), nil)
		for _, m := range of.out {
			if m.List == k.Code {
				n.keep(m)
			}
		}
	}
}

// keyOf returns the key of a prefix in text form.
func keyOf(code string) (rib.Key, bool) {
	p, err := netip.ParsePrefix(code)
	if err != nil {
		return 0, false
	}
	_, k, ok := rib.KeyOf(p)
	return k, ok
}
