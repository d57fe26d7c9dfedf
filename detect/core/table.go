package core

import (
	"fmt"
	"math/bits"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// tableChunk applies a part of a table that answers the open gap, or notes a part of the dump of
// the open check. Another chunk is ignored.
func (d *Detector) tableChunk(c *collector, in *pb.TableChunk, now int64) error {
	forGap := c.gap.open(in.GetId())
	if !forGap && (c.check == nil || c.check.id != in.GetId()) {
		return nil
	}
	f, err := codec.ParseFamily(in.GetFamily())
	if err != nil {
		return err
	}
	fam := d.family(f)
	slots := make([]int, len(in.GetPeers()))
	for i, x := range in.GetPeers() {
		if t := x.GetTable(); t != pb.Table_TABLE_UNSPECIFIED && t != pb.Table_TABLE_PRE {
			slots[i] = -1
			continue
		}
		p, err := c.peer(x)
		switch {
		case err != nil:
			return err
		case forGap:
			slots[i] = d.tabled(fam, c, p, now)
		default:
			slots[i] = c.check.slot(fam, p)
		}
	}
	for _, own := range in.GetOwners() {
		d.owners.note(own)
	}
	if forGap {
		c.gap.chunks[f-bgp.IPv4] = true
	}
	switch {
	case fam.left:
		return fam.eachPrefix(in, func(rib.Key, *pb.TablePrefix) {})
	case forGap:
		return fam.tabulate(in, slots)
	}
	return c.check.tabulate(fam, in, slots)
}

// tabled returns the slot of a peer in a table, or -1 if its table is void or no slot is free.
func (d *Detector) tabled(f *familyState, c *collector, p *peer, now int64) int {
	g := c.gap
	if !g.covers(f.family, p) {
		return -1
	}
	g.of(p).tabled = true
	ps := &p.slots[f.family-bgp.IPv4]
	ps.refused = false // a peer with a table goes before a peer without one
	if !ps.used && !d.seat(f, c, p, now) {
		return -1
	}
	ps.named = true
	s := f.panel.Session(ps.slot)
	s.Up, s.Key.ASN = true, p.key.ASN // the collector had its routes
	return ps.slot
}

// tabulate applies a chunk of a table.
func (f *familyState) tabulate(in *pb.TableChunk, slots []int) error {
	mask := make([]uint64, f.rib.Words())
	return f.eachPrefix(in, func(k rib.Key, tp *pb.TablePrefix) {
		row, ok := f.rib.TableRow(k)
		if !ok {
			return
		}
		for _, path := range tp.GetPaths() {
			if maskOf(mask, path.GetPeers(), slots) {
				f.rib.Tabulate(mask, row, bgp.ASN(path.GetOriginAs()), bgp.ASN(path.GetUpstreamAs()))
			}
		}
		f.vis.SetPlace(row, in.GetPlaces(), tp.GetPlaceShares())
	})
}

// eachPrefix calls do with each prefix of a chunk that counts. A prefix of another family is an
// error, which wraps codec.ErrInvalid and is returned after the other prefixes.
func (f *familyState) eachPrefix(in *pb.TableChunk, do func(k rib.Key, tp *pb.TablePrefix)) error {
	var wrong error
	for _, tp := range in.GetPrefixes() {
		pf, k, ok := rib.ParseKey(tp.GetPrefix())
		switch {
		case !ok || f.beacon(k):
		case pf != f.family:
			wrong = fmt.Errorf("table of %v with a prefix of %v: %w", f.family, pf, codec.ErrInvalid)
		default:
			do(k, tp)
		}
	}
	return wrong
}

// maskOf sets mask to the slots of a path's peers. It returns false if there are none.
func maskOf(mask []uint64, peers []byte, slots []int) bool {
	clear(mask)
	some := false
	for i, b := range peers {
		for x := b; x != 0; x &= x - 1 {
			if j := 8*i + bits.TrailingZeros8(x); j < len(slots) && slots[j] >= 0 {
				mask[slots[j]>>6] |= 1 << (slots[j] & 63)
				some = true
			}
		}
	}
	return some
}
