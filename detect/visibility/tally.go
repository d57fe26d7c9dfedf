package visibility

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// tally counts voters for a row.
type tally struct {
	held, gone int // hold it; heard it once and do not
	origins    originID
}

// maxWords is the longest slot bitset.
const maxWords = rib.MaxSlots / 64

// count makes a row's tally. Origins count with a fifth of the voters that hold it; 0 where no path told any.
func (s *State) count(r rib.Row) tally {
	var held, heard, tmp [maxWords]uint64
	origins := s.tallied.empty()
	w := s.rib.Words()
	h := s.rib.Held(r)
	t := tally{held: s.voters.Fold(held[:w], h)}
	s.rib.EachPair(r, func(origin, _ bgp.ASN, slots []uint64) {
		for i, b := range slots {
			heard[i] |= b
			tmp[i] = b & h[i]
		}
		if origin != 0 {
			origins.add(origin, s.voters.Count(tmp[:w]))
		}
	})
	s.voters.Fold(tmp[:w], heard[:w])
	for i := range w {
		t.gone += bits.OnesCount64(tmp[i] &^ held[i])
	}
	t.origins = s.origins.of(origins.atLeastFifth(t.held))
	return t
}

// asCount counts voters by AS, origin or upstream, of which there are at most as many as slots. It is used again from row to row.
type asCount struct {
	votes []HeardFrom
	out   [maxOrigins]bgp.ASN
}

// empty sets the count back to nothing.
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

// keep drops the ASes that fewer than holders/part voters see.
func (o *asCount) keep(holders, part int) {
	o.votes = slices.DeleteFunc(o.votes, func(v HeardFrom) bool { return v.Voters*part < holders })
}

// sort orders the ASes by voters, most first, then by number.
func (o *asCount) sort() {
	slices.SortFunc(o.votes, func(a, b HeardFrom) int { return cmp.Or(cmp.Compare(b.Voters, a.Voters), cmp.Compare(a.ASN, b.ASN)) })
}

// atLeastFifth lists, sorted, the origins that a fifth of the holders see; of more than maxOrigins those that most see, the
// lower numbers of equals. In which order they were added makes no difference. The list is valid until the next call.
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

// lastHeard are the origins from which a fifth of the voters heard a row last.
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
