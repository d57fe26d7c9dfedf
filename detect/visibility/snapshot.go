package visibility

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
)

// coding writes or reads a State. Entities and sets are numbered by their content, because their
// numbers in memory depend on the order of the records. Sets that no prefix uses are left out.
// Rows keep their numbers.
type coding struct {
	s    *State
	c    *snapshot.Coder
	rows int // one more than the highest row

	// The written numbers by the numbers in memory. They are empty while reading, because the
	// numbers are then the same.
	entityAt, originAt, placeAt, watchAt []uint32
}

// Code writes the state, or reads it into a new State over a table that was read before. lists are
// the present watch lists, voters those of the last window. Derived values are not written but
// built again: the trie, the members of entities, and the routes that decide the points of lists.
func (s *State) Code(c *snapshot.Coder, lists []*watchlist.List, voters *panel.Voters) {
	x := &coding{s: s, c: c, rows: s.rib.Len()}
	s.code(c)
	x.entities()
	x.sets()
	if c.Reading() {
		s.voters, s.churn.voters = voters, voters
		s.compile(lists)
		s.strangers.list(s, lists)
	}
	x.prefixes()
	if c.Reading() && c.Err() == nil {
		s.remake()
	}
	x.holdings()
	x.losses()
	x.rest()
}

// code writes or reads the single values of a State.
func (s *State) code(c *snapshot.Coder) {
	snapshot.Text(c, &s.knowledge)
	snapshot.Bool(c, &s.verdicts)
	snapshot.Int(c, &s.now)
	snapshot.Int(c, &s.hour)
	snapshot.Int(c, &s.began)
	snapshot.Int(c, &s.skipped)
	snapshot.Bool(c, &s.stale)
	snapshot.Bool(c, &s.first)
	snapshot.Bool(c, &s.placing)
	if s.began < 0 || s.began > s.hour {
		c.Fail("samples begin at %d, which is not between 1970 and the hour %d", s.began, s.hour)
	}
}

// number writes or reads a number. at maps numbers in memory to the n written ones.
func (x *coding) number(at []uint32, v *uint32, n int) {
	u := *v
	if !x.c.Reading() {
		u = at[u]
	}
	if snapshot.Number(x.c, &u, n); x.c.Reading() {
		*v = u
	}
}

func (x *coding) entity(v *uint32)   { x.number(x.entityAt, v, len(x.s.entities)) }
func (x *coding) origin(v *originID) { x.number(x.originAt, (*uint32)(v), len(x.s.origins.sets)) }
func (x *coding) place(v *placeID)   { x.number(x.placeAt, (*uint32)(v), len(x.s.places.sets)) }
func (x *coding) watched(v *watchID) { x.number(x.watchAt, (*uint32)(v), len(x.s.watch.sets)) }

// entities writes or reads the known entities, the world first, then by key.
func (x *coding) entities() {
	s := x.s
	var order []uint32
	if !x.c.Reading() {
		order = s.entitiesInOrder()
		x.entityAt = numbersOf(order, len(s.entities))
	}
	snapshot.Slice(x.c, &order, func(c *snapshot.Coder, i *uint32) {
		var key outage.Key
		if !c.Reading() {
			key = s.entities[*i].key
		}
		outage.CodeKey(c, &key)
		if c.Reading() {
			*i = s.readEntity(c, key)
		}
		codeEntity(c, &s.entities[*i])
		if c.Reading() && s.entities[*i].touched {
			s.touchedEntities = append(s.touchedEntities, *i)
		}
	})
}

// entitiesInOrder lists the numbers of the world and then of the others by type and code.
func (s *State) entitiesInOrder() []uint32 {
	type named struct {
		key outage.Key
		i   uint32
	}
	all := make([]named, len(s.entities))
	for i := range s.entities {
		all[i] = named{s.entities[i].key, uint32(i)}
	}
	slices.SortFunc(all[1:], func(a, b named) int {
		return cmp.Or(cmp.Compare(a.key.Type, b.key.Type), cmp.Compare(a.key.Code, b.key.Code))
	})
	out := make([]uint32, len(all))
	for i, x := range all {
		out[i] = x.i
	}
	return out
}

// readEntity adds an entity that is read. The world comes first, and a new State has it already.
func (s *State) readEntity(c *snapshot.Coder, k outage.Key) uint32 {
	if i, ok := s.byKey[k]; ok {
		if i != world || len(s.entities) > 1 || s.entities[world].everSampled {
			c.Fail("entity %.80q twice", k.Code)
		}
		return i
	}
	if k.Family != s.family || k.Type == bgp.EntityWorld {
		c.Fail("an entity has type %d and family %d, which do not fit", k.Type, k.Family)
	}
	i := s.addEntity(k)
	if k.Type == bgp.EntityAS {
		a, err := bgp.ParseASN(k.Code)
		if err != nil {
			c.Fail("the AS %.80q", k.Code)
		}
		s.byASN[a] = i
	}
	return i
}

func codeEntity(c *snapshot.Coder, e *entity) {
	snapshot.Int(c, &e.space)
	snapshot.Int(c, &e.known)
	snapshot.Int(c, &e.prefixes)
	snapshot.Int(c, &e.knownCount)
	snapshot.Int(c, &e.moved)
	snapshot.Uint(c, &e.brief)
	snapshot.Bool(c, &e.touched)
	snapshot.Bool(c, &e.everSampled)
	outage.CodeSample(c, &e.last)
}

// used marks the sets that prefixes or other values use.
type used struct{ origins, places, watch []bool }

// usedSets finds the sets in use.
func (x *coding) usedSets() used {
	s := x.s
	u := used{
		make([]bool, len(s.origins.sets)), make([]bool, len(s.places.sets)),
		make([]bool, len(s.watch.sets)),
	}
	for r := range s.prefixes {
		p := &s.prefixes[r]
		u.origins[p.usually], u.origins[p.origins], u.origins[s.holdings.said[r].origins] = true, true, true
		u.places[p.place], u.places[p.staged], u.watch[p.watch] = true, true, true
	}
	for _, w := range s.holdings.waits {
		u.origins[w.origins] = true
	}
	for _, t := range s.troughs.losses {
		u.origins[t.usually] = true
	}
	for _, t := range s.troughs.moves {
		u.origins[t.usually] = true
	}
	return u
}

// sets writes or reads the sets of origins, of places and of watch lists. It leaves out the empty
// sets, which have number 0.
func (x *coding) sets() {
	s, c := x.s, x.c
	var origins, places, lists []uint32
	if !c.Reading() {
		u := x.usedSets()
		origins = only(inOrder(len(s.origins.sets), 1, func(a, b uint32) int {
			return slices.Compare(s.origins.sets[a], s.origins.sets[b])
		}), u.origins)
		places = only(inOrder(len(s.places.sets), 1, func(a, b uint32) int {
			return bytes.Compare(s.places.content[a], s.places.content[b])
		}), u.places)
		x.originAt, x.placeAt = numbersOf(origins, len(s.origins.sets)), numbersOf(places, len(s.places.sets))
		lists = only(inOrder(len(s.watch.sets), 1, func(a, b uint32) int {
			return x.compareWatch(s.watch.sets[a], s.watch.sets[b])
		}), u.watch)
		x.watchAt = numbersOf(lists, len(s.watch.sets))
	}
	origins, places, lists = after(origins), after(places), after(lists)
	snapshot.Slice(c, &origins, func(c *snapshot.Coder, i *uint32) {
		var set []bgp.ASN
		if !c.Reading() {
			set = s.origins.sets[*i]
		}
		snapshot.Slice(c, &set, snapshot.Uint)
		if c.Reading() {
			s.readOrigins(c, set)
		}
	})
	snapshot.Slice(c, &places, func(c *snapshot.Coder, i *uint32) {
		var content []byte
		if !c.Reading() {
			content = s.places.content[*i]
		}
		snapshot.Octets(c, &content)
		if c.Reading() {
			s.addPlace(content)
		}
	})
	snapshot.Slice(c, &lists, func(_ *snapshot.Coder, i *uint32) { x.watchSet(*i) })
}

// after returns all elements except the first, which is the empty set. It returns nil for an empty
// list.
func after(order []uint32) []uint32 {
	if len(order) == 0 {
		return nil
	}
	return order[1:]
}

// readOrigins stores a set of origins that was read.
func (s *State) readOrigins(c *snapshot.Coder, set []bgp.ASN) {
	n := len(s.origins.sets)
	if len(set) == 0 || len(set) > maxOrigins || !slices.IsSorted(set) || int(s.origins.of(set)) != n {
		c.Fail("a set of %d origins in the place of set %d", len(set), n)
	}
}

// compareWatch orders sets of shares in watch lists.
func (x *coding) compareWatch(a, b []share) int {
	return slices.CompareFunc(x.byEntity(a), x.byEntity(b), func(a, b share) int {
		covering := 0
		if a.covering != b.covering {
			covering = 1
			if b.covering {
				covering = -1
			}
		}
		return cmp.Or(
			cmp.Compare(x.entityAt[a.entity], x.entityAt[b.entity]),
			cmp.Compare(a.space, b.space), covering)
	})
}

// byEntity sorts shares by the written numbers of their entities.
func (x *coding) byEntity(set []share) []share {
	return slices.SortedFunc(slices.Values(set), func(a, b share) int {
		return cmp.Compare(x.entityAt[a.entity], x.entityAt[b.entity])
	})
}

// watchSet writes or reads a set of shares in watch lists.
func (x *coding) watchSet(i uint32) {
	s, c := x.s, x.c
	var set []share
	if !c.Reading() {
		set = x.byEntity(s.watch.sets[i])
	}
	snapshot.Slice(c, &set, func(c *snapshot.Coder, sh *share) {
		x.entity(&sh.entity)
		snapshot.Uint(c, &sh.space)
		snapshot.Bool(c, &sh.covering)
	})
	if !c.Reading() {
		return
	}
	n := len(s.watch.sets)
	if s.watch.parts = append(s.watch.parts[:0], set...); int(s.watch.intern()) != n || n == 0 {
		c.Fail("a set of %d watch lists in the place of set %d", len(set), n)
	}
}

// inOrder lists the numbers below n. Those from first on are sorted by compare.
func inOrder(n, first int, compare func(a, b uint32) int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(i)
	}
	slices.SortFunc(out[min(first, n):], compare)
	return out
}

// only keeps number 0 and the numbers that are used.
func only(order []uint32, used []bool) []uint32 {
	return slices.DeleteFunc(order, func(i uint32) bool { return i != 0 && !used[i] })
}

// numbersOf returns the position in order of each number below n.
func numbersOf(order []uint32, n int) []uint32 {
	out := make([]uint32, n)
	for at, i := range order {
		out[i] = uint32(at)
	}
	return out
}

// remake builds the values that follow from the prefixes: the trie, the members of entities, the
// number of known prefixes, and the routes that decide the points of lists.
func (s *State) remake() {
	whole := s.knowledge == bgp.TablesComplete
	for row := range s.prefixes {
		r, p := rib.Row(row), &s.prefixes[row]
		if p.flags&(known|seen) != 0 {
			p.node = s.trie.insert(s.rib.Key(r), uint32(row))
		}
		if p.flags&known != 0 {
			s.knownRows++
		}
		if !whole || p.flags&counted == 0 {
			continue
		}
		for _, sh := range s.sharesOf(r) {
			if e := &s.entities[sh.entity]; sh.entity != world {
				e.members = append(e.members, r)
			}
		}
	}
	for i := range s.watch.points {
		s.judgePoint(uint32(i))
	}
}
