package visibility

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
)

// watchID names a set of shares in watch lists; 0 is none.
type watchID uint32

// maxWatchSets bounds the sets; a prefix beyond it belongs to no list.
const maxWatchSets = 1 << 20

// member is a member of a list, by their numbers.
type member struct{ list, member int32 }

// watch is what the watch lists name in the family, and which prefixes belong to them. Whether a prefix belongs to a list is decided when
// it becomes known, when its usual origin or place changes, and when the list does.
type watch struct {
	lists    []*watchlist.List // by name
	entities []uint32          // of each list

	ranges    rangeSet // of listed prefixes and of points
	lengths   uint64   // bit n: a prefix of that length is listed, or a point
	asns      map[bgp.ASN][]member
	countries map[string][]member
	places    [][]memberSpace // by placeID: members that are its countries; shorter than the places, of which the last were not looked at yet

	points  []point            // sorted by key
	pointAt map[rib.Key]uint32 // its number
	covers  map[rib.Row][]uint32
	toggled []rib.Key // prefixes around points that became known or unknown since the points were judged

	sets  [][]share
	index map[string]watchID
	buf   []byte
	parts []share
}

// point is an address range of which a list is judged by the routes that cover it.
type point struct {
	key rib.Key
	// own are listed prefixes. They are judged by the known prefixes within them, where there are any.
	own []member
	// via are hosts, whose addresses lie within, and listed prefixes that are longer than any that is looked at.
	via    []member
	within bool    // a known prefix lies within the point, or is the point
	cover  rib.Row // the longest known prefix that covers the point; noRow where there is none
}

func newWatch() watch {
	return watch{sets: make([][]share, 1), index: make(map[string]watchID), covers: make(map[rib.Row][]uint32)}
}

// SetLists makes the lists those that hold; changes tells which of them are not what they were. Call it before Close. It returns by how
// much lists that hold are not what they were, in the order of changes.
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
		r := outage.Rebased{Key: key, Space: now.known - was.known, Prefixes: int(now.knownCount - was.knownCount)}
		if gone := (was.known - was.space) - (now.known - now.space); gone > 0 {
			r.Gone = uint64(gone)
		}
		if c.List != nil && r != (outage.Rebased{Key: key}) {
			out = append(out, r)
		}
	}
	return out
}

// coveringRows adds the rows by which points are judged.
func (s *State) coveringRows(to map[rib.Row]struct{}) map[rib.Row]struct{} {
	if to == nil {
		to = make(map[rib.Row]struct{}, len(s.watch.covers))
	}
	for r := range s.watch.covers {
		to[r] = struct{}{}
	}
	return to
}

// replan puts a row on the plan if it belongs to other lists than before.
func (s *State) replan(r rib.Row) {
	if s.prefixes[r].flags&(known|seen) == 0 {
		return
	}
	c := s.changeOf(r)
	c.watch = s.watchOf(&c)
	s.propose(c)
}

// compile takes over what lists name in the family.
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

// addPoint makes a member be judged by routes around or, unless via is set, within a prefix.
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
		return // shorter than what is looked at: refused before
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

// toggle notes that a prefix has become known or unknown that lies within a point, or a point within it.
func (w *watch) toggle(k rib.Key, f bgp.Family) {
	if w.ranges.touches(rangeOf(k, f)) {
		w.toggled = append(w.toggled, k)
	}
}

// truncate is the prefix of n bits that k lies in.
func truncate(k rib.Key, f bgp.Family, n int) rib.Key {
	shift := rib.Width(f) - n
	return rib.Key(k.Address()>>shift<<shift<<8 | uint64(n))
}

// eachAround calls f with every point that k lies in, k itself included, the shortest first.
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

// eachWithin calls f with every point that lies in k, k itself included, in order.
func (w *watch) eachWithin(k rib.Key, family bgp.Family, f func(i uint32)) {
	from, _ := slices.BinarySearchFunc(w.points, k, func(p point, k rib.Key) int { return cmp.Compare(p.key, k) })
	for i := from; i < len(w.points) && k.Contains(family, w.points[i].key); i++ {
		f(uint32(i))
	}
}

// judgePoint finds the routes by which a point is judged.
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
	p.within = !s.trie.walkUntil(s.trie.at(p.key), func(row uint32) bool { return s.prefixes[row].flags&known == 0 })
	if p.counts() {
		at, _ := slices.BinarySearch(w.covers[p.cover], i)
		w.covers[p.cover] = slices.Insert(w.covers[p.cover], at, i)
	}
}

// counts reports whether the prefix that covers the point counts for a list because it does.
func (p *point) counts() bool {
	return p.cover != rib.Row(noRow) && (len(p.via) > 0 || !p.within)
}

// uncover takes a point off those for which a row counts.
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

// rejudge judges the points again that prefixes concern which have become known or unknown, and lets the lists follow.
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
	w.toggled = nil // mostly few, and many once
	rows := make(map[rib.Row]struct{})
	for i := range again { // each by itself: their order does not matter
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

// forgetRoutes makes no prefix known to the points.
func (w *watch) forgetRoutes() {
	clear(w.covers)
	w.toggled = w.toggled[:0]
	for i := range w.points {
		w.points[i].cover, w.points[i].within = rib.Row(noRow), false
	}
}

// watchOf is to which lists a row belongs that will be c.
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

// listedPlace is how much of a place lies in countries that are members.
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

// add gives a list a share of the prefix at hand, the greatest of those in which the prefix is in it.
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

// addCovering gives a list a share that covers members. It changes nothing where the prefix is in the list itself.
func (w *watch) addCovering(m memberSpace) {
	if e := w.entities[m.list]; !holds(w.parts, e) {
		w.parts = append(w.parts, share{entity: e, space: m.space, covering: true})
	}
}

// memberSpace is how much of a prefix counts for a list.
type memberSpace struct {
	member
	space uint64
}

// coveredSpace is, by list, how much a row covers of points that are judged by it. A point within another counts once.
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

// intern keeps the shares at hand.
func (w *watch) intern() watchID {
	if len(w.parts) == 0 {
		return 0
	}
	slices.SortFunc(w.parts, func(a, b share) int { return cmp.Compare(a.entity, b.entity) })
	b := w.buf[:0]
	for _, sh := range w.parts {
		covering := uint64(0)
		if sh.covering {
			covering = 1
		}
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(sh.entity)<<1|covering), sh.space)
	}
	w.buf = b
	if id, ok := w.index[string(b)]; ok {
		return id
	}
	if len(w.sets) >= maxWatchSets {
		return 0
	}
	id := watchID(len(w.sets))
	w.sets = append(w.sets, slices.Clone(w.parts))
	w.index[string(b)] = id
	return id
}

// packSets drops the sets that no prefix has any more.
func (s *State) packSets() {
	w := &s.watch
	was := w.sets
	w.sets, w.index = make([][]share, 1), make(map[string]watchID)
	moved := make(map[watchID]watchID)
	for r := range s.prefixes {
		p := &s.prefixes[r]
		if p.watch == 0 {
			continue
		}
		id, ok := moved[p.watch]
		if !ok {
			w.parts = append(w.parts[:0], was[p.watch]...)
			id = w.intern()
			moved[p.watch] = id
		}
		p.watch = id
	}
}

// inList reports whether a prefix is in a list, and not only covers members of it.
func (s *State) inList(p *prefix, entity uint32) bool {
	return p.watch != 0 && slices.ContainsFunc(s.watch.sets[p.watch], func(sh share) bool { return sh.entity == entity && !sh.covering })
}

// listedStanding is how a prefix of a list stands to those above it that are in the list.
func (s *State) listedStanding(p *prefix, entity uint32) (st standing) {
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
