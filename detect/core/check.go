package core

import (
	"strings"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// check is a comparison of a collector's peers with a table dump, while they go on.
type check struct {
	id       string
	families [len(bgp.Families)]bool
	peers    map[*peer]bool // nil is all
	ribs     [len(bgp.Families)]*rib.Check
	dumped   [len(bgp.Families)][]uint64 // slots that the dump has routes of
}

// checkBegin opens a check. It cannot begin while a gap is open, whose answer is newer than any dump; one that is still open ends
// without effect.
func (d *Detector) checkBegin(c *collector, in *pb.CheckBegin) error {
	which, err := families(in.GetFamilies())
	if err != nil {
		return err
	}
	peers, err := c.peerSet(in.GetPeers())
	if err != nil {
		return err
	}
	d.dropCheck(c)
	if c.gap != nil {
		return nil
	}
	x := &check{id: strings.Clone(in.GetId()), families: which, peers: peers}
	for i, f := range d.families {
		slots := c.slotsOf(f, func(p *peer) bool { return which[i] && (peers == nil || peers[p]) })
		x.ribs[i] = f.rib.BeginCheck(slots...)
	}
	c.check = x
	return nil
}

// checkEnd ends a check: after a complete dump, what the live stream has not touched becomes what it says.
func (d *Detector) checkEnd(c *collector, in *pb.CheckEnd) {
	if c.check != nil && c.check.id == in.GetId() {
		d.endCheck(c, in.GetComplete(), in.GetUnreadable() > 0)
	}
}

// dropCheck ends a collector's check, if there is one, without effect.
func (d *Detector) dropCheck(c *collector) { d.endCheck(c, false, false) }

// endCheck ends a collector's check, if there is one. Of a dump that could be read partly it takes what it names.
func (d *Detector) endCheck(c *collector, complete, partly bool) {
	x := c.check
	if x == nil {
		return
	}
	c.check = nil
	for i := range d.families {
		x.ribs[i].End(complete, partly, slotsIn(x.dumped[i])...)
	}
}

// slot is that of a peer whose dump is looked at; -1 for one that is not known, or down: what it had is of another session.
func (x *check) slot(f *familyState, p *peer) int {
	ps := p.slots[f.family-bgp.IPv4]
	if !ps.used || !f.panel.Session(ps.slot).Up || !x.families[f.family-bgp.IPv4] || x.peers != nil && !x.peers[p] {
		return -1
	}
	return ps.slot
}

// tabulate notes a chunk of the dump.
func (x *check) tabulate(f *familyState, in *pb.TableChunk, slots []int) error {
	i := f.family - bgp.IPv4
	mask := make([]uint64, f.rib.Words())
	for len(x.dumped[i]) < len(mask) {
		x.dumped[i] = append(x.dumped[i], 0)
	}
	return f.eachPrefix(in, func(k rib.Key, tp *pb.TablePrefix) {
		for _, path := range tp.GetPaths() {
			if !maskOf(mask, path.GetPeers(), slots) {
				continue
			}
			for w, m := range mask {
				x.dumped[i][w] |= m
			}
			if row, added := x.ribs[i].Tabulate(mask, k, bgp.ASN(path.GetOriginAs()), bgp.ASN(path.GetUpstreamAs())); added {
				f.vis.SetPlace(row, in.GetPlaces(), tp.GetPlaceShares())
			}
		}
	})
}

// slotsIn lists the slots of a bitset.
func slotsIn(mask []uint64) []int {
	var out []int
	for s := range 64 * len(mask) {
		if mask[s>>6]&(1<<(s&63)) != 0 {
			out = append(out, s)
		}
	}
	return out
}
