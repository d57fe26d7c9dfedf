package core

import (
	"fmt"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// maxPeers of a collector are told apart: more than any has, and a bound on what a hostile stream costs.
	maxPeers = 1 << 16
	// A session that is down is forgotten after this.
	forgetSeconds = 24 * 3600
)

// collector is what is known of one.
type collector struct {
	name   string
	masked bool
	peers  map[bgp.Peer]*peer
	gap    *gap
	check  *check
	pulse  pulse
}

// peer is a neighbour of a collector.
type peer struct {
	key   bgp.PeerKey
	upAt  int64 // of the last Peer Up; 0 where there was none
	down  bool  // Peer Down was the last that was said
	slots [len(bgp.Families)]place
	gap   gapPeer
}

// place is a peer's in one family.
type place struct {
	slot   int
	used   bool
	named  bool // a table named it
	turned bool // there was no room; a table may still name it
}

func (o *Detector) collector(name string) *collector {
	c := o.collectors[name]
	if c == nil {
		name = strings.Clone(name)
		c = &collector{name: name, peers: make(map[bgp.Peer]*peer)}
		o.collectors[name] = c
	}
	return c
}

// peer finds or makes one.
func (c *collector) peer(in *pb.Peer) (*peer, error) {
	k, err := codec.ParsePeer(in)
	if err != nil {
		return nil, err
	}
	p := c.peers[k]
	if p == nil {
		if len(c.peers) >= maxPeers {
			return nil, fmt.Errorf("peer %v: collector %s has %d already: %w", k.Address, c.name, maxPeers, codec.ErrInvalid)
		}
		p = &peer{key: bgp.PeerKey{Collector: c.name, Peer: k}}
		c.peers[k] = p
	}
	return p, nil
}

// heard notes that a peer said something in a family and returns its slot, -1 where it has none. A message from a peer that is
// not up says that it is: files begin in the middle of sessions, and a Peer Up can be missing.
func (o *Detector) heard(f *familyState, c *collector, p *peer, now int64) int {
	pl := &p.slots[f.family-bgp.IPv4]
	if !pl.used && !o.seat(f, c, p, now) {
		return -1
	}
	s := f.panel.Session(pl.slot)
	s.LastHeard = now
	if !s.Up {
		s.PeerUp(now, o.cfg.Panel.TransferSeconds())
	}
	p.down = false
	if c.gap != nil {
		c.gap.of(p).spoke = true
	}
	return pl.slot
}

// seat gives a peer a slot in a family.
func (o *Detector) seat(f *familyState, c *collector, p *peer, now int64) bool {
	pl := &p.slots[f.family-bgp.IPv4]
	if pl.turned {
		return false
	}
	slot, ok := f.rib.AddSlot()
	if !ok {
		pl.turned = true
		f.turned++
		return false
	}
	pl.slot, pl.used = slot, true
	for len(f.peers) <= slot {
		f.peers = append(f.peers, nil)
	}
	f.peers[slot] = p
	s := &panel.Session{Key: p.key, Up: true, Masked: c.masked, Since: now, LastHeard: now}
	switch {
	case p.upAt != 0:
		s.PeerUp(p.upAt, o.cfg.Panel.TransferSeconds())
	case p.down:
		s.PeerUp(now, o.cfg.Panel.TransferSeconds())
	default:
		s.Awaiting = o.trimmed
	}
	f.panel.Add(slot, s)
	if g := c.gap; g.covers(f.family, p) {
		s.GapBegin(!g.short)
		f.rib.BeginGap(slot)
	}
	return true
}

// Peer is visibility.Peers'.
func (f *familyState) Peer(slot int) (bgp.PeerKey, bool) {
	if slot >= len(f.peers) || f.peers[slot] == nil {
		return bgp.PeerKey{}, false
	}
	return f.peers[slot].key, true
}

// empty clears a peer's column: whatever it held is unknown from here on.
func (f *familyState) empty(slots ...int) {
	if len(slots) == 0 {
		return
	}
	mask := make([]uint64, f.rib.Words())
	for _, s := range slots {
		mask[s>>6] |= 1 << (s & 63)
	}
	f.rib.ClearSlots(mask)
	f.swept = true
}

// peerUp begins a session: whatever was left of the one before is void, and its table comes now.
func (o *Detector) peerUp(c *collector, in *pb.Peer, now int64) error {
	p, err := c.peer(in)
	if err != nil {
		return err
	}
	p.upAt, p.down = now, false
	c.leave(p)
	for _, f := range o.families {
		pl := &p.slots[f.family-bgp.IPv4]
		pl.turned = false
		if pl.used {
			s := f.panel.Session(pl.slot)
			s.PeerUp(now, o.cfg.Panel.TransferSeconds())
			s.LastHeard = now
			f.empty(pl.slot)
		}
	}
	return nil
}

// peerDown ends a session. It is never a withdrawal: the peer leaves every denominator.
func (o *Detector) peerDown(c *collector, in *pb.Peer, now int64) error {
	p, err := c.peer(in)
	if err != nil {
		return err
	}
	p.upAt, p.down = 0, true
	c.leave(p)
	for _, f := range o.families {
		if pl := &p.slots[f.family-bgp.IPv4]; pl.used {
			s := f.panel.Session(pl.slot)
			s.PeerDown()
			s.LastHeard = now
			f.empty(pl.slot)
		}
	}
	return nil
}

// leave takes a peer whose session comes or goes out of the open gap: what answers it tells of the session before.
func (c *collector) leave(p *peer) {
	if c.gap != nil {
		c.gap.of(p).left = true
	}
}

// mask takes a collector's peers out of every denominator, or lets them back.
func (o *Detector) mask(c *collector, masked bool, now int64) {
	if c.masked != masked {
		c.pulse.disturbed = now
	}
	c.masked = masked
	for _, p := range c.peers {
		for _, f := range o.families {
			if pl := &p.slots[f.family-bgp.IPv4]; pl.used {
				f.panel.Session(pl.slot).Masked = masked
			}
		}
	}
}

// lose ends every session of a collector in one sweep.
func (o *Detector) lose(c *collector, now int64) {
	o.endCheck(c, false)
	for _, f := range o.families {
		var slots []int
		for _, p := range c.peers {
			p.upAt, p.down = 0, true
			if pl := &p.slots[f.family-bgp.IPv4]; pl.used {
				s := f.panel.Session(pl.slot)
				s.PeerDown()
				s.LastHeard = now
				slots = append(slots, pl.slot)
			}
		}
		f.empty(slots...)
	}
	for _, p := range c.peers {
		c.leave(p)
	}
}

// admit makes room when the window that began at start closes. What is too much goes: of the sessions that came in the window those
// that no table has named; then, for others that one has, older ones whose table is not known and that none has named: a table
// that comes for them seats them again; then the newcomers that are left. Of each those with the higher keys. Once an hour it forgets
// sessions that have been down for a day.
func (f *familyState) admit(start int64) {
	var used int
	var strangers, idle, named []*peer // newcomers, older ones, newcomers that a table named
	for slot, p := range f.peers {
		if p == nil {
			continue
		}
		s := f.panel.Session(slot)
		if start%3600 == 0 && !s.Up && start-s.LastHeard > forgetSeconds {
			f.unseat(p)
			continue
		}
		used++
		switch {
		case s.Since >= start && p.slots[f.family-bgp.IPv4].named:
			named = append(named, p)
		case s.Since >= start:
			strangers = append(strangers, p)
		case !s.Complete && !p.slots[f.family-bgp.IPv4].named:
			idle = append(idle, p)
		}
	}
	if used <= MaxSessions {
		return
	}
	for _, group := range [][]*peer{strangers, idle, named} {
		slices.SortFunc(group, func(a, b *peer) int { return b.key.Compare(a.key) })
	}
	idle = idle[:min(len(idle), len(named))]
	for _, p := range slices.Concat(strangers, idle, named)[:min(used-MaxSessions, len(strangers)+len(idle)+len(named))] {
		f.unseat(p)
		p.slots[f.family-bgp.IPv4].turned = true
		f.turned++
	}
}

// unseat takes a peer's slot away.
func (f *familyState) unseat(p *peer) {
	pl := &p.slots[f.family-bgp.IPv4]
	f.vis.ForgetSlot(pl.slot)
	f.rib.RemoveSlot(pl.slot)
	f.panel.Remove(pl.slot)
	f.peers[pl.slot] = nil
	f.swept = true
	*pl = place{}
}
