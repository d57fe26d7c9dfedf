package visibility

import (
	"iter"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// apply carries out the plan: what the affected prefixes add to their entities is taken away, the prefixes change, and what they
// add now is added. A prefix is affected when it changes or one above it does. Every sum is over integers, so the order of the
// plan means nothing.
func (s *State) apply() {
	s.round++
	for i := range s.plan {
		c := &s.plan[i]
		s.affect(c.row)
		s.trie.below(s.rib.Key(c.row), func(row uint32) { s.affect(rib.Row(row)) })
	}
	whole := s.knowledge == bgp.TablesComplete
	if whole {
		for _, r := range s.rows {
			s.contribute(r, -1)
		}
	}
	for i := range s.plan {
		s.set(&s.plan[i], whole)
	}
	s.dismiss()
	if whole {
		for _, r := range s.rows {
			s.contribute(r, 1)
		}
	}
}

// affect puts a row on the list of affected ones.
func (s *State) affect(r rib.Row) {
	if s.stamps[r] != s.round {
		s.stamps[r] = s.round
		s.rows = append(s.rows, r)
	}
}

// set makes a row what the plan says.
func (s *State) set(c *change, whole bool) {
	p := &s.prefixes[c.row]
	if whole {
		s.regroup(c, p)
	}
	switch {
	case c.flags&known > p.flags&known:
		s.knownRows++
	case c.flags&known < p.flags&known:
		s.knownRows--
	}
	if (c.flags^p.flags)&known != 0 && len(s.watch.points) > 0 {
		s.watch.toggle(s.rib.Key(c.row), s.family)
	}
	p.flags, p.belonging, p.origins = c.flags, c.belonging, c.origins
	in := c.flags&(known|seen) != 0
	switch {
	case in && p.node == 0:
		p.node = s.trie.insert(s.rib.Key(c.row), uint32(c.row))
	case !in && p.node != 0:
		s.trie.remove(p.node)
		p.node = 0
	}
	if c.flags&seen == 0 {
		return // where it is originated stands still while it is lost
	}
	if c.flags&known == 0 || c.origins == c.usually || c.origins == 0 {
		delete(s.moved, c.row)
	} else if _, ok := s.moved[c.row]; !ok {
		s.moved[c.row] = s.now
	}
}

// standing is how a prefix stands to those above it.
type standing struct {
	region     bool // it is visible, or one above it by the same origin is
	above      bool // the region of the next one above is
	knownAbove bool // one above it is counted
}

// regionSeen reports whether the region of a prefix in the trie is visible.
func (s *State) regionSeen(p *prefix) bool {
	if p.flags&wide != 0 {
		return true
	}
	return s.under(p, wide)
}

// coveredWhen is the flag of prefixes that cover p: those that half of the voters see, or for one that fewer usually see, those that are
// seen at all.
func (p *prefix) coveredWhen() uint8 {
	if p.flags&(known|counted) == known {
		return seen
	}
	return wide
}

// above yields the prefixes above p in the trie, the nearest first.
func (s *State) above(p *prefix) iter.Seq2[rib.Row, *prefix] {
	return func(yield func(rib.Row, *prefix) bool) {
		for row, at := s.trie.above(p.node); row != noRow; row, at = s.trie.above(at) {
			if !yield(rib.Row(row), &s.prefixes[row]) {
				return
			}
		}
	}
}

// underOwn reports whether a visible prefix above p is originated by one of its usual origins.
func (s *State) underOwn(p *prefix) bool { return s.under(p, p.coveredWhen()) }

// under is underOwn among prefixes with a flag.
func (s *State) under(p *prefix, flag uint8) bool {
	for _, a := range s.above(p) {
		if a.flags&flag != 0 && s.origins.meet(a.origins, p.usually) {
			return true
		}
	}
	return false
}

// stand looks at what is above p.
func (s *State) stand(p *prefix) standing {
	st := standing{region: s.regionSeen(p)}
	nearest := true
	for _, a := range s.above(p) {
		if nearest {
			nearest, st.above = false, s.regionSeen(a)
		}
		if a.flags&counted != 0 {
			st.knownAbove = true
			break
		}
	}
	return st
}

// contribute adds (sign 1) or takes away (sign -1) what a row adds to its entities.
func (s *State) contribute(r rib.Row, sign int64) {
	p := &s.prefixes[r]
	if p.node == 0 {
		return
	}
	inAll := s.stand(p)
	for _, sh := range s.sharesOf(r) {
		if sh.asn != 0 {
			s.contributeOrigin(p, sh, sign)
			continue
		}
		st, e := inAll, s.touch(sh.entity)
		if e.key.Type == bgp.EntityWatch {
			st = s.listedStanding(p, sh.entity)
		}
		e.space += sign * st.visible() * int64(sh.space)
		if p.flags&counted == 0 {
			continue
		}
		if !st.knownAbove {
			e.known += sign * int64(sh.space)
		}
		e.knownCount += int32(sign)
		if st.region {
			e.prefixes += int32(sign)
		}
	}
	s.contributeStrangers(r, p, sign)
}

// visible is how often the space of a prefix counts as visible: less what the prefix above it has counted.
func (st standing) visible() (n int64) {
	if st.region {
		n++
	}
	if st.above {
		n--
	}
	return n
}

// contributeOrigin adds what a prefix adds to an AS that usually originates it. An AS's space is the union of the visible prefixes that
// it originates.
func (s *State) contributeOrigin(p *prefix, sh share, sign int64) {
	if p.flags&counted == 0 {
		return
	}
	e, space := s.touch(sh.entity), int64(sh.space)
	covered := s.coveredBy(p, sh.asn)
	here := p.flags&wide != 0 && s.origins.has(p.origins, sh.asn)
	if here && !covered {
		e.space += sign * space
	}
	if here || covered {
		e.prefixes += int32(sign)
	} else if s.movedFrom(p, sh.asn) {
		e.moved += int32(sign)
	}
	e.knownCount += int32(sign)
	if !s.knownUnder(p, sh.asn) {
		e.known += sign * space
	}
}

// contributeStrangers adds the space of a visible prefix to the ASes that originate it and do not usually do so, and to all that do where
// it is not counted: it is seen of them, and nothing of theirs is known with it.
func (s *State) contributeStrangers(r rib.Row, p *prefix, sign int64) {
	if p.flags&wide == 0 {
		return
	}
	for _, a := range s.origins.list(p.origins) {
		if s.origins.has(p.usually, a) && p.flags&counted != 0 {
			continue
		}
		if e := s.touch(s.asEntity(a)); !s.coveredBy(p, a) {
			e.space += sign * int64(s.rib.Key(r).Space(s.family))
		}
	}
}

// coveredBy reports whether a visible prefix above p is originated by a.
func (s *State) coveredBy(p *prefix, a bgp.ASN) bool {
	for _, q := range s.above(p) {
		if q.flags&wide != 0 && s.origins.has(q.origins, a) {
			return true
		}
	}
	return false
}

// knownUnder reports whether a counted prefix above p is usually originated by a.
func (s *State) knownUnder(p *prefix, a bgp.ASN) bool {
	for _, q := range s.above(p) {
		if q.flags&counted != 0 && s.origins.has(q.usually, a) {
			return true
		}
	}
	return false
}

// movedFrom reports whether a, a usual origin of a known prefix, does not originate it now, and others do: also where they
// were usual origins beside a all along.
func (s *State) movedFrom(p *prefix, a bgp.ASN) bool {
	return p.flags&(known|seen) == known|seen && p.origins != 0 && s.origins.has(p.usually, a) && !s.origins.has(p.origins, a)
}

// movedPrefix reports whether others originate a known prefix now, and its own origin covers it no more.
func (s *State) movedPrefix(p *prefix) bool {
	return s.knowledge == bgp.TablesComplete && p.flags&(known|seen) == known|seen && p.origins != 0 && p.usually != 0 &&
		!s.origins.meet(p.origins, p.usually) && !s.underOwn(p)
}

// prefixSample is a known prefix as an entity. One that is lost while routes of the same origin carry its addresses is a lost
// route all the same; that no space is lost with it, Covered says.
func (s *State) prefixSample(r rib.Row) outage.Sample {
	p := &s.prefixes[r]
	k := s.rib.Key(r)
	out := outage.Sample{Key: outage.Key{Family: s.family, Type: bgp.EntityPrefix}, SharePermille: 1000}
	if p.flags&known == 0 {
		return out
	}
	out.KnownSpace, out.KnownPrefixes = k.Space(s.family), 1
	out.SharePermille = int(p.share)
	if p.flags&seen != 0 {
		out.Space, out.Prefixes = out.KnownSpace, 1
	}
	if s.movedPrefix(p) {
		out.Moved = 1
	}
	if s.brief.rows[r] {
		out.Brief = out.KnownSpace
	}
	if p.flags&lost != 0 {
		if out.Covered = s.underOwn(p); !out.Covered {
			out.Carried = s.carried(p)
			out.Covered = out.Carried == out.KnownSpace
		}
	}
	return out
}

// Present is outage.View's.
func (s *State) Present(k outage.Key) (outage.Sample, bool) {
	if k.Type != bgp.EntityPrefix {
		return s.Entity(k)
	}
	r, ok := s.rowOf(k.Code)
	if !ok || int(r) >= len(s.prefixes) {
		return outage.Sample{}, false
	}
	out := s.prefixSample(r)
	out.Key = k
	return out, true
}

// takePrefixSamples returns the samples of affected prefixes that lose, are partial or have moved, where they are not what they
// were; and a last one of those that do so no more.
func (s *State) takePrefixSamples(dirty []rib.Row) []outage.Sample {
	var out []outage.Sample
	take := func(r rib.Row) {
		was, open := s.open[r]
		if !open && s.prefixes[r].flags&known == 0 {
			return
		}
		n := s.prefixSample(r)
		quiet := n.SharePermille >= partialBelow && n.Moved == 0 && (n.Space > 0 || n.KnownSpace == 0)
		if !open && quiet {
			return
		}
		if open {
			n.Key.Code = was.Key.Code
		} else {
			n.Key.Code = s.rib.Key(r).Prefix(s.family).String()
		}
		if quiet {
			delete(s.open, r)
		} else {
			s.open[r] = n
		}
		if !open || n != was {
			out = append(out, n)
		}
	}
	s.round++
	s.rows = append(s.rows, dirty...)
	for r := range s.open {
		s.rows = append(s.rows, r)
	}
	for _, r := range s.rows {
		if s.stamps[r] != s.round {
			s.stamps[r] = s.round
			take(r)
		}
	}
	return out
}
