package visibility

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
)

// watchID identifies a set of shares in watch lists; 0: none.
type watchID uint32

// maxWatchSets bounds the sets. Beyond it, a prefix with a new set belongs to no list.
const maxWatchSets = 1 << 20

// member identifies a member by the numbers of its list and of itself.
type member struct{ list, member int32 }

// watch holds the members of the watch lists in the family and the prefixes that belong to the
// lists. Whether a prefix belongs to a list is decided when it becomes known or seen or is so no
// more, when its usual origin or place changes, and when the list changes.
type watch struct {
	lists    []*watchlist.List // sorted by name
	entities []uint32          // the entity of each list

	ranges    rangeSet // ranges of the points
	lengths   uint64   // bit n: a point has length n
	asns      map[bgp.ASN][]member
	countries map[string][]member
	// places holds, by placeID, the members that are countries of the place. It may be shorter
	// than the places: the last ones have not been examined yet.
	places [][]memberSpace

	points  []point            // sorted by key
	pointAt map[rib.Key]uint32 // index in points
	covers  map[rib.Row][]uint32
	// toggled are prefixes that touch points and became known or unknown since the points were
	// judged.
	toggled []rib.Key

	sets  [][]share
	index map[string]watchID
	buf   []byte
	parts []share
}

// point is an address range of a list that is judged by the routes within it or around it.
type point struct {
	key rib.Key
	// own are listed prefixes. They are judged by the known prefixes within them, if there are
	// any.
	own []member
	// via are hosts that have an address within, and listed prefixes that are longer than the
	// longest prefix that is judged.
	via    []member
	within bool    // a known prefix lies within the point or is the point
	cover  rib.Row // the longest known prefix that covers the point; noRow if there is none
}

func newWatch() watch {
	return watch{
		sets: make([][]share, 1), index: make(map[string]watchID), covers: make(map[rib.Row][]uint32),
	}
}

// SetLists replaces the watch lists. changes names the lists that are different. Call it before
// Close. It returns the differences of the existing lists whose known space, known prefixes or
// lost space changed, in the order of changes.
func (s *State) SetLists(lists []*watchlist.List, changes []watchlist.Change) []outage.Rebased {
	all := false
	before := make([]entity, 0, len(changes))
	for _, c := range changes {
		all = all || c.Members || c.List == nil
		before = append(before, s.entities[s.entity(bgp.EntityWatch, c.Name)])
	}
	rows := s.coveringRows(nil)
	s.compile(lists)
	s.strangers.list(s, lists)
	s.plan, s.rows = s.plan[:0], s.rows[:0]
	s.watch.toggled = s.watch.toggled[:0]
	for i := range s.watch.points {
		s.judgePoint(uint32(i))
	}
	if rows = s.coveringRows(rows); all {
		for r := range s.prefixes {
			s.replan(rib.Row(r))
		}
	} else {
		for r := range rows {
			s.replan(r)
		}
	}
	s.apply()
	s.packSets()
	var out []outage.Rebased
	for i, c := range changes {
		key := before[i].key
		now, was := &s.entities[s.byKey[key]], &before[i]
		if c.List == nil {
			now.everSampled = false
		}
		r := outage.Rebased{
			Key: key, Space: now.known - was.known, Prefixes: int(now.knownCount - was.knownCount),
		}
		if gone := (was.known - was.space) - (now.known - now.space); gone > 0 {
			r.Gone = uint64(gone)
		}
		if c.List != nil && r != (outage.Rebased{Key: key}) {
			out = append(out, r)
		}
	}
	return out
}

// coveringRows adds the rows that cover points for a list.
func (s *State) coveringRows(to map[rib.Row]struct{}) map[rib.Row]struct{} {
	if to == nil {
		to = make(map[rib.Row]struct{}, len(s.watch.covers))
	}
	for r := range s.watch.covers {
		to[r] = struct{}{}
	}
	return to
}

// replan adds a row to the plan if it now belongs to other lists.
func (s *State) replan(r rib.Row) {
	if s.prefixes[r].flags&(known|seen) == 0 {
		return
	}
	c := s.changeOf(r)
	c.watch = s.watchOf(&c)
	s.propose(c)
}

// compile builds the points and the maps from the members of lists in the family.
func (s *State) compile(lists []*watchlist.List) {
	w := &s.watch
	w.lists, w.entities = lists, w.entities[:0]
	w.asns, w.countries = make(map[bgp.ASN][]member), make(map[string][]member)
	w.places = nil
	w.points, w.pointAt, w.lengths = nil, make(map[rib.Key]uint32), 0
	clear(w.covers)
	for i, l := range lists {
		w.entities = append(w.entities, s.entity(bgp.EntityWatch, l.Name))
		for j := range l.Members {
			m, at := &l.Members[j], member{int32(i), int32(j)}
			switch {
			case m.ASN != 0:
				w.asns[m.ASN] = append(w.asns[m.ASN], at)
			case m.Country != "":
				w.countries[m.Country] = append(w.countries[m.Country], at)
			case m.Host != "":
				h := l.Hosts[m.Host]
				for _, a := range slices.Concat(h.Addresses, h.NameServers) {
					s.addPoint(netip.PrefixFrom(a, a.BitLen()), at, true)
				}
			default:
				s.addPoint(m.Prefix, at, false)
			}
		}
	}
	slices.SortFunc(w.points, func(a, b point) int { return cmp.Compare(a.key, b.key) })
	var all []addressRange
	for i := range w.points {
		k := w.points[i].key
		w.pointAt[k] = uint32(i)
		w.lengths |= 1 << k.Bits()
		all = append(all, rangeOf(k, s.family))
	}
	w.ranges = newRangeSet(all, s.family)
}

// addPoint adds a point for a member. With via, or if p is longer than the longest prefix that is
// judged, only the route that covers the point decides. Otherwise the known prefixes within it
// decide or, if there are none, the route that covers it.
func (s *State) addPoint(p netip.Prefix, m member, via bool) {
	w := &s.watch
	if bgp.FamilyOf(p) != s.family {
		return
	}
	if p.Bits() > s.family.MaxLength() {
		via = true
		p, _ = p.Addr().Prefix(s.family.MaxLength()) // the length is within bounds
	}
	_, k, ok := rib.KeyOf(p)
	if !ok {
		return // shorter than the shortest prefix that is judged: such members are refused before
	}
	i, ok := w.pointAt[k]
	if !ok {
		i = uint32(len(w.points))
		w.points = append(w.points, point{key: k, cover: rib.Row(noRow)})
		w.pointAt[k] = i
	}
	if via {
		if !slices.Contains(w.points[i].via, m) {
			w.points[i].via = append(w.points[i].via, m)
		}
		return
	}
	w.points[i].own = append(w.points[i].own, m)
}

// toggle notes that a prefix has become known or unknown if it touches a point.
func (w *watch) toggle(k rib.Key, f bgp.Family) {
	if w.ranges.touches(rangeOf(k, f)) {
		w.toggled = append(w.toggled, k)
	}
}

// truncate returns the prefix of n bits that contains k.
func truncate(k rib.Key, f bgp.Family, n int) rib.Key {
	shift := rib.Width(f) - n
	return rib.Key(k.Address()>>shift<<shift<<8 | uint64(n))
}

// eachAround calls f with every point that contains k, including k itself, the shortest first.
func (w *watch) eachAround(k rib.Key, family bgp.Family, f func(i uint32)) {
	if !w.ranges.holds(rangeOf(k, family)) {
		return
	}
	for n := w.lengths & (1<<(k.Bits()+1) - 1); n != 0; n &= n - 1 {
		if i, ok := w.pointAt[truncate(k, family, bits.TrailingZeros64(n))]; ok {
			f(i)
		}
	}
}

// eachWithin calls f with every point that lies in k, including k itself, in order.
func (w *watch) eachWithin(k rib.Key, family bgp.Family, f func(i uint32)) {
	from, _ := slices.BinarySearchFunc(w.points, k,
		func(p point, k rib.Key) int { return cmp.Compare(p.key, k) })
	for i := from; i < len(w.points) && k.Contains(family, w.points[i].key); i++ {
		f(uint32(i))
	}
}

// judgePoint finds the routes that decide the state of a point.
func (s *State) judgePoint(i uint32) {
	w := &s.watch
	p := &w.points[i]
	if p.counts() {
		s.uncover(p.cover, i)
	}
	p.cover = rib.Row(noRow)
	s.trie.around(p.key, func(row uint32) {
		if s.prefixes[row].flags&known != 0 {
			p.cover = rib.Row(row)
		}
	})
	p.within = !s.trie.walkUntil(s.trie.at(p.key),
		func(row uint32) bool { return s.prefixes[row].flags&known == 0 })
	if p.counts() {
		at, _ := slices.BinarySearch(w.covers[p.cover], i)
		w.covers[p.cover] = slices.Insert(w.covers[p.cover], at, i)
	}
}

// counts reports whether the prefix that covers the point counts for a list because of the point.
func (p *point) counts() bool {
	return p.cover != rib.Row(noRow) && (len(p.via) > 0 || !p.within)
}

// uncover removes a point from the points for which a row counts.
func (s *State) uncover(r rib.Row, i uint32) {
	w := &s.watch
	at, found := slices.BinarySearch(w.covers[r], i)
	if !found {
		return
	}
	if w.covers[r] = slices.Delete(w.covers[r], at, at+1); len(w.covers[r]) == 0 {
		delete(w.covers, r)
	}
}

// rejudge judges the points again that are touched by prefixes that became known or unknown, and
// updates the lists.
func (s *State) rejudge() {
	w := &s.watch
	if len(w.toggled) == 0 {
		return
	}
	again := make(map[uint32]struct{})
	for _, k := range w.toggled {
		w.eachAround(k, s.family, func(i uint32) { again[i] = struct{}{} })
		w.eachWithin(k, s.family, func(i uint32) { again[i] = struct{}{} })
	}
	w.toggled = nil // usually there are few; there are many only once
	rows := make(map[rib.Row]struct{})
	for i := range again { // points are independent: their order has no effect
		p := &w.points[i]
		was, counted := p.cover, p.counts()
		s.judgePoint(i)
		if was != p.cover || counted != p.counts() {
			rows[was], rows[p.cover] = struct{}{}, struct{}{}
		}
	}
	delete(rows, rib.Row(noRow))
	if len(rows) == 0 {
		return
	}
	affected := s.rows
	s.plan, s.rows = s.plan[:0], nil
	for r := range rows {
		s.replan(r)
	}
	if len(s.plan) > 0 {
		s.apply()
	}
	s.rows = append(s.rows, affected...)
}

// forgetRoutes resets all points to a state without known prefixes.
func (w *watch) forgetRoutes() {
	clear(w.covers)
	w.toggled = w.toggled[:0]
	for i := range w.points {
		w.points[i].cover, w.points[i].within = rib.Row(noRow), false
	}
}

// watchOf returns the lists to which a row belongs in its new state c.
func (s *State) watchOf(c *change) watchID {
	w := &s.watch
	if len(w.lists) == 0 || c.flags&(known|seen) == 0 {
		return 0
	}
	k := s.rib.Key(c.row)
	whole := k.Space(s.family)
	w.parts = w.parts[:0]
	w.eachAround(k, s.family, func(i uint32) {
		for _, m := range w.points[i].own {
			w.add(m, whole)
		}
	})
	for _, a := range s.origins.list(c.usually) {
		for _, m := range w.asns[a] {
			w.add(m, whole)
		}
	}
	for _, m := range s.listedPlace(c.place) {
		w.add(m.member, min(m.space, whole))
	}
	for _, m := range w.coveredSpace(c.row, s.family) {
		w.addCovering(m)
	}
	return w.intern()
}

// listedPlace returns the shares of a place that lie in countries that are members.
func (s *State) listedPlace(id placeID) []memberSpace {
	w := &s.watch
	if len(w.countries) == 0 {
		return nil
	}
	for int(id) >= len(w.places) {
		var in []memberSpace
		for _, sh := range s.places.sets[len(w.places)] {
			if e := &s.entities[sh.entity]; e.key.Type == bgp.EntityCountry {
				for _, m := range w.countries[e.key.Code] {
					in = append(in, memberSpace{m, sh.space})
				}
			}
		}
		w.places = append(w.places, in)
	}
	return w.places[id]
}

// add gives a list a share of the present prefix. If the prefix is in the list several times, the
// greatest share counts.
func (w *watch) add(m member, space uint64) {
	e := w.entities[m.list]
	for i := range w.parts {
		if w.parts[i].entity == e {
			w.parts[i].space = max(w.parts[i].space, space)
			return
		}
	}
	w.parts = append(w.parts, share{entity: e, space: space})
}

// addCovering gives a list a covering share. If the prefix itself is in the list, it does nothing.
func (w *watch) addCovering(m memberSpace) {
	if e := w.entities[m.list]; !holds(w.parts, e) {
		w.parts = append(w.parts, share{entity: e, space: m.space, covering: true})
	}
}

// memberSpace is the space of a prefix that counts for a list.
type memberSpace struct {
	member
	space uint64
}

// coveredSpace returns, by list, the space of the points that a row covers and counts for. A point
// within another one counts once.
func (w *watch) coveredSpace(r rib.Row, f bgp.Family) []memberSpace {
	var out []memberSpace
	var last []rib.Key // the last point that counted, by entry of out
	for _, i := range w.covers[r] {
		p := &w.points[i]
		take := func(m member) {
			at := slices.IndexFunc(out, func(x memberSpace) bool { return x.list == m.list })
			switch {
			case at < 0:
				out, last = append(out, memberSpace{m, p.key.Space(f)}), append(last, p.key)
			case !last[at].Contains(f, p.key):
				out[at].space, last[at] = out[at].space+p.key.Space(f), p.key
			}
		}
		for _, m := range p.via {
			take(m)
		}
		if !p.within {
			for _, m := range p.own {
				take(m)
			}
		}
	}
	return out
}

// inList reports whether a prefix is in a list itself and does not only cover members of it.
func (s *State) inList(p *prefix, entity uint32) bool {
	return p.watch != 0 && slices.ContainsFunc(s.watch.sets[p.watch],
		func(sh share) bool { return sh.entity == entity && !sh.covering })
}

// listedCoverage returns the coverage of a prefix of a list relative to the prefixes above it that
// are in the list.
func (s *State) listedCoverage(p *prefix, entity uint32) (st coverage) {
	st.region = s.regionSeen(p)
	nearest := true
	for _, q := range s.above(p) {
		if !s.inList(q, entity) {
			continue
		}
		if nearest {
			nearest, st.above = false, s.regionSeen(q)
		}
		if q.flags&counted != 0 {
			st.knownAbove = true
			break
		}
	}
	return st
}
