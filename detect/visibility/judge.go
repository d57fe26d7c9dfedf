package visibility

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// change is what a row will be when the window's round is applied.
type change struct {
	row              rib.Row
	flags            uint8
	place            placeID
	usually, origins originID
}

// changeOf is a row as it stands.
func (s *State) changeOf(r rib.Row) change {
	p := &s.prefixes[r]
	return change{row: r, flags: p.flags, place: p.place, usually: p.usually, origins: p.origins}
}

// propose puts c on the plan unless it changes nothing.
func (s *State) propose(c change) {
	if c != s.changeOf(c.row) {
		s.plan = append(s.plan, c)
	}
}

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
	origins := s.counted.empty()
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

// originVotes is how many voters hold an origin's paths.
type originVotes struct {
	asn  bgp.ASN
	seen int
}

// originCount counts voters by origin, of which there are at most as many as slots. It is used again from row to row.
type originCount struct {
	votes []originVotes
	out   [maxOrigins]bgp.ASN
}

// empty makes the count begin anew.
func (o *originCount) empty() *originCount {
	o.votes = o.votes[:0]
	return o
}

func (o *originCount) add(a bgp.ASN, voters int) {
	if voters == 0 {
		return
	}
	for i := range o.votes {
		if o.votes[i].asn == a {
			o.votes[i].seen += voters
			return
		}
	}
	o.votes = append(o.votes, originVotes{a, voters})
}

// atLeastFifth lists, sorted, the origins that a fifth of the holders see; of more than maxOrigins those that most see, the
// lower numbers of equals. In which order they were added makes no difference. The list is valid until the next call.
func (o *originCount) atLeastFifth(holders int) []bgp.ASN {
	o.votes = slices.DeleteFunc(o.votes, func(v originVotes) bool { return v.seen*5 < holders })
	if len(o.votes) > maxOrigins {
		slices.SortFunc(o.votes, func(a, b originVotes) int { return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(a.asn, b.asn)) })
		o.votes = o.votes[:maxOrigins]
	}
	for i, v := range o.votes {
		o.out[i] = v.asn
	}
	out := o.out[:len(o.votes)]
	slices.Sort(out)
	return out
}

// leastKnown is how many voters must usually see a prefix.
func leastKnown(n int) int { return min(leastHolders, (n+1)/2) }

// look judges a row as the voters see it now.
func (s *State) look(r rib.Row) {
	if s.knowledge == bgp.TablesComplete {
		s.propose(s.judge(r, s.count(r)))
		return
	}
	s.propose(s.judgeLearned(r))
}

// taken is a row's change to begin with: its place is the newest that was said, unless it is lost.
func (s *State) taken(r rib.Row) change {
	c := s.changeOf(r)
	if p := &s.prefixes[r]; p.staged != 0 && p.flags&lost == 0 {
		c.place = p.staged
	}
	return c
}

// judge decides with whole tables. Lost is v < b/2, and more of the voters that ever heard it have it not than have it: a voter
// that is gone is no withdrawal, and neither is a panel that looks at other places.
func (s *State) judge(r rib.Row, t tally) change {
	p, n := &s.prefixes[r], s.voters.N
	c := s.taken(r)
	share := 1000
	switch usual := int(p.usual) * n; {
	case c.flags&known == 0:
		c.flags &^= seen
		if 2*t.held >= n && t.held >= leastKnown(n) {
			c.flags |= seen
		}
	case c.flags&lost != 0:
		share = min(1000, t.held*wholeShare*1000/usual)
		if 2*t.held*wholeShare >= usual {
			c.flags = c.flags&^lost | seen
		}
	default:
		share = min(1000, t.held*wholeShare*1000/usual)
		switch {
		case t.held+t.gone == 0:
			share = 1000
		case 2*t.held*wholeShare < usual && t.held < t.gone:
			c.flags = c.flags&^seen | lost
		default:
			share = max(share, t.held*1000/(t.held+t.gone))
		}
	}
	before := p.since != 0
	s.note(p, c.flags, share)
	switch {
	case c.flags&seen == 0:
		c.origins = 0
	case t.origins != 0:
		c.origins = t.origins
	case c.origins == 0:
		c.origins = c.usually // a path that does not tell its origin is no other origin
	}
	if before || p.since != 0 {
		s.noteLoss(&c, t)
	}
	if c.origins != c.usually || p.origins != p.usually {
		s.noteMove(&c, t)
	}
	return c
}

// judgeLearned decides from updates alone: v = held/(held+withdrawn) over the voters that have spoken of the prefix, at least
// half of them all. With few that have spoken, an even split is likely to look like a loss, so withdrawals must outnumber the
// others by the square root of twice the number that spoke: 3 of 3, 4 of 4, 5 of 6, 17 of 25, 20 of 32. It is back at one half.
func (s *State) judgeLearned(r rib.Row) change {
	t := s.count(r)
	p := &s.prefixes[r]
	c := s.taken(r)
	spoken := t.held + t.gone
	if spoken < panel.LeastVoters || c.flags&known == 0 && 2*spoken < s.voters.N {
		return c
	}
	c.flags |= known
	switch {
	case c.flags&lost != 0:
		if 2*t.held >= spoken {
			c.flags &^= lost
		}
	case t.gone > t.held && (t.gone-t.held)*(t.gone-t.held) >= 2*spoken:
		c.flags |= lost
	}
	c.flags &^= seen
	if c.flags&lost == 0 {
		c.flags |= seen
	}
	before := p.since != 0
	s.note(p, c.flags, t.held*1000/spoken)
	if before || p.since != 0 {
		s.noteLoss(&c, t)
	}
	if t.origins != 0 && c.flags&seen != 0 {
		c.origins, c.usually = t.origins, t.origins
	} else if c.usually == 0 {
		c.usually = s.lastHeard(r)
	}
	if c.flags&seen == 0 {
		c.origins = 0
	}
	return c
}

// lastHeard are the origins from which a fifth of the voters heard a row last.
func (s *State) lastHeard(r rib.Row) originID {
	origins := s.counted.empty()
	total := 0
	s.rib.EachPair(r, func(origin, _ bgp.ASN, slots []uint64) {
		if n := s.voters.Count(slots); origin != 0 {
			origins.add(origin, n)
			total += n
		}
	})
	return s.origins.of(origins.atLeastFifth(total))
}

// note keeps the share and since when the prefix is lost or partial.
func (s *State) note(p *prefix, flags uint8, share int) {
	p.share = uint16(share)
	switch {
	case flags&known == 0 || flags&lost == 0 && share >= partialBelow:
		p.since = 0
	case p.since == 0:
		p.since = uint32(s.now / 60)
	}
}
