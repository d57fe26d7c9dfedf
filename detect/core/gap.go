package core

import (
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// gap is a part of a collector's stream whose records are missing. A table or a fill answers it.
type gap struct {
	id     string
	number uint64 // number among the collector's gaps, from 1
	// since is its begin, or the earlier begin of a gap that it replaced, microseconds since 1970;
	// 0: before all records.
	since    int64
	orphan   bool                    // its owner is gone: no answer comes
	short    bool                    // peers keep their votes
	families [len(bgp.Families)]bool // the families in which it is open
	chunks   [len(bgp.Families)]bool // a part of the table has come
	peers    map[*peer]bool          // nil: all peers
}

// gapPeer is the state of a peer within a gap.
type gapPeer struct {
	gap    uint64 // number of the gap; 0: none
	tabled bool   // the peer is in the table
	left   bool   // its session came or went on the live stream: the gap no longer covers it
	spoke  bool   // the live stream had a message of it
	lacks  bool   // a message of its fill could not be read
	// filled is the last state of its session in the fill, since its time in Unix seconds.
	filled sessionState
	since  int64
	told   [len(bgp.Families)]bool // the fill holds its End-of-RIB
}

// sessionState is the state of a session in a fill. unsaid: the fill has no record of it.
type sessionState uint8

const (
	unsaid sessionState = iota
	cameUp
	wentDown
)

// open reports whether g is the gap with this id and can still be answered.
func (g *gap) open(id string) bool { return g != nil && !g.orphan && g.id == id }

// of returns the state of a peer within g.
func (g *gap) of(p *peer) *gapPeer {
	if p.gap.gap != g.number {
		p.gap = gapPeer{gap: g.number}
	}
	return &p.gap
}

// covers reports whether the gap covers a peer in a family.
func (g *gap) covers(f bgp.Family, p *peer) bool {
	return g != nil && g.families[f-bgp.IPv4] && (g.peers == nil || g.peers[p]) && !g.of(p).left
}

// covered returns the peers of a collector that a gap covers in a family, with a slot or without.
func (c *collector) covered(g *gap, f *familyState) []*peer {
	return c.peersOf(func(p *peer) bool { return g.covers(f.family, p) })
}

// peersOf returns the peers of a collector for which which is true, in no order.
func (c *collector) peersOf(which func(p *peer) bool) []*peer {
	var out []*peer
	for _, p := range c.peers {
		if which(p) {
			out = append(out, p)
		}
	}
	return out
}

// slotsOf returns the slots, sorted, that peers have in a family.
func slotsOf(f *familyState, peers []*peer) []int {
	var slots []int
	for _, p := range peers {
		if ps := p.slots[f.family-bgp.IPv4]; ps.used {
			slots = append(slots, ps.slot)
		}
	}
	slices.Sort(slots)
	return slots
}

// gapBegin opens a gap. Until it ends, the pairs of peer and prefix that the live stream names are
// not changed by the answer to the gap. Over a short gap the peers keep their votes; over a longer
// one they lose them until it is answered. A new gap replaces a gap that is still open, and its
// answer holds the missing records of both. There is one exception: the open gap of an earlier
// owner may begin before the new gap. It then ends unanswered. A check ends without effect.
func (d *Detector) gapBegin(c *collector, in *pb.GapBegin, timestamp, now int64) error {
	g := &gap{
		id: strings.Clone(in.GetId()), since: in.GetSinceUs(),
		short: in.GetSinceUs() != 0 && timestamp-in.GetSinceUs() <= d.cfg.Feeds.ShortGap.Microseconds(),
	}
	var err error
	if g.families, err = families(in.GetFamilies()); err != nil {
		return err
	}
	if g.peers, err = c.peerSet(in.GetPeers()); err != nil {
		return err
	}
	c.gaps++
	g.number = c.gaps
	d.dropCheck(c)
	if old := c.gap; old != nil && old.orphan && g.since > old.since {
		d.giveUp(c, now)
	} else if old != nil {
		g.since = min(g.since, old.since)
	}
	var before [len(bgp.Families)][]*peer
	for i, f := range d.families {
		before[i] = c.covered(c.gap, f)
	}
	c.gap = g
	for i, f := range d.families {
		slots := slotsOf(f, c.covered(g, f))
		for _, p := range before[i] {
			if !g.covers(f.family, p) { // its gap ends unanswered
				d.settle(f, rib.Unknown, p)
			}
		}
		for _, slot := range slots {
			f.panel.Session(slot).GapBegin(!g.short)
		}
		f.rib.BeginGap(slots...)
	}
	return nil
}

// gapEnd ends a gap in the families that the record names. In other families of which no part of a
// table has come it ends too, unanswered. If the record lists peers, a peer that it does not list
// was missing from the table, or a route of that peer could not be read.
func (d *Detector) gapEnd(c *collector, in *pb.GapEnd, now int64) error {
	g := c.gap
	if !g.open(in.GetId()) {
		return nil // the gap was given up before
	}
	which, err := families(in.GetFamilies())
	if err != nil {
		return err
	}
	named, err := c.peerSet(in.GetPeers())
	if err != nil {
		return err
	}
	for p := range named {
		g.of(p).tabled = true
	}
	var rest [len(bgp.Families)]bool
	for i := range rest {
		which[i] = which[i] && g.families[i]
		rest[i] = g.families[i] && !which[i] && !g.chunks[i]
	}
	d.endGap(c, which, now, func(p *peer) rib.Outcome {
		switch {
		case !in.GetComplete():
			return rib.Unknown
		case in.GetFilled() && !g.of(p).lacks && (named == nil || named[p]):
			return rib.Filled
		case !in.GetFilled() && g.of(p).tabled && (named == nil || named[p]) && in.GetUnreadable() > 0:
			return rib.Partly
		case !in.GetFilled() && g.of(p).tabled && (named == nil || named[p]):
			return rib.Tabled
		}
		return rib.Unknown
	})
	d.endGap(c, rest, now, unanswered)
	if g.families == [len(bgp.Families)]bool{} {
		c.gap = nil
	}
	return nil
}

// unanswered returns the outcome of every peer for a gap that is given up.
func unanswered(*peer) rib.Outcome { return rib.Unknown }

// newOwner marks a collector's open gap as one that nothing answers. The new owner begins a gap
// that reaches as far back before it sends other records. If it does not, its first change, Peer Up
// or Peer Down ends the old gap unanswered. A check ends without effect.
func (d *Detector) newOwner(c *collector) {
	d.dropCheck(c)
	if c.gap != nil {
		c.gap.orphan = true
	}
}

// giveUp ends a collector's gap without an answer.
func (d *Detector) giveUp(c *collector, now int64) {
	if c.gap != nil {
		d.endGap(c, c.gap.families, now, unanswered)
		c.gap = nil
	}
}

// recordsLost makes the routes of all of a collector's peers unknown. The peers do not vote until a
// table comes. A gap that is open ends unanswered.
func (d *Detector) recordsLost(c *collector, now int64) {
	d.dropCheck(c)
	d.giveUp(c, now)
	for _, f := range d.families {
		all := c.peersOf(func(*peer) bool { return true })
		slots := slotsOf(f, all)
		for _, slot := range slots {
			f.panel.Session(slot).GapBegin(true)
		}
		f.rib.BeginGap(slots...)
		d.settle(f, rib.Unknown, all...)
		for _, slot := range slots {
			f.panel.Session(slot).Hold()
		}
	}
}

// endGap ends the collector's gap in the families of which. outcome returns the outcome of each
// peer.
func (d *Detector) endGap(
	c *collector, which [len(bgp.Families)]bool, now int64, outcome func(*peer) rib.Outcome,
) {
	g := c.gap
	for i, f := range d.families {
		if !which[i] {
			continue
		}
		var peers [rib.Partly + 1][]*peer
		for _, p := range c.covered(g, f) {
			out := outcome(p)
			peers[out] = append(peers[out], p)
		}
		for out, of := range peers {
			d.settle(f, rib.Outcome(out), of...)
		}
		for _, p := range slices.Concat(peers[rib.Tabled], peers[rib.Filled], peers[rib.Partly]) {
			d.settleSession(f, p, now)
		}
		g.families[i] = false
	}
}

// settle ends a gap for peers in a family. A peer without a slot in it is settled too, so that the
// state of a peer in one family does not depend on its messages about the other one.
func (d *Detector) settle(f *familyState, out rib.Outcome, peers ...*peer) {
	slots := slotsOf(f, peers)
	f.rib.EndGap(out, slots...)
	for _, slot := range slots {
		switch s := f.panel.Session(slot); out {
		case rib.Tabled, rib.Partly:
			s.GapTabled()
		case rib.Filled:
			s.GapFilled()
		case rib.Unknown:
			s.GapUnknown()
		}
	}
	for _, p := range peers {
		if out != rib.Filled {
			p.upAt = 0 // updates since the Peer Up are not all of its table
		}
	}
}

// settleSession sets a peer's session to its state in the fill.
func (d *Detector) settleSession(f *familyState, p *peer, now int64) {
	x, ps := &p.gap, p.slots[f.family-bgp.IPv4]
	switch {
	case x.filled == wentDown && !x.spoke:
		p.upAt, p.down = 0, true
		if ps.used {
			f.panel.Session(ps.slot).PeerDown()
		}
	case x.filled != unsaid:
		if p.down = false; x.filled == cameUp {
			p.upAt = x.since
		}
		if !ps.used {
			return
		}
		s := f.panel.Session(ps.slot)
		s.PeerUp(x.since, d.cfg.Panel.TransferSeconds())
		s.LastHeard = max(s.LastHeard, x.since)
		if x.told[f.family-bgp.IPv4] || x.since+d.cfg.Panel.TransferSeconds() <= now {
			s.EndOfRIB()
		}
	}
}

// families reads a list of families. An empty list means all.
func families(in []pb.Family) (out [len(bgp.Families)]bool, err error) {
	for _, x := range in {
		f, err := codec.ParseFamily(x)
		if err != nil {
			return out, err
		}
		out[f-bgp.IPv4] = true
	}
	if len(in) == 0 {
		out = [len(bgp.Families)]bool{true, true}
	}
	return out, nil
}
