package visibility

import (
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// begin sets the usual state of a row from the first whole tables. Usual holders are the voters
// that hold it. The early voters that withdrew it in the minute of the tables are usual holders,
// too. since is the minute (since 1970) in which updates alone began to show the row as lost, or 0.
// Such a row stays lost, and its usual holders include all voters that have withdrawn it.
func (s *State) begin(r rib.Row, early int, since uint32) {
	p := &s.prefixes[r]
	t := s.count(r)
	c := s.withPlace(r)
	if since != 0 {
		early = t.gone
	}
	n, usually := s.voters.N, t.held+early
	p.usual = sampleOf(usually, n)
	s.days.set(&p.day, s.hour%dayHours, p.usual)
	if p.usual > 0 && usually >= leastKnown(n) {
		c.flags = known | seen
		if usually >= half(n) {
			c.flags |= counted | wide
		}
		c.origins, c.usually = t.origins, t.origins
		p.share = 1000
		if early > 0 {
			p.since = since
			c.origins = s.lastHeard(r)
			c.usually = c.origins
			c = s.decide(c, t)
		}
	}
	s.propose(c)
}

// early counts, by row, the voters that withdrew it in this window and had announced it before.
func (s *State) early() map[rib.Row]int {
	slots := make(map[rib.Row]*[maxWords]uint64)
	for _, e := range s.loss.withdrawn {
		if s.loss.overflow || e.lapsed || s.rib.Key(e.row) == 0 || hasSlot(s.rib.Held(e.row), e.slot) {
			continue
		}
		if slots[e.row] == nil {
			slots[e.row] = new([maxWords]uint64)
		}
		slots[e.row][e.slot>>6] |= 1 << (e.slot & 63)
	}
	out := make(map[rib.Row]int, len(slots))
	for r, b := range slots {
		var announced, voters, holders [maxWords]uint64
		s.rib.EachPair(r, func(origin, upstream bgp.ASN, heard []uint64) {
			for i, w := range heard {
				if origin != 0 || upstream != 0 {
					announced[i] |= w & b[i]
				}
			}
		})
		w := s.rib.Words()
		s.voters.Fold(voters[:w], announced[:w])
		s.voters.Fold(holders[:w], s.rib.Held(r))
		for i := range voters {
			voters[i] &^= holders[i] // another session of the voter holds it
		}
		out[r] = ones(&voters)
	}
	return out
}

// sampleOf returns the sample of a row that held of n voters hold: held/n in 1/wholeShare, rounded.
func sampleOf(held, n int) uint8 { return uint8((held*wholeShare + n/2) / n) }

// sampleHour judges a row, takes a sample of it, and updates its usual visibility and origins.
func (s *State) sampleHour(r rib.Row) {
	t := s.count(r)
	c := s.judge(r, t)
	p := &s.prefixes[r]
	if p.since != 0 {
		if s.now-int64(p.since)*60 < frozenSeconds {
			s.propose(c)
			return
		}
		s.thaw(p, &c, t.held)
	} else {
		v := sampleOf(t.held, s.voters.N)
		for h := s.hour - s.skipped; h <= s.hour; h++ {
			s.days.set(&p.day, h%dayHours, v)
		}
		p.usual = s.median(p)
	}
	s.settle(p, &c)
	s.settleOrigins(r, &c)
	widen(&c, t.held, s.voters.N)
	s.propose(c)
}

// thaw ends the frozen time of a prefix that has been lost or partial for frozenSeconds: its
// present state becomes usual.
func (s *State) thaw(p *prefix, c *change, held int) {
	v := sampleOf(held, s.voters.N)
	if c.flags&lost != 0 {
		v = 0
	}
	s.days.fill(&p.day, v)
	p.usual, p.since, p.share = v, 0, 1000
	c.flags &^= lost
	s.end(s.troughs.losses, c.row, true)
	if v > 0 {
		c.flags |= seen
	}
}

// settle decides from its usual visibility whether a prefix is known.
func (s *State) settle(p *prefix, c *change) {
	n := s.voters.N
	enough := p.usual > 0 && int(p.usual)*n+n >= wholeShare*leastKnown(n)
	switch {
	case enough && c.flags&known == 0:
		// Enough voters usually hold it. The next judgement decides whether it is visible now.
		c.flags |= known | seen
		p.share = 1000
		if c.origins == 0 {
			c.origins = s.lastHeard(c.row)
		}
		c.usually = c.origins
	case !enough && c.flags&known != 0:
		c.flags &^= known | lost | counted
		c.usually = 0
		p.since, p.share = 0, 1000
		s.end(s.troughs.losses, c.row, false)
		s.end(s.troughs.moves, c.row, false)
	}
	s.settleCounted(p, c)
}

// settleCounted decides whether a prefix counts in larger entities. It counts once half of the
// voters usually hold it, and until fewer than a quarter do. So a prefix that about half of them
// hold does not alternate between counting and not counting.
func (s *State) settleCounted(p *prefix, c *change) {
	n := s.voters.N
	switch {
	case c.flags&known == 0, 4*int(p.usual) < wholeShare:
		c.flags &^= counted
	case int(p.usual)*n+n >= wholeShare*half(n):
		c.flags |= counted
	}
}

// settleOrigins makes new origins usual after they have lasted.
func (s *State) settleOrigins(r rib.Row, c *change) {
	if c.flags&(known|seen) != known|seen || c.origins == 0 || c.origins == c.usually {
		return
	}
	since, ok := s.moved[r]
	wait := int64(originSeconds)
	if !s.origins.meet(c.origins, c.usually) {
		wait = frozenSeconds
	}
	if c.usually == 0 || ok && s.now-since >= wait {
		c.usually = c.origins
		s.end(s.troughs.moves, r, true)
	}
}

// median returns the lower median of the last 24 hourly samples. Hours since the beginning in
// which the prefix had no sample count as 0, because the prefix was not there.
func (s *State) median(p *prefix) uint8 {
	var v [dayHours]uint8
	all := s.days.all(p.day)
	n := int(min(dayHours, s.hour-s.began+1))
	for i := range n {
		x := all[(s.hour-int64(i))%dayHours]
		if x == absentShare {
			x = 0
		}
		j := i
		for ; j > 0 && v[j-1] > x; j-- {
			v[j] = v[j-1]
		}
		v[j] = x
	}
	return v[(n-1)/2]
}

// tidy forgets rows that no voter held in the last day and no peer holds now, if no more records of
// them are due.
func (s *State) tidy() {
	s.each(func(r rib.Row) {
		p := &s.prefixes[r]
		if p.flags != 0 || p.usual != 0 || p.node != 0 {
			return
		}
		for _, v := range s.days.all(p.day) {
			if v != 0 && v != absentShare {
				return
			}
		}
		if _, ok := s.open[r]; ok || !s.holdings.ended(r) || !s.rib.Forget(r) {
			return
		}
		s.forget(p)
		delete(s.moved, r)
		delete(s.young, r)
		s.holdings.forget(r)
		s.loss.forget(r)
		s.churn.forget(r)
		s.troughs.forget(r)
	})
	s.loss.sweep(s)
	s.sweepTroughs()
}
