package visibility

import (
	"iter"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// apply carries out the plan. It first subtracts the contributions of the affected prefixes from
// their entities. It then changes the prefixes and adds their new contributions. A prefix is
// affected if it changes or a prefix above it does. Every sum is over integers, so the order of
// the plan has no effect.
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

// affect adds a row to the affected rows, once a round.
func (s *State) affect(r rib.Row) {
	if s.stamps[r] != s.round {
		s.stamps[r] = s.round
		s.rows = append(s.rows, r)
	}
}

// set changes a row to the state in the plan.
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
		return // a lost prefix keeps the time of its last change of origin
	}
	if c.flags&known == 0 || c.origins == c.usually || c.origins == 0 {
		delete(s.moved, c.row)
	} else if _, ok := s.moved[c.row]; !ok {
		s.moved[c.row] = s.now
	}
}

// coverage is what the prefixes above a prefix tell about its own range.
type coverage struct {
	region     bool // its own range is visible: it is, or a prefix above it by the same origin is
	above      bool // the own range of the nearest prefix above it is visible
	knownAbove bool // a prefix above it is counted
}

// regionSeen reports whether the own range of a prefix in the trie is visible.
func (s *State) regionSeen(p *prefix) bool {
	if p.flags&wide != 0 {
		return true
	}
	return s.under(p, wide)
}

// coveredWhen returns the flag that a prefix needs to cover p. It is the flag seen if p is known
// but not counted, because fewer than half of the voters usually hold it or because it is left out.
// Otherwise it is the flag wide.
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

// underOwn reports whether a prefix above p has the flag of coveredWhen, and one of the usual
// origins of p originates it now.
func (s *State) underOwn(p *prefix) bool { return s.under(p, p.coveredWhen()) }

// under is underOwn with the given flag instead.
func (s *State) under(p *prefix, flag uint8) bool {
	for _, a := range s.above(p) {
		if a.flags&flag != 0 && s.origins.meet(a.origins, p.usually) {
			return true
		}
	}
	return false
}

// coverageOf returns the coverage of p.
func (s *State) coverageOf(p *prefix) coverage {
	st := coverage{region: s.regionSeen(p)}
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

// contribute adds the contribution of a row to its entities (sign 1) or subtracts it (sign -1).
func (s *State) contribute(r rib.Row, sign int64) {
	p := &s.prefixes[r]
	if p.node == 0 {
		return
	}
	inAll := s.coverageOf(p)
	for _, sh := range s.sharesOf(r) {
		if sh.asn != 0 {
			s.contributeOrigin(p, sh, sign)
			continue
		}
		st, e := inAll, s.touch(sh.entity)
		if e.key.Type == bgp.EntityWatch {
			st = s.listedCoverage(p, sh.entity)
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

// visible returns how often the space of a prefix counts as visible: 1 or 0 for its own range,
// minus 1 if the prefix above it has counted the space.
func (st coverage) visible() (n int64) {
	if st.region {
		n++
	}
	if st.above {
		n--
	}
	return n
}

// contributeOrigin adds the contribution of a prefix to an AS that usually originates it. The
// space of an AS is the union of the visible prefixes that it originates.
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

// contributeStrangers adds the space of a visible prefix to ASes that originate it and are not its
// usual origins. If the prefix is not counted, it adds the space to all its origins. This space is
// visible, and it is not part of the known space of these ASes.
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

// movedFrom reports whether other ASes originate a known and visible prefix now, and a, one of its
// usual origins, does not. The other ASes may be usual origins too.
func (s *State) movedFrom(p *prefix, a bgp.ASN) bool {
	return p.flags&(known|seen) == known|seen && p.origins != 0 &&
		s.origins.has(p.usually, a) && !s.origins.has(p.origins, a)
}

// movedPrefix reports whether other ASes originate a known prefix now, and no usual origin covers
// it.
func (s *State) movedPrefix(p *prefix) bool {
	return s.knowledge == bgp.TablesComplete && p.flags&(known|seen) == known|seen &&
		p.origins != 0 && p.usually != 0 &&
		!s.origins.meet(p.origins, p.usually) && !s.underOwn(p)
}

// prefixSample returns the sample of a prefix as an entity. It is empty if the prefix is not known.
// A lost prefix stays lost even if other routes of its usual origins carry its addresses. Covered
// then shows that no space is lost.
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

// Present implements outage.View.
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

// takePrefixSamples returns the changed samples of affected prefixes that are lost, partial or
// moved, and one final sample of each that has recovered.
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
