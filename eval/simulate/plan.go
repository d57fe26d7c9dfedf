package simulate

import (
	"math/rand/v2"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// The counts of the background events in nine days. All of them are assumed. They are enough to
// disturb the detector, and few enough for two cores.
const (
	reroutings   = 5500 // the path of a network changes for some of the peers, and changes back
	singleLosses = 1500 // one or two peers lose a network for a moment
	blips        = 14   // a whole network of another country is gone for less than three minutes
	resets       = 40   // sessions that end and come back with their whole table
	refreshes    = 14   // like resets, but without a state message
)

const (
	second = int64(1e6)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// withdrawn is the path of a change that withdraws.
const withdrawn = -1

// change is a change of some prefixes of a group at one peer. The peer sends it if its session is
// up.
type change struct {
	at    int64
	mask  uint32
	group int32
	path  int8
	// silent marks a change without a message: an announcement of the same prefixes by another
	// network implies it.
	silent bool
}

// pause is the loss of a session. If state is false, the collector records no state message: the
// peer only sends its table again.
type pause struct {
	down, up int64
	state    bool
	transfer int64 // transfer is the duration of the table transfer.
}

// plan holds everything that happens, by session, in order of time.
type plan struct {
	changes [][]change
	pauses  [][]pause
	// losses are the losses of the drawn country. blips are the losses of other countries.
	losses []loss
	blips  []blip
}

// blip is a loss of a network that is too short to be an outage.
type blip struct {
	network int
	loss
}

// planner fills a plan. busy lists, by network, the losses during which nothing else may happen to
// the network.
type planner struct {
	w    *World
	rng  *rand.Rand
	p    plan
	base []int64 // base is the distance of each peer from the world, in microseconds.
	busy [][]loss
}

func newPlanner(w *World, rng *rand.Rand) *planner {
	p := &planner{w: w, rng: rng, busy: make([][]loss, len(w.topo.networks))}
	p.p.changes = make([][]change, len(w.sessions))
	p.p.pauses = make([][]pause, len(w.sessions))
	for range w.peers {
		p.base = append(p.base, second/2+rng.Int64N(12*second))
	}
	return p
}

// background adds the events that the detector must not report. Their number is in proportion to
// the period. Events that take days are added only if the period is nine days or longer.
func (p *planner) background() {
	share := func(n int) int { return int(int64(n) * (p.w.end - p.w.start) / (9 * day)) }
	p.blips(share(blips))
	long := p.w.end-p.w.start >= 9*day
	if long {
		p.partialLoss()
	}
	for range share(reroutings) {
		p.reroute()
	}
	for range share(singleLosses) {
		p.loseSingly()
	}
	p.join()
	if long {
		p.longPauses()
	}
	for range share(resets) {
		at := p.moment()
		p.pause(p.anyPeer(), at, at+20*second+p.exp(80*second), true)
	}
	for range share(refreshes) {
		at := p.moment()
		p.pause(p.anyPeer(), at, at+p.rng.Int64N(15*second), false)
	}
}

// finish sorts the changes and the pauses by time.
func (p *planner) finish() plan {
	for i := range p.p.changes {
		slices.SortStableFunc(p.p.changes[i], func(a, b change) int { return compare(a.at, b.at) })
		slices.SortStableFunc(p.p.pauses[i], func(a, b pause) int { return compare(a.down, b.down) })
	}
	return p.p
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// exp draws from an exponential distribution, cut at six times its mean.
func (p *planner) exp(mean int64) int64 {
	return min(int64(p.rng.ExpFloat64()*float64(mean)), 6*mean)
}

// say adds a change at a peer to its sessions that carry the family of the group.
func (p *planner) say(peerIndex int, c change) {
	for _, s := range p.w.peers[peerIndex].sessions {
		if s.carries(p.w.groups[c.group].family) {
			p.p.changes[s.index] = append(p.p.changes[s.index], c)
		}
	}
}

// groupsOf returns the groups of a network.
func (p *planner) groupsOf(network int) []int {
	var out []int
	for i := range p.w.groups {
		if p.w.groups[i].network == network {
			out = append(out, i)
		}
	}
	return out
}

// free reports whether the network has no loss between from and to, with a margin of five minutes
// on both sides.
func (p *planner) free(network int, from, to int64) bool {
	for _, l := range p.busy[network] {
		if from < l.end+5*minute && l.start-5*minute < to {
			return false
		}
	}
	return true
}

// loseCountry takes the drawn country away at the times of the schedule.
func (p *planner) loseCountry(schedule []Row) {
	for _, r := range schedule {
		for _, l := range r.losses(p.w.shift, p.rng) {
			p.p.losses = append(p.p.losses, l)
			for n, network := range p.w.topo.networks {
				if network.Country == p.w.country {
					p.loseNetwork(n, l)
				}
			}
		}
	}
}

// loseNetwork takes a network away. Except in KP, the networks of a country do not go in the same
// instant.
func (p *planner) loseNetwork(n int, l loss) {
	p.busy[n] = append(p.busy[n], l)
	var late int64
	if p.w.country != "KP" {
		late = p.rng.Int64N(8 * second)
	}
	for _, g := range p.groupsOf(n) {
		p.lose(g, p.w.groups[g].all(), loss{l.start + late, l.end + late/2})
	}
}

// lose takes prefixes of a group from all peers, and gives them back.
func (p *planner) lose(g int, mask uint32, l loss) {
	group := &p.w.groups[g]
	for i, peer := range p.w.peers {
		if p.w.hears(peer, group) {
			p.loseAt(i, g, mask, l)
		}
	}
}

// loseAt adds the messages of one peer about a loss. The peer may first announce longer and longer
// paths, then it withdraws. After the loss it announces the route again, perhaps with a longer path
// first. Messages about the loss that would come after its end are left out.
func (p *planner) loseAt(peerIndex, g int, mask uint32, l loss) {
	group := &p.w.groups[g]
	short := l.end-l.start < 10*minute
	t := l.start + p.base[peerIndex] + p.exp(5*second)
	alternatives := len(p.w.paths[peerIndex][group.network]) - 1
	for k := 1; k <= alternatives && p.rng.Float64() < 0.6 && t < l.end; k++ {
		p.say(peerIndex, change{at: t, mask: mask, group: int32(g), path: int8(k)})
		t += second + p.exp(14*second)
	}
	// One peer in fifty keeps a lost route until the route is announced again.
	if zombie := !short && p.rng.Float64() < 0.02; !zombie && t < l.end {
		p.withdraw(peerIndex, g, mask, t)
	}
	t = l.end + p.base[peerIndex]/2 + p.exp(5*second)
	if p.rng.Float64() < 0.3 {
		p.say(peerIndex, change{at: t, mask: mask, group: int32(g), path: 1})
		t += 5*second + p.exp(10*second)
	}
	p.say(peerIndex, change{at: t, mask: mask, group: int32(g), path: 0})
}

// withdraw withdraws prefixes in one message, or sometimes in two.
func (p *planner) withdraw(peerIndex, g int, mask uint32, t int64) {
	if part := mask & 0x55555555; part != mask && part != 0 && p.rng.Float64() < 0.2 {
		p.say(peerIndex, change{at: t, mask: part, group: int32(g), path: withdrawn})
		mask &^= part
		t += p.rng.Int64N(2 * second)
	}
	p.say(peerIndex, change{at: t, mask: mask, group: int32(g), path: withdrawn})
}

// moment draws a time of the period, at least five minutes from its ends.
func (p *planner) moment() int64 {
	return p.w.start + 5*minute + p.rng.Int64N(p.w.end-p.w.start-10*minute)
}

// blips takes count whole networks away for moments. Each is of another country, and none is of the
// drawn one.
func (p *planner) blips(count int) {
	seen := map[string]bool{p.w.country: true}
	for len(p.p.blips) < count {
		n := p.rng.IntN(len(p.w.topo.networks))
		l := loss{start: p.moment()}
		l.end = l.start + 80*second + p.rng.Int64N(80*second)
		network := p.w.topo.networks[n]
		if seen[network.Country] || len(p.w.topo.customers[n]) > 0 || len(network.Prefixes) == 0 ||
			l.end > p.w.end-hour || !p.free(n, l.start, l.end) {
			continue
		}
		seen[network.Country] = true
		p.busy[n] = append(p.busy[n], l)
		p.p.blips = append(p.p.blips, blip{n, l})
		for _, g := range p.groupsOf(n) {
			p.lose(g, p.w.groups[g].all(), l)
		}
	}
}

// partialLoss takes one network from four peers for five hours. Four peers are too few for an
// event.
func (p *planner) partialLoss() {
	for {
		g := p.rng.IntN(len(p.w.groups))
		n := p.w.groups[g].network
		at := p.w.start + 5*day + p.rng.Int64N(day)
		l := loss{at, at + 5*hour}
		if p.w.groups[g].family != bgp.IPv4 || p.w.topo.networks[n].Country == p.w.country ||
			!p.free(n, l.start, l.end) {
			continue
		}
		p.busy[n] = append(p.busy[n], l)
		for _, i := range p.rng.Perm(len(p.w.peers))[:4] {
			if p.w.hears(p.w.peers[i], &p.w.groups[g]) {
				p.loseAt(i, g, p.w.groups[g].all(), l)
			}
		}
		return
	}
}

// reroute moves a group to other paths at some peers, and back.
func (p *planner) reroute() {
	g := p.rng.IntN(len(p.w.groups))
	group := &p.w.groups[g]
	at := p.moment()
	back := at + 2*minute + p.exp(25*minute)
	some := 0.08 + p.rng.Float64()*0.3
	k := int8(1 + p.rng.IntN(3))
	for i, peer := range p.w.peers {
		if p.rng.Float64() >= some || !p.w.hears(peer, group) || !p.free(group.network, at, back) {
			continue
		}
		t := at + p.base[i] + p.exp(8*second)
		p.say(i, change{at: t, mask: group.all(), group: int32(g), path: k})
		if p.rng.Float64() < 0.15 {
			p.say(i, change{at: t + second + p.exp(10*second), mask: group.all(), group: int32(g), path: k%3 + 1})
		}
		p.say(i, change{at: back + p.base[i] + p.exp(8*second), mask: group.all(), group: int32(g), path: 0})
	}
}

// loseSingly withdraws some or all prefixes of a group at one or two peers for a moment.
func (p *planner) loseSingly() {
	g := p.rng.IntN(len(p.w.groups))
	group := &p.w.groups[g]
	at := p.moment()
	back := at + 10*second + p.exp(90*second)
	mask := group.all()
	if p.rng.Float64() < 0.4 {
		mask = 1 << p.rng.IntN(len(group.prefixes))
	}
	for range 1 + p.rng.IntN(2) {
		i := p.rng.IntN(len(p.w.peers))
		if !p.w.hears(p.w.peers[i], group) || !p.free(group.network, at, back) {
			continue
		}
		t := at + p.base[i] + p.exp(5*second)
		p.say(i, change{at: t, mask: mask, group: int32(g), path: withdrawn})
		p.say(i, change{at: max(back, t+second) + p.base[i], mask: mask, group: int32(g), path: 0})
	}
}

// join keeps the peers that join later away until they join.
func (p *planner) join() {
	for _, peer := range p.w.peers {
		if peer.joins > 0 {
			p.pause(peer, p.w.start-1, p.w.start+peer.joins.Microseconds(), true)
		}
	}
}

// longPauses plans the events that happen once in nine days: a reset and a refresh during the
// longest loss, one peer that is away for 20 hours, and one collector that loses all its sessions
// at once.
func (p *planner) longPauses() {
	longest := loss{p.w.start, p.w.start + day}
	for _, l := range p.p.losses {
		if l.end-l.start > longest.end-longest.start || longest.start == p.w.start {
			longest = l
		}
	}
	p.pause(p.anyPeer(), longest.start+2*hour, longest.start+2*hour+3*minute, true)
	p.pause(p.anyPeer(), longest.start+4*hour, longest.start+4*hour+20*second, false)
	away := p.w.start + 5*day
	p.pause(p.anyPeer(), away, away+20*hour, true)
	restart, name := p.w.start+3*day+5*hour, p.anyPeer().collector
	for _, peer := range p.w.peers {
		if peer.collector == name {
			p.pause(peer, restart+p.rng.Int64N(second), restart+minute+p.rng.Int64N(90*second), true)
		}
	}
}

func (p *planner) anyPeer() *peer { return p.w.peers[p.rng.IntN(len(p.w.peers))] }

// pause adds a pause to each session of the peer that has no other pause within half an hour.
func (p *planner) pause(peer *peer, down, up int64, state bool) {
	transfer := 2*second + p.rng.Int64N(6*second)
	for _, s := range peer.sessions {
		free := !slices.ContainsFunc(p.p.pauses[s.index], func(o pause) bool {
			return down < o.up+30*minute && o.down < up+30*minute
		})
		if free {
			p.p.pauses[s.index] = append(p.p.pauses[s.index], pause{down, up, state, transfer})
		}
	}
}
