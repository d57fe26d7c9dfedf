package year

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
)

// fullRoutes is the number of route changes in 30 days at scale 1 that belong to no outage.
const fullRoutes = 20_000_000

// maxRoutes bounds the prefixes of one message.
const maxRoutes = 64

// update is a message of a peer of one collector about count prefixes of a family, from number
// first on.
type update struct {
	at       int64 // microseconds
	peer     int   // within the collector
	family   int
	withdraw bool
	origin   int // index in world.ases
	place    int // index in world.ases of the AS whose location the prefixes have
	first    int
	count    int
	upstream int // index in world.ases
	variant  int // selects the path
}

// routeRecords yields the messages of a collector in the last 30 days.
func (y *Year) routeRecords(c int) iter.Seq2[*kgo.Record, error] {
	return func(yield func(*kgo.Record, error) bool) {
		rng := rand.New(rand.NewPCG(y.cfg.Seed, 100+uint64(c))) //nolint:gosec // repeatable on purpose
		from := y.end - routeDays*day
		told := y.outageUpdates(c, from, rng)
		told = append(told, y.storyUpdates(c, rng)...)
		sortUpdates(told)
		enc := newRouteEncoder(y, c)
		var all []update
		for d := from; d < y.end; d += day {
			all = y.background(all, c, d, rng)
			n := before(told, at(d+day))
			all, told = append(all, told[:n]...), told[n:]
			sortUpdates(all)
			n = before(all, at(d+day))
			for i := range all[:n] {
				if !yield(enc.record(&all[i])) {
					return
				}
			}
			all = append(all[:0], all[n:]...)
		}
	}
}

// before returns how many of the messages, which are in the order of time, are before a time.
func before(all []update, until int64) int {
	n, _ := slices.BinarySearchFunc(all, until, func(u update, t int64) int { return cmp.Compare(u.at, t) })
	return n
}

func sortUpdates(all []update) {
	slices.SortStableFunc(all, func(a, b update) int { return cmp.Compare(a.at, b.at) })
}

// background draws the messages of a day that belong to no outage. A third of them is about one
// network in a hundred. They come in episodes, as in the file of RouteViews of 2026-02-22, 15:30: its
// 118,663 changes are 12,438 episodes (no two changes of a prefix more than 90 s apart) of 2.5 peers
// and 3.8 changes a peer.
func (y *Year) background(all []update, c int, from int64, rng *rand.Rand) []update {
	w := y.world
	n := max(20, int(fullRoutes*y.cfg.Scale)/routeDays/len(w.collectors)/2) // two prefixes each
	networks := len(w.ases) - storyASes
	for len(all) < n {
		i := storyASes + rng.IntN(networks)
		if rng.IntN(3) == 0 {
			i = storyASes + rng.IntN(networks/100+1)*97%networks
		}
		a := &w.ases[i]
		u := update{
			at: at(from) + rng.Int64N(day*1_000_000), origin: i, place: i, upstream: a.upstreams[0],
		}
		if a.prefixes[1] > 0 && rng.IntN(6) == 0 {
			u.family = 1
		}
		u.first = a.first[u.family] + rng.IntN(a.prefixes[u.family])
		u.count = min(1+rng.IntN(3), a.first[u.family]+a.prefixes[u.family]-u.first)
		all = y.episode(all, c, u, rng)
	}
	return all
}

// episode draws the messages of one episode of a collector: three in four are of one peer, the
// others of several. A peer sends a second message, and each further one, in three of four cases.
func (y *Year) episode(all []update, c int, first update, rng *rand.Rand) []update {
	peers := len(y.world.collectors[c].peers)
	n := 1
	if peers > 1 && rng.IntN(4) == 0 {
		n = 2 + rng.IntN(peers-1)
	}
	for _, peer := range rng.Perm(peers)[:n] {
		u := first
		u.peer, u.at = peer, first.at+rng.Int64N(20_000_000)
		for again := true; again; again = rng.IntN(4) > 0 {
			u.variant = rng.IntN(4)
			back := u
			if rng.IntN(12) == 0 { // the route goes and comes back at once
				back.at += 20_000_000 + rng.Int64N(60_000_000)
				u.withdraw = true
				all = append(all, u)
			}
			all = append(all, back)
			u.withdraw, u.at = false, back.at+rng.Int64N(40_000_000)
		}
	}
	return all
}

// delay returns the time from an event to the peer's message about it, in microseconds. The first
// peer of ris/rrc05 is always the first of all.
func (y *Year) delay(c, peer int, rng *rand.Rand) int64 {
	if c == 5 && peer == 0 {
		return 1_000_000 + rng.Int64N(1_000_000)
	}
	n := int64(c*len(y.world.collectors[0].peers) + peer)
	return (5+n*37%90)*1_000_000 + rng.Int64N(4_000_000)
}

// outageUpdates returns the withdrawals and announcements of the outages that begin at or after
// from.
func (y *Year) outageUpdates(c int, from int64, rng *rand.Rand) (all []update) {
	for _, o := range y.outages {
		if !o.routes || o.start < from || len(o.sample) == 0 {
			continue
		}
		u := update{
			family: o.family, origin: o.origins[0], place: o.origins[0], first: o.sample[0],
			count: min(o.lost, maxRoutes), upstream: o.upstreams[0],
		}
		for peer := range y.world.collectors[c].peers {
			u.peer = peer
			for _, span := range o.spans() {
				gone, back := u, u
				gone.at, gone.withdraw = at(span[0])+y.delay(c, peer, rng), true
				back.at = at(span[1]) + y.delay(c, peer, rng)
				if gone.at >= at(y.end) {
					continue
				}
				all = append(all, gone)
				if back.at < at(y.end) && o.reason != bgp.EndLeftTable {
					all = append(all, back)
				}
			}
		}
	}
	return all
}

// storyUpdates returns the messages of the stories that are not losses.
func (y *Year) storyUpdates(c int, rng *rand.Rand) (all []update) {
	w := y.world
	of := func(i, peer int, t int64) update {
		a := &w.ases[i]
		return update{
			at: at(t) + y.delay(c, peer, rng), peer: peer, origin: i, place: i, first: a.first[0],
			count: 1, upstream: a.upstreams[0],
		}
	}
	for peer := range w.collectors[c].peers {
		number := c*len(w.collectors[c].peers) + peer
		for t := int64(0); t < churnFor; t += 6 * minute {
			u := of(churner, peer, y.end-churnAt+t)
			u.variant = int(t/minute/6) % 2
			all = append(all, u)
		}
		if number%3 == 0 { // the hijack reaches a third of the peers
			u, back := of(victim, peer, y.end-hijackAt), of(victim, peer, y.end-hijackAt+hijackFor)
			u.origin, u.upstream = hijacker, w.ases[hijacker].upstreams[0]
			all = append(all, u, back)
		}
		if number%2 == 0 { // peers disagree
			u, back := of(disputed, peer, y.end-disputeAt), of(disputed, peer, y.end-disputeAt+disputeFor)
			u.withdraw = true
			all = append(all, u, back)
		}
		u := of(young, peer, y.end-youngAt)
		u.count = storyPrefixes
		all = append(all, u)
		u = of(movedAS, peer, y.end-14*day)
		u.count, u.origin, u.upstream = storyPrefixes, mover, w.ases[mover].upstreams[0]
		all = append(all, u)
	}
	return all
}
