package core

import (
	"strings"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// check is a comparison of a collector's peers with a table dump while the peers go on.
type check struct {
	id       string
	families [len(bgp.Families)]bool
	peers    map[*peer]bool // nil: all peers
	ribs     [len(bgp.Families)]*rib.Check
	dumped   [len(bgp.Families)][]uint64 // slots of which the dump has routes
}

// checkBegin opens a check. It does nothing while a gap is open, as the answer to the gap is newer
// than any dump. A check that is still open ends without effect.
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
		slots := slotsOf(f, c.peersOf(func(p *peer) bool { return which[i] && (peers == nil || peers[p]) }))
		x.ribs[i] = f.rib.BeginCheck(slots...)
	}
	c.check = x
	return nil
}

// checkEnd ends a check. After a complete dump, pairs of peer and prefix that the live stream has
// not touched are set to the dump.
func (d *Detector) checkEnd(c *collector, in *pb.CheckEnd) {
	if c.check != nil && c.check.id == in.GetId() {
		d.endCheck(c, in.GetComplete(), in.GetUnreadable() > 0)
	}
}

// dropCheck ends a collector's check without effect, if there is one.
func (d *Detector) dropCheck(c *collector) { d.endCheck(c, false, false) }

// endCheck ends a collector's check, if there is one. With partly set, some records of the dump
// could not be read, and pairs that the dump does not name are dropped only of doubted slots.
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

// slot returns the slot of a peer whose dump is compared. It returns -1 for a peer that has no slot
// or is not part of the check, and for a peer that is down: its routes in the dump are those of
// another session.
func (x *check) slot(f *familyState, p *peer) int {
	ps := p.slots[f.family-bgp.IPv4]
	if !ps.used || !f.panel.Session(ps.slot).Up || !x.families[f.family-bgp.IPv4] ||
		x.peers != nil && !x.peers[p] {
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
			if row, added := x.ribs[i].Tabulate(
				mask, k, bgp.ASN(path.GetOriginAs()), bgp.ASN(path.GetUpstreamAs())); added {
				f.vis.SetPlace(row, in.GetPlaces(), tp.GetPlaceShares())
			}
		}
	})
}

// slotsIn returns the slots of a bitset.
func slotsIn(mask []uint64) []int {
	var out []int
	for s := range 64 * len(mask) {
		if mask[s>>6]&(1<<(s&63)) != 0 {
			out = append(out, s)
		}
	}
	return out
}
