package visibility

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// members calls f with every prefix that counts in an entity, in no order. For a prefix entity
// this is the prefix itself if it is known.
func (s *State) members(k outage.Key, f func(r rib.Row)) {
	if k.Type == bgp.EntityPrefix {
		if r, ok := s.rowOf(k.Code); ok && s.prefixes[r].flags&known != 0 {
			f(r)
		}
		return
	}
	i, ok := s.byKey[k]
	switch {
	case !ok:
	case i == world:
		s.trie.walk(s.trie.root, func(row uint32) {
			if s.prefixes[row].flags&counted != 0 {
				f(rib.Row(row))
			}
		})
	default:
		for _, r := range s.entities[i].members {
			f(r)
		}
	}
}

// rowOf returns the row of a prefix in text form.
func (s *State) rowOf(code string) (rib.Row, bool) {
	k, ok := keyOf(code)
	if !ok {
		return 0, false
	}
	return s.rib.Row(k)
}

// spaceIn returns the space of a row that lies in an entity.
func (s *State) spaceIn(k outage.Key, r rib.Row) uint64 {
	if k.Type != bgp.EntityCountry && k.Type != bgp.EntityRegion && k.Type != bgp.EntityWatch {
		return s.rib.Key(r).Space(s.family)
	}
	return s.spaceOf(s.byKey[k], r)
}

// Lost lists the entity's lost prefixes in order. It implements outage.View.
func (s *State) Lost(k outage.Key) []outage.LostPrefix {
	var rows []rib.Row
	s.members(k, func(r rib.Row) {
		if s.prefixes[r].flags&lost != 0 {
			rows = append(rows, r)
		}
	})
	s.sortRows(rows)
	asn, err := bgp.ParseASN(k.Code)
	isAS := k.Type == bgp.EntityAS && err == nil
	var own originID
	if isAS {
		own = s.origins.of([]bgp.ASN{asn})
	}
	out := make([]outage.LostPrefix, len(rows))
	for i, r := range rows {
		out[i] = s.lostPrefix(r)
		out[i].Space = s.spaceIn(k, r)
		origins := s.prefixes[r].usually
		if isAS {
			out[i].UnderAggregate = s.coveredBy(&s.prefixes[r], asn)
			origins = own
		}
		if out[i].UnderAggregate {
			continue
		}
		out[i].Carried = min(s.carriedIn(s.byKey[k], r, origins), out[i].Space)
	}
	return out
}

// lostPrefix returns the facts of a row's loss.
func (s *State) lostPrefix(r rib.Row) outage.LostPrefix {
	p := &s.prefixes[r]
	out := outage.LostPrefix{Prefix: s.rib.Key(r).Prefix(s.family), SharePermille: int(p.share)}
	collectors := make(map[int]struct{})
	upstreams := make(map[bgp.ASN]int)
	origins := make(map[bgp.ASN]int)
	held := s.rib.Held(r)
	s.rib.EachPair(r, func(origin, upstream bgp.ASN, slots []uint64) {
		n := s.voters.Count(slots)
		if n > 0 && upstream != 0 {
			upstreams[upstream] += n
		}
		if n > 0 && s.origins.has(p.usually, origin) {
			origins[origin] += n
		}
		for w, b := range slots {
			for b &^= held[w]; b != 0; b &= b - 1 {
				if slot := w<<6 + bits.TrailingZeros64(b); s.voters.Votes(slot) {
					collectors[s.voters.Collector(slot)] = struct{}{}
				}
			}
		}
	})
	out.Collectors = len(collectors)
	out.Upstreams = byVoters(upstreams)
	if o := byVoters(origins); len(o) > 0 {
		out.Origin = o[0]
	} else if o := s.origins.list(p.usually); len(o) > 0 {
		out.Origin = o[0]
	}
	out.Withdrawals, out.WithdrawnBy, out.Lapsed, out.ReroutedVia = s.withdrawals(r)
	out.UnderAggregate = s.underOwn(p)
	if out.Deaggregated = out.UnderAggregate ||
		s.carried(p) == s.rib.Key(r).Space(s.family); !out.Deaggregated {
		out.CoveredBy = s.coveredByOther(p)
	}
	return out
}

// byVoters lists ASes by number of voters, most first, then by number.
func byVoters(count map[bgp.ASN]int) []bgp.ASN {
	out := make([]bgp.ASN, 0, len(count))
	for a := range count {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b bgp.ASN) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	return out
}

// withdrawals returns the times at which present voters lost a row, and these voters. Of several
// peers of a voter the latest time counts. lapsed: most of the losses were ends of sessions. via
// are the upstreams through which the row was still heard.
func (s *State) withdrawals(r rib.Row) (times []int64, by []bgp.ASN, lapsed bool, via []bgp.ASN) {
	x := s.loss.rows[r]
	if x == nil {
		return nil, nil, false, nil
	}
	ends, of := 0, 0
	last := make(map[bgp.PeerKey]int64)
	for _, e := range x.entries {
		if !s.voters.Votes(int(e.slot)) {
			continue // this peer has lost its whole table since, for example
		}
		of++
		if e.lapsed {
			ends++
		}
		if k, ok := s.peers.Peer(int(e.slot)); ok {
			last[k.Voter()] = max(last[k.Voter()], int64(e.at))
		}
	}
	type voter struct {
		at  int64
		asn bgp.ASN
	}
	voters := make([]voter, 0, len(last))
	for k, at := range last {
		voters = append(voters, voter{at, k.ASN})
	}
	slices.SortFunc(voters, func(a, b voter) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.asn, b.asn))
	})
	times, by = make([]int64, len(voters)), make([]bgp.ASN, len(voters))
	for i, v := range voters {
		times[i], by[i] = v.at, v.asn
	}
	return times, by, 2*ends > of, slices.Clone(x.upstream)
}

// coveredByOther returns the first origin of the nearest visible prefix above p, 0 if there is
// none.
func (s *State) coveredByOther(p *prefix) bgp.ASN {
	for _, a := range s.above(p) {
		if a.flags&p.coveredWhen() != 0 {
			if o := s.origins.list(a.origins); len(o) > 0 {
				return o[0]
			}
		}
	}
	return 0
}

// Surviving lists up to limit of the entity's visible prefixes in order, and returns the number of
// all. It implements outage.View.
func (s *State) Surviving(k outage.Key, limit int) ([]netip.Prefix, int) {
	var rows []rib.Row
	total := 0
	s.members(k, func(r rib.Row) {
		p := &s.prefixes[r]
		if p.flags&seen == 0 || k.Type == bgp.EntityAS && !s.originates(k, p) {
			return
		}
		total++
		if rows = append(rows, r); len(rows) >= 4*limit+1024 {
			s.sortRows(rows)
			rows = rows[:limit]
		}
	})
	s.sortRows(rows)
	out := make([]netip.Prefix, min(limit, len(rows)))
	for i := range out {
		out[i] = s.rib.Key(rows[i]).Prefix(s.family)
	}
	return out, total
}

// originates reports whether an AS entity originates p now.
func (s *State) originates(k outage.Key, p *prefix) bool {
	a, err := bgp.ParseASN(k.Code)
	return err == nil && s.origins.has(p.origins, a)
}

// Churn counts route changes of the entity's prefixes in the hour and the day before t. It
// implements outage.View.
func (s *State) Churn(k outage.Key, t int64) bgp.Churn {
	var out bgp.Churn
	var rows []rib.Row
	s.members(k, func(r rib.Row) { rows = append(rows, r) })
	slices.Sort(rows)
	s.churn.before(rows, t, &out)
	return out
}

// Moved lists, in order, prefixes of an AS or prefix that other ASes originate now. It implements
// outage.View.
func (s *State) Moved(k outage.Key) []outage.MovedPrefix {
	if k.Type != bgp.EntityAS && k.Type != bgp.EntityPrefix {
		return nil
	}
	from, err := bgp.ParseASN(k.Code)
	isAS := k.Type == bgp.EntityAS && err == nil
	var rows []rib.Row
	s.members(k, func(r rib.Row) {
		p := &s.prefixes[r]
		if isAS && s.movedFrom(p, from) && !s.coveredBy(p, from) || !isAS && s.movedPrefix(p) {
			rows = append(rows, r)
		}
	})
	s.sortRows(rows)
	out := make([]outage.MovedPrefix, len(rows))
	for i, r := range rows {
		p := &s.prefixes[r]
		out[i] = outage.MovedPrefix{
			Prefix: s.rib.Key(r).Prefix(s.family),
			From:   from, To: s.origins.list(p.origins)[0], Since: s.moved[r],
		}
		if !isAS {
			out[i].From = s.origins.list(p.usually)[0]
		}
	}
	return out
}

// sortRows sorts rows by their prefixes.
func (s *State) sortRows(rows []rib.Row) {
	slices.SortFunc(rows, func(a, b rib.Row) int { return cmp.Compare(s.rib.Key(a), s.rib.Key(b)) })
}

// Hourly returns the last samples that are due in a minute of the hour (0 to 59), changed or not:
// those of entities with known space, and in minute 0 those of prefixes that are lost, partial or
// moved.
func (s *State) Hourly(minute int) []outage.Sample {
	var out []outage.Sample
	for i := range s.entities {
		if e := &s.entities[i]; int(e.minute) == minute && e.everSampled && e.last.KnownSpace > 0 {
			out = append(out, e.last)
		}
	}
	for _, x := range s.open {
		if minute == 0 {
			out = append(out, x)
		}
	}
	return out
}
