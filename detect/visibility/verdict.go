package visibility

import (
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// change is the new state of a row, which it gets when the window's round is applied.
type change struct {
	row   rib.Row
	flags uint8
	belonging
	origins originID
}

// changeOf returns the present state of a row.
func (s *State) changeOf(r rib.Row) change {
	p := &s.prefixes[r]
	return change{row: r, flags: p.flags, belonging: p.belonging, origins: p.origins}
}

// propose adds c to the plan unless it changes nothing. A row that is part of no larger entity
// loses the flags for larger entities.
func (s *State) propose(c change) {
	now := s.changeOf(c.row)
	if len(s.watch.lists) > 0 && (c.belonging != now.belonging || (c.flags^now.flags)&(known|seen) != 0) {
		c.watch = s.watchOf(&c)
	}
	if c != now && !s.counts(c.row, c.place) {
		c.flags &^= counted | wide
	}
	s.noteHolding(&c, s.first)
	if c != now {
		s.plan = append(s.plan, c)
	}
}

// leastKnown returns how many of n voters must usually hold a prefix so that it is known.
func leastKnown(n int) int { return min(leastHolders, half(n)) }

// half returns how many of n voters must usually hold a prefix so that it counts in larger
// entities.
func half(n int) int { return (n + 1) / 2 }

// widen sets or clears the flag wide of a judged row. held is the number of voters that hold it, n
// the number of all voters.
func widen(c *change, held, n int) {
	c.flags &^= wide
	if c.flags&counted != 0 && c.flags&seen != 0 || c.flags&counted == 0 && held >= half(n) {
		c.flags |= wide
	}
}

// look judges a row as the voters see it now.
func (s *State) look(r rib.Row) {
	if s.knowledge == bgp.TablesComplete {
		s.propose(s.judge(r, s.count(r)))
		return
	}
	s.propose(s.judgeLearned(r))
}

// withPlace returns the present state of a row with its newest place. A lost row keeps its place.
func (s *State) withPlace(r rib.Row) change {
	c := s.changeOf(r)
	if p := &s.prefixes[r]; p.staged != 0 && p.flags&lost == 0 {
		c.place = p.staged
		if p.place == 0 && s.leftOut.unlocated {
			s.settleCounted(p, &c)
		}
	}
	return c
}

// judge decides the state of a row with whole tables.
func (s *State) judge(r rib.Row, t tally) change {
	c := s.withPlace(r)
	s.rebase(&c, t)
	return s.decide(c, t)
}

// decide returns the state of a row after this window. c is its state before, with its new place.
// t counts its voters now.
func (s *State) decide(c change, t tally) change {
	p := &s.prefixes[c.row]
	var share int
	c.flags, share = s.weigh(c.flags, p.usual, t)
	widen(&c, t.held, s.voters.N)
	before := p.since != 0
	s.note(p, c.flags, share)
	switch {
	case c.flags&seen == 0:
		c.origins = 0
	case t.origins != 0:
		c.origins = t.origins
	case c.origins == 0:
		c.origins = c.usually // a path that does not show its origin is no other origin
	}
	if before || p.since != 0 {
		s.noteLoss(&c, t)
	}
	if c.origins != c.usually || p.origins != p.usually {
		s.noteMove(&c, t)
	}
	return c
}

// weigh returns the flags of a row after this window, and the share of its usual voters that hold
// it. flags are those before, usual is its usual visibility, and t counts its voters now. A prefix
// is lost when v < b/2 and more of the voters that ever had it have lost it than still hold it. So
// the departure of a voter does not count as a withdrawal, and neither does a new panel that sees
// other parts of the network.
func (s *State) weigh(flags, usual uint8, t tally) (after uint8, share int) {
	n := s.voters.N
	if flags&known == 0 {
		flags &^= seen
		if 2*t.held >= n && t.held >= leastKnown(n) {
			flags |= seen
		}
		return flags, 1000
	}
	of := int(usual) * n
	share = min(1000, t.held*wholeShare*1000/of)
	switch {
	case flags&lost != 0:
		if 2*t.held*wholeShare >= of {
			flags = flags&^lost | seen
		}
	case t.held+t.gone == 0:
		share = 1000
	case 2*t.held*wholeShare < of && t.held < t.gone:
		flags = flags&^seen | lost
	default:
		share = max(share, t.held*1000/(t.held+t.gone))
	}
	return flags, share
}

// judgeLearned decides the state of a row from updates alone. v is held/(held+withdrawn) over the
// voters that have sent updates of the prefix. At least half of all voters must have done so. If
// only few have, an even split is likely to look like a loss. Therefore the withdrawals must
// outnumber the others by the square root of twice the number of these voters: 3 of 3, 4 of 4, 5
// of 6, 17 of 25, 20 of 32. The prefix is back at one half.
func (s *State) judgeLearned(r rib.Row) change {
	t := s.count(r)
	p := &s.prefixes[r]
	c := s.withPlace(r)
	spoken := t.held + t.gone
	if spoken < panel.LeastVoters || c.flags&known == 0 && 2*spoken < s.voters.N {
		s.unlearn(&c)
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

// unlearn makes a prefix unknown because too few voters have sent updates of it. If it was lost,
// it is not known whether it still is.
func (s *State) unlearn(c *change) {
	if c.flags&known == 0 {
		return
	}
	p := &s.prefixes[c.row]
	c.flags &^= known | lost | seen
	c.origins, c.usually = 0, 0
	p.since, p.share = 0, 1000
	s.end(s.troughs.losses, c.row, false)
	s.loss.forget(c.row)
}

// note stores the share and the time since when the prefix is lost or partial.
func (s *State) note(p *prefix, flags uint8, share int) {
	p.share = uint16(share)
	switch {
	case flags&known == 0 || flags&lost == 0 && share >= partialBelow:
		p.since = 0
	case p.since == 0:
		p.since = uint32(s.now / 60)
	}
}
