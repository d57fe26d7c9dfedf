package visibility

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// tally counts the voters of a row.
type tally struct {
	held, gone int // voters that hold it; voters that heard it before and do not hold it
	origins    originID
}

// maxWords is the longest slot bitset.
const maxWords = rib.MaxSlots / 64

// count returns a row's tally. An origin is included if at least a fifth of the voters that hold
// the row see it. origins is 0 if no path shows an origin.
func (s *State) count(r rib.Row) tally {
	var t tally
	if s.rib.IsUsual(r) {
		t = s.countUsual()
	} else {
		t.held, t.gone = s.countSlots(s.rib.Heard(r))
	}
	if a, ok := s.rib.OneOrigin(r); ok {
		if a != 0 && t.held > 0 { // every slot that holds the row has heard it from this origin
			t.origins = s.originOf(r, a)
		}
		return t
	}
	var tmp [maxWords]uint64
	origins := s.tallied.empty()
	w, h := s.rib.Words(), s.rib.Held(r)
	s.rib.EachPair(r, func(origin, _ bgp.ASN, slots []uint64) {
		if origin == 0 {
			return
		}
		for i, b := range slots {
			tmp[i] = b & h[i]
		}
		origins.add(origin, s.voters.Count(tmp[:w]))
	})
	t.origins = s.origins.of(origins.atLeastFifth(t.held))
	return t
}

// countSlots counts the voters among the slots in held, and the voters that are only in heard.
func (s *State) countSlots(held, heard []uint64) (holding, gone int) {
	var a, b [maxWords]uint64
	holding = s.voters.Fold(a[:len(held)], held)
	s.voters.Fold(b[:len(heard)], heard)
	for i := range heard {
		gone += bits.OnesCount64(b[i] &^ a[i])
	}
	return holding, gone
}

// usualTally is the tally of the slots that hold most rows, without origins, for the window that
// is being closed.
type usualTally struct {
	tally
	known bool
}

// countUsual returns the tally of the slots of most rows. It counts once a window.
func (s *State) countUsual() tally {
	if u := &s.usualTally; !u.known {
		u.held, u.gone = s.countSlots(s.rib.Usual())
		u.known = true
	}
	return s.usualTally.tally
}

// originOf returns the set of one origin. It first tries the sets that the row had before, which
// are most likely the same.
func (s *State) originOf(r rib.Row, a bgp.ASN) originID {
	if int(r) < len(s.prefixes) {
		for _, id := range [...]originID{s.prefixes[r].origins, s.prefixes[r].usually} {
			if l := s.origins.list(id); len(l) == 1 && l[0] == a {
				return id
			}
		}
	}
	return s.origins.of([]bgp.ASN{a})
}

// asCount counts voters by AS, either origin or upstream. It has at most as many ASes as there are
// slots. It is reused from row to row.
type asCount struct {
	votes []HeardFrom
	out   [maxOrigins]bgp.ASN
}

// empty clears the count.
func (o *asCount) empty() *asCount {
	o.votes = o.votes[:0]
	return o
}

func (o *asCount) add(a bgp.ASN, voters int) {
	if voters == 0 {
		return
	}
	for i := range o.votes {
		if o.votes[i].ASN == a {
			o.votes[i].Voters += voters
			return
		}
	}
	o.votes = append(o.votes, HeardFrom{a, voters})
}

// keep drops the ASes that have fewer than holders/part voters.
func (o *asCount) keep(holders, part int) {
	o.votes = slices.DeleteFunc(o.votes, func(v HeardFrom) bool { return v.Voters*part < holders })
}

// sort orders the ASes by voters, most first, then by number.
func (o *asCount) sort() {
	slices.SortFunc(o.votes, func(a, b HeardFrom) int {
		return cmp.Or(cmp.Compare(b.Voters, a.Voters), cmp.Compare(a.ASN, b.ASN))
	})
}

// atLeastFifth lists, sorted, the origins that at least a fifth of the holders see. Of more than
// maxOrigins it keeps those that most holders see, and the lower numbers among equals. The result
// does not depend on the order in which they were added. The list is valid until the next call.
func (o *asCount) atLeastFifth(holders int) []bgp.ASN {
	o.keep(holders, 5)
	if len(o.votes) > maxOrigins {
		o.sort()
		o.votes = o.votes[:maxOrigins]
	}
	for i, v := range o.votes {
		o.out[i] = v.ASN
	}
	out := o.out[:len(o.votes)]
	slices.Sort(out)
	return out
}

// lastHeard returns the origins from which at least a fifth of the voters last heard a row.
func (s *State) lastHeard(r rib.Row) originID {
	origins := s.tallied.empty()
	total := 0
	s.rib.EachPair(r, func(origin, _ bgp.ASN, slots []uint64) {
		if n := s.voters.Count(slots); origin != 0 {
			origins.add(origin, n)
			total += n
		}
	})
	return s.origins.of(origins.atLeastFifth(total))
}
