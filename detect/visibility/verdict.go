package visibility

import (
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// change is what a row will be when the window's round is applied.
type change struct {
	row   rib.Row
	flags uint8
	belonging
	origins originID
}

// changeOf is a row as it stands.
func (s *State) changeOf(r rib.Row) change {
	p := &s.prefixes[r]
	return change{row: r, flags: p.flags, belonging: p.belonging, origins: p.origins}
}

// propose puts c on the plan unless it changes nothing. A row that is part of no larger entity gets no flag that is about them.
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

// leastKnown is how many voters must usually see a prefix.
func leastKnown(n int) int { return min(leastHolders, half(n)) }

// half is how many of n voters must usually see a prefix for it to count in larger entities.
func half(n int) int { return (n + 1) / 2 }

// widen says whether larger entities see a row that was judged.
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

// withPlace returns a row as it stands, with the newest place that was said of it unless it is lost.
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

// judge decides a row with whole tables.
func (s *State) judge(r rib.Row, t tally) change {
	c := s.withPlace(r)
	s.rebase(&c, t)
	return s.decide(c, t)
}

// decide returns what a row is after this window: c is what it was, with its new place, and t counts its voters now. Lost is v < b/2,
// and more of the voters that ever heard it have it not than have it: a voter that is gone is no withdrawal, and neither is a panel
// that looks at other places.
func (s *State) decide(c change, t tally) change {
	p, n := &s.prefixes[c.row], s.voters.N
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
	widen(&c, t.held, n)
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

// unlearn makes a prefix unknown of which too few voters have spoken: of one that was lost nobody knows that it still is.
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
