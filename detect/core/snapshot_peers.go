package core

import (
	"maps"
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
)

// peerNumbers maps the peers of a collector to their numbers in a snapshot, and back.
type peerNumbers struct {
	peers  []*peer // by key
	number map[*peer]int
}

// code writes or reads the number of a peer.
func (n *peerNumbers) code(c *snapshot.Coder, p **peer) {
	i := n.number[*p]
	snapshot.Number(c, &i, len(n.peers))
	if c.Reading() && i < len(n.peers) {
		*p = n.peers[i]
	}
}

// set writes or reads a set of peers; nil is all.
func (n *peerNumbers) set(c *snapshot.Coder, v *map[*peer]bool) {
	var numbers []uint32
	if *v != nil {
		numbers = make([]uint32, 0, len(*v))
		for p := range *v {
			numbers = append(numbers, uint32(n.number[p]))
		}
		slices.Sort(numbers)
	}
	if snapshot.Numbers(c, &numbers, len(n.peers)); !c.Reading() {
		return
	}
	if *v = nil; numbers == nil {
		return
	}
	*v = make(map[*peer]bool, len(numbers))
	for _, i := range numbers {
		(*v)[n.peers[i]] = true
	}
}

// codeCollector writes or reads the state of a collector.
func (d *Detector) codeCollector(s *snapshot.Coder, c *collector) {
	snapshot.Text(s, &c.name)
	snapshot.Number(s, &c.masked, int(ended)+1)
	n := &peerNumbers{}
	if !s.Reading() {
		n.peers = slices.SortedFunc(maps.Values(c.peers), func(a, b *peer) int { return a.key.Compare(b.key) })
		n.number = make(map[*peer]int, len(n.peers))
		for i, p := range n.peers {
			n.number[p] = i
		}
	}
	snapshot.Slice(s, &n.peers, snapshot.Of(func(s *snapshot.Coder, p *peer) { d.codePeer(s, c, p) }))
	if s.Reading() {
		c.peers = make(map[bgp.Peer]*peer, len(n.peers))
		for _, p := range n.peers {
			c.peers[p.key.Peer] = p
		}
	}
	snapshot.Map(s, &c.same, comparePeers, snapshot.Peer, n.code)
	snapshot.Map(s, &c.at, comparePeers, snapshot.Peer,
		func(s *snapshot.Coder, v *[]*peer) { snapshot.Slice(s, v, n.code) })
	snapshot.Pointer(s, &c.gap, func(s *snapshot.Coder, g *gap) { g.code(s, n) })
	snapshot.Uint(s, &c.gaps)
	snapshot.Pointer(s, &c.check, func(s *snapshot.Coder, x *check) { d.codeCheck(s, x, n) })
	codeBeacons(s, &c.beacons)
}

func comparePeers(a, b bgp.Peer) int { return bgp.PeerKey{Peer: a}.Compare(bgp.PeerKey{Peer: b}) }

// codePeer writes or reads a peer. A peer that is read takes its slots.
func (d *Detector) codePeer(s *snapshot.Coder, c *collector, p *peer) {
	snapshot.Peer(s, &p.key.Peer)
	p.key.Collector = c.name
	snapshot.Int(s, &p.upAt)
	snapshot.Bool(s, &p.down)
	for i := range p.slots {
		codePeerSlot(s, &p.slots[i])
		if s.Reading() && p.slots[i].used {
			d.families[i].take(s, p, p.slots[i].slot)
		}
	}
	codeGapPeer(s, &p.gap)
	codeReading(s, &p.reading)
}

// take gives a peer that is read its slot. It fails if the slot is not in use or is taken.
func (f *familyState) take(s *snapshot.Coder, p *peer, slot int) {
	if slot < 0 || slot >= rib.MaxSlots || f.panel.Session(slot) == nil || !f.rib.HasSlot(slot) ||
		slot < len(f.peers) && f.peers[slot] != nil {
		s.Fail("a peer in slot %d of %s, which is no slot or another peer's", slot, f.family)
		return
	}
	for len(f.peers) <= slot {
		f.peers = append(f.peers, nil)
	}
	f.peers[slot] = p
}

func codePeerSlot(s *snapshot.Coder, v *peerSlot) {
	snapshot.Int(s, &v.slot)
	snapshot.Bool(s, &v.used)
	snapshot.Bool(s, &v.named)
	snapshot.Bool(s, &v.refused)
}

func codeGapPeer(s *snapshot.Coder, v *gapPeer) {
	snapshot.Uint(s, &v.gap)
	snapshot.Bool(s, &v.tabled)
	snapshot.Bool(s, &v.left)
	snapshot.Bool(s, &v.spoke)
	snapshot.Bool(s, &v.lacks)
	snapshot.Uint(s, &v.filled)
	snapshot.Int(s, &v.since)
	codeEach(s, &v.told)
}

// codeEach writes or reads a truth value for each family.
func codeEach(s *snapshot.Coder, v *[len(bgp.Families)]bool) {
	for i := range v {
		snapshot.Bool(s, &v[i])
	}
}

func codeReading(s *snapshot.Coder, v *reading) {
	snapshot.Int(s, &v.read)
	snapshot.Int(s, &v.unread)
}

// code writes or reads an open gap.
func (g *gap) code(s *snapshot.Coder, n *peerNumbers) {
	snapshot.Text(s, &g.id)
	snapshot.Uint(s, &g.number)
	snapshot.Int(s, &g.since)
	snapshot.Bool(s, &g.orphan)
	snapshot.Bool(s, &g.short)
	codeEach(s, &g.families)
	codeEach(s, &g.chunks)
	n.set(s, &g.peers)
}

// codeCheck writes or reads an open check.
func (d *Detector) codeCheck(s *snapshot.Coder, x *check, n *peerNumbers) {
	snapshot.Text(s, &x.id)
	codeEach(s, &x.families)
	n.set(s, &x.peers)
	for i, f := range d.families {
		f.rib.CodeCheck(s, &x.ribs[i])
		snapshot.Words(s, &x.dumped[i], f.rib.Words())
	}
}

func codeBeacons(s *snapshot.Coder, v *beaconLog) {
	for i := range heartbeats {
		snapshot.Int(s, &v.heard[i])
		snapshot.Int(s, &v.beats[i])
	}
	snapshot.Int(s, &v.disturbed)
	snapshot.Int(s, &v.missed)
}
