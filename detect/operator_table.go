package detect

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// gapBegin opens a gap: until it ends the peers do not vote, and what the live stream touches wins over the table. A gap that is
// still open is given up, incomplete.
func (o *Operator) gapBegin(c *collector, in *pb.GapBegin) error {
	g := &gap{id: strings.Clone(in.GetId()), tabled: make(map[*peer]bool), reset: make(map[*peer]bool)}
	which, err := families(in.GetFamilies())
	if err != nil {
		return err
	}
	g.families = which
	if len(in.GetPeers()) > 0 {
		g.peers = make(map[bgp.Peer]bool, len(in.GetPeers()))
	}
	for _, p := range in.GetPeers() {
		k, err := codec.ParsePeer(p)
		if err != nil {
			return err
		}
		g.peers[k] = true
	}
	if c.gap != nil {
		o.endGap(c, c.gap.families, false)
	}
	c.gap = g
	for _, f := range o.families {
		slots := c.covered(g, f)
		for _, slot := range slots {
			f.panel.Session(slot).Await()
		}
		f.rib.BeginGap(slots...)
	}
	for k, p := range c.peers {
		if g.peers == nil || g.peers[k] {
			p.upAt = 0 // what came since is not all any more
		}
	}
	return nil
}

// covered are the slots of a collector's peers that a gap is about.
func (c *collector) covered(g *gap, f *familyState) []int {
	var slots []int
	for _, p := range c.peers {
		if pl := p.slots[f.family-bgp.IPv4]; pl.used && g.covers(f.family, p.key.Peer) {
			slots = append(slots, pl.slot)
		}
	}
	slices.Sort(slots)
	return slots
}

// gapEnd ends a gap in the families that it names, and in those of which no part of a table has come: for them it is incomplete.
// Peers that it does not name were not in the table.
func (o *Operator) gapEnd(c *collector, in *pb.GapEnd) error {
	g := c.gap
	if g == nil || g.id != in.GetId() {
		return nil // given up before
	}
	which, err := families(in.GetFamilies())
	if err != nil {
		return err
	}
	for _, p := range in.GetPeers() {
		if _, err := codec.ParsePeer(p); err != nil {
			return err
		}
	}
	for _, p := range in.GetPeers() {
		x, err := c.peer(p)
		if err != nil {
			return err
		}
		g.tabled[x] = true
	}
	var rest [len(bgp.Families)]bool
	for i := range rest {
		which[i] = which[i] && g.families[i]
		rest[i] = g.families[i] && !which[i] && !g.chunks[i]
	}
	o.endGap(c, which, in.GetComplete())
	o.endGap(c, rest, false)
	if g.families == [len(bgp.Families)]bool{} {
		c.gap = nil
	}
	return nil
}

// endGap ends the collector's gap in families.
func (o *Operator) endGap(c *collector, which [len(bgp.Families)]bool, complete bool) {
	g := c.gap
	for i, f := range o.families {
		if !which[i] {
			continue
		}
		slots := c.covered(g, f)
		f.rib.EndGap(slots...)
		for _, slot := range slots {
			s, p := f.panel.Session(slot), f.peers[slot]
			s.Awaiting = false
			s.Complete = complete && g.tabled[p] && !g.reset[p] && s.Up
		}
		g.families[i] = false
	}
}

// families reads a list of which empty is all.
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

// tableChunk applies a part of a table. A chunk of no open gap is passed over.
func (o *Operator) tableChunk(c *collector, in *pb.TableChunk, now int64) error {
	g := c.gap
	if g == nil || g.id != in.GetId() {
		return nil
	}
	f, err := codec.ParseFamily(in.GetFamily())
	if err != nil {
		return err
	}
	fam := o.family(f)
	slots := make([]int, len(in.GetPeers()))
	for i, x := range in.GetPeers() {
		if t := x.GetTable(); t != pb.Table_TABLE_UNSPECIFIED && t != pb.Table_TABLE_PRE {
			slots[i] = -1
			continue
		}
		p, err := c.peer(x)
		if err != nil {
			return err
		}
		slots[i] = o.tabled(fam, c, p, now)
	}
	g.chunks[f-bgp.IPv4] = true
	for _, own := range in.GetOwners() {
		o.owners.note(own)
	}
	var wrong error
	for _, tp := range in.GetPrefixes() {
		pf, k, ok := rib.ParseKey(tp.GetPrefix())
		if !ok || fam.beacon(k) {
			continue
		}
		if pf != f {
			wrong = fmt.Errorf("table of %v with a prefix of %v: %w", f, pf, codec.ErrInvalid)
			continue
		}
		if row, ok := fam.rib.TableRow(k); ok {
			fam.tabulate(row, tp, slots)
			fam.vis.SetPlace(row, in.GetPlaces(), tp.GetPlaceShares())
		}
	}
	return wrong
}

// tabled is the slot of a peer that a table is about, -1 where its table is void.
func (o *Operator) tabled(f *familyState, c *collector, p *peer, now int64) int {
	g := c.gap
	if !g.covers(f.family, p.key.Peer) || g.reset[p] {
		return -1
	}
	g.tabled[p] = true
	pl := &p.slots[f.family-bgp.IPv4]
	if !pl.used && !o.seat(f, c, p, now) {
		return -1
	}
	s := f.panel.Session(pl.slot)
	s.Up = true // the collector had its routes
	return pl.slot
}

// tabulate applies one prefix of a table.
func (f *familyState) tabulate(row rib.Row, tp *pb.TablePrefix, slots []int) {
	for _, path := range tp.GetPaths() {
		for i, b := range path.GetPeers() {
			for x := b; x != 0; x &= x - 1 {
				if j := 8*i + bits.TrailingZeros8(x); j < len(slots) && slots[j] >= 0 {
					f.rib.Tabulate(slots[j], row, bgp.ASN(path.GetOriginAs()), bgp.ASN(path.GetUpstreamAs()))
				}
			}
		}
	}
}
