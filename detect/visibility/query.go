package visibility

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// Queries change nothing: they add no set of origins or places, no row and no list entry.

// maxWithdrawnLog bounds the withdrawals of the open window that an answer searches.
const maxWithdrawnLog = 1 << 18

// Describe returns the present state of a prefix to the voters of the last window. Each list has
// at most limit entries. AS names are left out. ok is false if no peer was ever heard to announce
// the prefix.
func (s *State) Describe(k rib.Key, limit int) (out query.Prefix, ok bool) {
	r, found := s.rib.Row(k)
	if !found || !s.everAnnounced(r) {
		return query.Prefix{}, false
	}
	out = query.Prefix{Prefix: k.Prefix(s.family).String(), Voters: s.voters.N}
	p := s.recordOf(r)
	out.State, out.Why = s.stateOf(r, p)
	if p.flags&known != 0 && s.knowledge == bgp.TablesComplete {
		usual := bgp.Decimal(int(p.usual) * 10_000 / wholeShare)
		out.UsualPercent = &usual
	}
	if p.since != 0 {
		out.Since = timeOf(int64(p.since)*60 - 60)
	}
	if x := s.troughs.losses[r]; x != nil && x.over != 0 && x.lost && p.since == 0 {
		out.BackSince = timeOf(x.over - 60)
	}
	if at, moved := s.moved[r]; moved && p.flags&seen != 0 {
		out.MovedSince = timeOf(at - 60)
	}
	for _, a := range s.origins.list(p.usually) {
		out.UsualOrigins = append(out.UsualOrigins, bgp.AS{ASN: a})
	}
	out.Covered = out.State == query.Lost && s.covered(r, p)
	for _, sh := range s.places.sets[p.place] {
		out.Places = append(out.Places, s.entities[sh.entity].key.Code)
	}
	slices.Sort(out.Places)
	s.describeHolders(&out, r)
	s.describePeers(&out, r)
	out.Cut = trim(&out.Peers, limit)
	for _, list := range []*[]query.Heard{
		&out.Upstreams, &out.LastUpstreams, &out.Origins, &out.LastOrigins,
	} {
		out.Cut = trim(list, limit) || out.Cut // each list is trimmed
	}
	return out, true
}

// trim cuts a list to limit entries and reports whether it was longer.
func trim[T any](list *[]T, limit int) bool {
	if len(*list) <= limit {
		return false
	}
	*list = (*list)[:limit]
	return true
}

// recordOf returns the record of a row. A row that is new in the open window has an empty record.
func (s *State) recordOf(r rib.Row) *prefix {
	if int(r) < len(s.prefixes) {
		return &s.prefixes[r]
	}
	return &prefix{}
}

// everAnnounced reports whether a peer holds the row, or was heard to announce it.
func (s *State) everAnnounced(r rib.Row) (ever bool) {
	for _, w := range s.rib.Held(r) {
		ever = ever || w != 0
	}
	s.rib.EachPair(r, func(origin, upstream bgp.ASN, _ []uint64) {
		ever = ever || origin != 0 || upstream != 0
	})
	return ever
}

// stateOf returns the state of a row in the last window, and the reason if it is not obvious.
func (s *State) stateOf(r rib.Row, p *prefix) (query.State, string) {
	switch {
	case p.flags&known == 0 && !s.verdicts:
		return query.NotCounted, "no verdict is possible at present"
	case p.flags&known == 0 && s.knowledge == bgp.TablesLearned:
		return query.NotCounted, "there are no tables, and too few of the voters have sent updates of it"
	case p.flags&known == 0 && p.flags&seen != 0:
		return query.NotCounted,
			"it is new: half of the voters hold it, and they did not in most of the last 24 hours"
	case p.flags&known == 0:
		return query.NotCounted, "too few of the voters usually hold it (the median of 24 hours)"
	}
	why := ""
	switch {
	case s.knowledge != bgp.TablesComplete || p.flags&counted != 0:
	case !s.counts(r, p.place):
		why = "it counts for itself alone, not for its AS and country: " +
			"it has no place, or is no address space of a network"
	default:
		why = "it counts for itself alone, not for its AS and country: " +
			"fewer than half of the voters usually hold it"
	}
	switch {
	case p.flags&lost != 0:
		return query.Lost, why
	case int(p.share) < partialBelow:
		return query.Partly, why
	}
	return query.Visible, why
}

// timeOf converts Unix seconds to a time.
func timeOf(t int64) *time.Time {
	at := time.Unix(t, 0).UTC()
	return &at
}

// describeHolders counts the voters, and the ASes through which they hold or held the row.
func (s *State) describeHolders(out *query.Prefix, r rib.Row) {
	var held, heard, tmp [maxWords]uint64
	w, h := s.rib.Words(), s.rib.Held(r)
	out.HeldBy = s.voters.Fold(held[:w], h)
	origins, upstreams := map[bgp.ASN]int{}, map[bgp.ASN]int{}
	lastOrigins, lastUpstreams := map[bgp.ASN]int{}, map[bgp.ASN]int{}
	s.rib.EachPair(r, func(origin, upstream bgp.ASN, slots []uint64) {
		for i, b := range slots {
			heard[i] |= b
			tmp[i] = b & h[i]
		}
		now := s.voters.Count(tmp[:w])
		for i, b := range slots {
			tmp[i] = b &^ h[i]
		}
		gone := s.voters.Count(tmp[:w])
		origins[origin] += now
		upstreams[upstream] += now
		lastOrigins[origin] += gone
		lastUpstreams[upstream] += gone
	})
	s.voters.Fold(tmp[:w], heard[:w])
	for i := range w {
		out.GoneFrom += bits.OnesCount64(tmp[i] &^ held[i])
	}
	out.Origins, out.Upstreams = heardBy(origins), heardBy(upstreams)
	out.LastOrigins, out.LastUpstreams = heardBy(lastOrigins), heardBy(lastUpstreams)
}

// heardBy lists the known ASes that have voters, most voters first.
func heardBy(count map[bgp.ASN]int) []query.Heard {
	var out []query.Heard
	for _, a := range byVoters(count) {
		if a != 0 && count[a] > 0 {
			out = append(out, query.Heard{AS: bgp.AS{ASN: a}, Voters: count[a]})
		}
	}
	return out
}

// describePeers lists the voters that do not hold the row, then those that do, then the other
// peers that hold it or held it.
func (s *State) describePeers(out *query.Prefix, r rib.Row) {
	type line struct {
		query.Peer
		key  bgp.PeerKey
		rank int
	}
	paths := map[int]query.Peer{}
	s.rib.EachPair(r, func(origin, upstream bgp.ASN, slots []uint64) {
		for w, b := range slots {
			for ; b != 0; b &= b - 1 {
				paths[w<<6+bits.TrailingZeros64(b)] = query.Peer{Origin: origin, Upstream: upstream}
			}
		}
	})
	gone := s.withdrawnAt(r)
	var lines []line
	for slot := range s.rib.Words() << 6 {
		key, there := s.peers.Peer(slot)
		x, heard := paths[slot]
		if x.Votes = s.voters.Votes(slot); !there || !heard && !x.Votes {
			continue
		}
		x.Holds = hasSlot(s.rib.Held(r), uint16(slot))
		x.Never = !x.Holds && x.Origin == 0 && x.Upstream == 0
		if e, ok := gone[slot]; ok && !x.Holds {
			x.Withdrawn, x.SessionEnded = timeOf(int64(e.at)), e.lapsed
		}
		x.Collector, x.Address, x.ASN = key.Collector, key.Address.String(), key.ASN
		rank := 3
		switch {
		case x.Votes && !x.Holds:
			rank = 0
		case x.Votes:
			rank = 1
		case x.Holds:
			rank, out.OtherPeers = 2, out.OtherPeers+1
		}
		lines = append(lines, line{x, key, rank})
		if t := x.Withdrawn; x.Votes && t != nil {
			if out.FirstWithdrawal == nil || t.Before(*out.FirstWithdrawal) {
				out.FirstWithdrawal = t
			}
			if out.LastWithdrawal == nil || t.After(*out.LastWithdrawal) {
				out.LastWithdrawal = t
			}
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.key.Compare(b.key))
	})
	for i := range lines {
		out.Peers = append(out.Peers, lines[i].Peer)
	}
	out.PeersTotal = len(lines)
}

// withdrawnAt returns the known withdrawals of a row by slot: those of the present loss and of the
// open window.
func (s *State) withdrawnAt(r rib.Row) map[int]entry {
	out := map[int]entry{}
	if x := s.loss.rows[r]; x != nil {
		for _, e := range x.entries {
			out[int(e.slot)] = e
		}
	}
	log := s.loss.withdrawn
	for _, e := range log[max(0, len(log)-maxWithdrawnLog):] {
		if e.row == r {
			out[int(e.slot)] = entry{slot: e.slot, lapsed: e.lapsed, at: e.at}
		}
	}
	return out
}

// Brief returns the main facts of a prefix. ok is false if no peer holds it and it is not known.
func (s *State) Brief(k rib.Key) (query.Brief, bool) {
	r, ok := s.rib.Row(k)
	if !ok {
		return query.Brief{}, false
	}
	return s.briefOf(r)
}

func (s *State) briefOf(r rib.Row) (query.Brief, bool) {
	p, held := s.recordOf(r), false
	for _, w := range s.rib.Held(r) {
		held = held || w != 0
	}
	if !held && p.flags&known == 0 {
		return query.Brief{}, false
	}
	out := query.Brief{
		Prefix: s.rib.Key(r).Prefix(s.family).String(), HeldBy: s.voters.Count(s.rib.Held(r)),
	}
	out.State, _ = s.stateOf(r, p)
	seenFrom := map[bgp.ASN]int{}
	s.rib.EachPair(r, func(origin, _ bgp.ASN, slots []uint64) {
		if origin != 0 {
			seenFrom[origin] += 1 + s.voters.Count(slots)
		}
	})
	out.Origins = byVoters(seenFrom)
	trim(&out.Origins, maxOrigins)
	return out, true
}

// Within lists up to limit more-specific prefixes of k that are known or seen, in order. total
// counts them, up to most. cut reports whether there are more than most.
func (s *State) Within(k rib.Key, limit, most int) (list []query.Brief, total int, cut bool) {
	cut = !s.trie.walkUntil(s.trie.at(k), func(row uint32) bool {
		if s.rib.Key(rib.Row(row)) == k {
			return true
		}
		if total == most {
			return false
		}
		total++
		if len(list) < limit {
			if b, ok := s.briefOf(rib.Row(row)); ok {
				list = append(list, b)
			}
		}
		return true
	})
	return list, total, cut
}
