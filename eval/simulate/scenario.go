package simulate

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Scenario is a world of its own: the networks and peers of the reconstruction, and events that
// happen to them. Times are whole seconds, UTC. A zero end of a Loss, Move or PeerDown is after the
// end of the scenario.
type Scenario struct {
	// Name is the label of the scenario.
	Name string
	// About describes in one line the events of the scenario.
	About string
	// Seed seeds the draws of delays and background.
	Seed       uint64
	Start, End time.Time
	// Background adds reroutings, blips and session resets in proportion to the length.
	Background bool
	// More lists prefixes beyond the committed ones, for example more-specifics.
	More   []Origination
	Losses []Loss
	Moves  []Move
	Peers  []PeerDown
}

// Origination is a prefix and the AS that announces it.
type Origination struct {
	Origin bgp.ASN
	Prefix netip.Prefix
}

// Loss takes prefixes of a network from all peers. An empty Prefixes means all prefixes of the
// network.
type Loss struct {
	Origin     bgp.ASN
	Prefixes   []netip.Prefix
	Start, End time.Time
}

// Move makes network To announce a prefix instead of network From.
type Move struct {
	Prefix     netip.Prefix
	From, To   bgp.ASN
	Start, End time.Time
}

// PeerDown takes all sessions of a peer down. If State is set, the collector records the state
// changes.
type PeerDown struct {
	ASN      bgp.ASN
	Down, Up time.Time
	State    bool
}

// Build makes the world. The error names a network, prefix or peer of the scenario that the world
// does not have.
func Build(s Scenario) (*World, error) {
	more := slices.Clone(s.More)
	for _, m := range s.Moves {
		more = append(more, Origination{m.To, m.Prefix})
	}
	w, err := newWorld(more)
	if err != nil {
		return nil, fmt.Errorf("building scenario %s: %w", s.Name, err)
	}
	w.label = "SIMULATION: scenario " + s.Name
	w.start, w.end = s.Start.UnixMicro(), s.End.UnixMicro()
	p := newPlanner(w, rand.New(rand.NewPCG(s.Seed, 7))) //nolint:gosec // repeatable on purpose
	for _, step := range []func(*planner) error{s.lose, s.move, s.takeDown} {
		if err := step(p); err != nil {
			return nil, fmt.Errorf("building scenario %s: %w", s.Name, err)
		}
	}
	if s.Background {
		p.background()
	}
	w.plan = p.finish()
	w.truth = append(w.truth, w.blipTruth()...)
	slices.SortStableFunc(w.truth, func(a, b Event) int { return a.Start.Compare(b.Start) })
	return w, nil
}

// until returns an end in microseconds. A zero end becomes a time after the end of the world.
func (w *World) until(t time.Time) int64 {
	if t.IsZero() {
		return w.end + day
	}
	return t.UnixMicro()
}

func (s Scenario) lose(p *planner) error {
	for _, l := range s.Losses {
		n, ok := p.w.topo.node[l.Origin]
		if !ok {
			return fmt.Errorf("%v is not a network of the world", l.Origin)
		}
		span := loss{l.Start.UnixMicro(), p.w.until(l.End)}
		p.busy[n] = append(p.busy[n], span)
		p.p.losses = append(p.p.losses, span)
		found := 0
		for _, g := range p.groupsOf(n) {
			if mask := p.w.groups[g].mask(l.Prefixes); mask != 0 {
				found += bits.OnesCount32(mask)
				p.lose(g, mask, span)
				p.w.truth = append(p.w.truth, p.w.happening("outage", g, mask, l.Start, l.End))
			}
		}
		if found == 0 || len(l.Prefixes) > 0 && found != len(l.Prefixes) {
			return fmt.Errorf("%v announces %d of the prefixes to be lost", l.Origin, found)
		}
	}
	return nil
}

func (s Scenario) move(p *planner) error {
	for _, m := range s.Moves {
		from, okFrom := p.w.topo.node[m.From]
		to, okTo := p.w.topo.node[m.To]
		if !okFrom || !okTo {
			return fmt.Errorf("%v or %v is not a network of the world", m.From, m.To)
		}
		// Network To is left alone all the time, since a prefix that it does not announce yet must
		// not be rerouted.
		p.busy[from] = append(p.busy[from], loss{m.Start.UnixMicro(), p.w.until(m.End)})
		p.busy[to] = append(p.busy[to], loss{p.w.start, p.w.end})
		g, mask := p.find(from, m.Prefix)
		h, newMask := p.find(to, m.Prefix)
		if mask == 0 || newMask == 0 {
			return fmt.Errorf("%v does not announce %v", m.From, m.Prefix)
		}
		p.w.groups[h].absent |= newMask
		p.hand(m.Start.UnixMicro(), g, mask, h, newMask)
		if !m.End.IsZero() {
			p.hand(m.End.UnixMicro(), h, newMask, g, mask)
		}
		p.w.truth = append(p.w.truth, p.w.happening("moved", g, mask, m.Start, m.End))
	}
	return nil
}

// find returns the network's group with the prefix, and the bit of the prefix in the group. The
// mask is 0 if no group of the network has the prefix.
func (p *planner) find(network int, prefix netip.Prefix) (group int, mask uint32) {
	for _, g := range p.groupsOf(network) {
		if mask := p.w.groups[g].mask([]netip.Prefix{prefix}); mask != 0 {
			return g, mask
		}
	}
	return 0, 0
}

// hand makes every peer hear a prefix in group h instead of group g: an implicit withdrawal.
func (p *planner) hand(at int64, g int, mask uint32, h int, newMask uint32) {
	for i, peer := range p.w.peers {
		if !p.w.hears(peer, &p.w.groups[h]) {
			continue
		}
		t := at + p.base[i] + p.exp(8*second)
		p.say(i, change{at: t, mask: mask, group: int32(g), path: withdrawn, silent: true})
		p.say(i, change{at: t, mask: newMask, group: int32(h), path: 0})
	}
}

func (s Scenario) takeDown(p *planner) error {
	for _, d := range s.Peers {
		i := slices.IndexFunc(p.w.peers, func(q *peer) bool { return q.asn == d.ASN })
		if i < 0 {
			return fmt.Errorf("%v feeds no collector", d.ASN)
		}
		p.pause(p.w.peers[i], d.Down.UnixMicro(), p.w.until(d.Up), d.State)
	}
	return nil
}

// mask returns the bits of the given prefixes in the group, or all bits if none are given.
func (g *group) mask(prefixes []netip.Prefix) (mask uint32) {
	if len(prefixes) == 0 {
		return g.all()
	}
	for _, p := range prefixes {
		if i := slices.Index(g.prefixes, p); i >= 0 {
			mask |= 1 << i
		}
	}
	return mask
}

// happening returns the true event of some prefixes of a group. A zero end means that the event
// lasts.
func (w *World) happening(kind string, g int, mask uint32, start, end time.Time) Event {
	group := &w.groups[g]
	network := w.topo.networks[group.network]
	e := Event{
		Kind: kind, Country: network.Country, Family: group.family, Start: start, End: end,
		Origins: []bgp.ASN{network.ASN}, Losses: 1,
	}
	for n, p := range group.prefixes {
		if mask&(1<<n) != 0 {
			e.Prefixes = append(e.Prefixes, p)
		}
	}
	return e
}
