package visibility

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
)

// strangers finds prefixes that are announced from origins that a watch list does not name.
type strangers struct {
	voters, collectors int // the numbers that must hold such a prefix

	lists   []*watchlist.List
	ranges  rangeSet // ranges of the listed prefixes with origins
	lengths uint64   // bit n: a listed prefix has length n
	guarded map[rib.Key][]member
	stale   bool                     // the lists changed: all prefixes must be checked
	rows    map[rib.Row]struct{}     // rows within ranges
	found   map[rib.Row][]strangerOf // rows that enough voters hold from unexpected origins
}

// strangerOf is a prefix with unexpected origins, by the origins that a member of a list names.
type strangerOf struct {
	member
	listed             rib.Key
	voters, collectors int
	routes             []outage.UnexpectedRoute
}

func newStrangers() strangers {
	return strangers{
		voters: leastHolders, collectors: 2,
		rows: make(map[rib.Row]struct{}), found: make(map[rib.Row][]strangerOf),
	}
}

// NeedStrangers sets the numbers of voters and collectors that must hold a listed prefix from an
// unexpected origin. Call it before Close.
func (s *State) NeedStrangers(voters, collectors int) {
	s.strangers.voters, s.strangers.collectors = voters, collectors
}

// list takes over new watch lists.
func (x *strangers) list(s *State, lists []*watchlist.List) {
	x.lists, x.lengths, x.guarded, x.stale = lists, 0, make(map[rib.Key][]member), true
	var all []addressRange
	for i, l := range lists {
		for j := range l.Members {
			m := &l.Members[j]
			if len(m.Origins) == 0 || bgp.FamilyOf(m.Prefix) != s.family {
				continue
			}
			if _, k, ok := rib.KeyOf(m.Prefix); ok {
				x.guarded[k] = append(x.guarded[k], member{int32(i), int32(j)})
				x.lengths |= 1 << k.Bits()
				all = append(all, rangeOf(k, s.family))
			}
		}
	}
	x.ranges = newRangeSet(all, s.family)
}

// Guarded reports whether a list names origins of a prefix.
func (s *State) Guarded(k outage.Key) bool {
	key, ok := keyOf(k.Code)
	return ok && len(s.strangers.guarded[key]) > 0
}

// closeStrangers checks prefixes for which a list names origins:
//
//   - usually those that changed in the window
//   - with all, because the voters changed: every one
//   - with anew, or if the lists changed: every one, after a search of the whole table for such
//     prefixes
func (s *State) closeStrangers(dirty []rib.Row, anew, all bool) {
	x := &s.strangers
	if len(x.guarded) == 0 && len(x.rows) == 0 {
		x.stale = false
		return
	}
	if x.stale || anew {
		clear(x.rows)
		clear(x.found)
		if len(x.guarded) > 0 {
			s.each(func(r rib.Row) {
				if x.ranges.holds(rangeOf(s.rib.Key(r), s.family)) {
					x.rows[r] = struct{}{}
				}
			})
		}
		all = true
	} else {
		for _, r := range dirty {
			if x.meet(s, r); !all {
				s.lookForStrangers(r)
			}
		}
	}
	x.stale = false
	if all {
		for r := range x.rows { // rows are independent: their order has no effect
			s.lookForStrangers(r)
		}
	}
}

// meet records whether a row that changed lies in a listed prefix with origins.
func (x *strangers) meet(s *State, r rib.Row) {
	if k := s.rib.Key(r); k != 0 && x.ranges.holds(rangeOf(k, s.family)) {
		x.rows[r] = struct{}{}
	} else if _, was := x.rows[r]; was {
		delete(x.rows, r)
		delete(x.found, r)
	}
}

// lookForStrangers finds out whether a row is held from origins that a list does not name. In each
// list the longest listed prefix decides.
func (s *State) lookForStrangers(r rib.Row) {
	x := &s.strangers
	k := s.rib.Key(r)
	if _, in := x.rows[r]; !in {
		return
	}
	delete(x.found, r)
	if k == 0 { // the row was forgotten
		delete(x.rows, r)
		return
	}
	var decided []int32
	var found []strangerOf
	for n := x.lengths & (1<<(k.Bits()+1) - 1); n != 0; {
		length := bits.Len64(n) - 1
		n &^= 1 << length
		listed := truncate(k, s.family, length)
		for _, m := range x.guarded[listed] {
			if slices.Contains(decided, m.list) {
				continue
			}
			decided = append(decided, m.list)
			if o, ok := s.strangerOf(r, m); ok {
				o.listed = listed
				found = append(found, o)
			}
		}
	}
	if len(found) > 0 {
		x.found[r] = found
	}
}

// strangerOf counts the voters that hold a row from an origin that a member does not name. ok is
// false if they are too few. A path that does not show its origin, as one that ends in an AS set,
// is not counted.
func (s *State) strangerOf(r rib.Row, m member) (out strangerOf, ok bool) {
	expected := s.strangers.lists[m.list].Members[m.member].Origins
	held := s.rib.Held(r)
	var slots map[bgp.ASN]*[maxWords]uint64
	var all [maxWords]uint64
	s.rib.EachPair(r, func(origin, _ bgp.ASN, heard []uint64) {
		if _, named := slices.BinarySearch(expected, origin); origin == 0 || named {
			return
		}
		for i, b := range heard {
			if b &= held[i]; b == 0 {
				continue
			}
			if slots == nil {
				slots = make(map[bgp.ASN]*[maxWords]uint64)
			}
			if slots[origin] == nil {
				slots[origin] = new([maxWords]uint64)
			}
			slots[origin][i] |= b
			all[i] |= b
		}
	})
	if slots == nil {
		return out, false
	}
	out = strangerOf{member: m}
	w := s.rib.Words()
	out.voters, out.collectors = s.votersOf(all[:w])
	if out.voters < s.strangers.voters || out.collectors < s.strangers.collectors {
		return out, false
	}
	for _, a := range slices.Sorted(maps.Keys(slots)) {
		route := outage.UnexpectedRoute{
			Prefix: s.rib.Key(r).Prefix(s.family), Origin: a, Expected: expected, Of: s.voters.N,
		}
		if route.Voters, route.Collectors = s.votersOf(slots[a][:w]); route.Voters > 0 {
			out.routes = append(out.routes, route)
		}
	}
	return out, true
}

// votersOf counts the voters among slots, and their collectors.
func (s *State) votersOf(slots []uint64) (voters, collectors int) {
	seen := make(map[int]struct{})
	for w, b := range slots {
		for ; b != 0; b &= b - 1 {
			if slot := w<<6 + bits.TrailingZeros64(b); s.voters.Votes(slot) {
				seen[s.voters.Collector(slot)] = struct{}{}
			}
		}
	}
	return s.voters.Count(slots), len(seen)
}

// Unexpected lists the listed prefixes that enough voters hold, whole or in part, from an origin
// that the list does not name. It implements outage.View.
func (s *State) Unexpected() []outage.Unexpected {
	x := &s.strangers
	if len(x.found) == 0 {
		return nil
	}
	byListed := make(map[rib.Key]*outage.Unexpected)
	for _, r := range slices.SortedFunc(maps.Keys(x.found),
		func(a, b rib.Row) int { return cmp.Compare(s.rib.Key(a), s.rib.Key(b)) }) {
		for i := range x.found[r] {
			f := &x.found[r][i]
			u := byListed[f.listed]
			if u == nil {
				u = &outage.Unexpected{
					Key: outage.Key{
						Family: s.family, Type: bgp.EntityPrefix, Code: f.listed.Prefix(s.family).String(),
					},
					Space: f.listed.Space(s.family), Of: s.voters.N,
				}
				byListed[f.listed] = u
			}
			if f.voters > u.Voters {
				u.Voters, u.Collectors = f.voters, f.collectors
			}
			for _, route := range f.routes { // another list may have the same route
				if !slices.ContainsFunc(u.Routes, func(o outage.UnexpectedRoute) bool {
					return o.Prefix == route.Prefix && o.Origin == route.Origin
				}) {
					u.Routes = append(u.Routes, route)
				}
			}
		}
	}
	out := make([]outage.Unexpected, 0, len(byListed))
	for _, u := range byListed {
		slices.SortStableFunc(u.Routes, func(a, b outage.UnexpectedRoute) int {
			return cmp.Or(
				a.Prefix.Addr().Compare(b.Prefix.Addr()),
				cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Origin, b.Origin))
		})
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b outage.Unexpected) int { return cmp.Compare(a.Key.Code, b.Key.Code) })
	return out
}
