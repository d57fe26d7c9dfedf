package core

import (
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// fill applies a record of lane fill/<id>, which was missing in the gap. It has a time of its own
// and applies now, to pairs of peer and prefix that the live stream has not named since. A record
// that answers no open gap is ignored.
func (d *Detector) fill(c *collector, id string, rec *pb.RouteRecord, now int64) error {
	if !c.gap.open(id) {
		return nil
	}
	timestamp := rec.GetTimestampUs() / 1e6
	switch b := rec.GetBody().(type) {
	case *pb.RouteRecord_Changes:
		return d.fillChanges(c, b.Changes, now, timestamp)
	case *pb.RouteRecord_PeerUp:
		return d.fillState(c, b.PeerUp.GetPeer(), cameUp, timestamp)
	case *pb.RouteRecord_PeerDown:
		return d.fillState(c, b.PeerDown.GetPeer(), wentDown, timestamp)
	case *pb.RouteRecord_GapEnd:
		return d.gapEnd(c, b.GapEnd, now)
	}
	return nil
}

// fillState notes that a session came up or went down within the gap. Pairs that the live stream
// has not touched become unknown, and the peer does not vote until the gap ends. If the session
// came up, the record of its earlier end may be missing.
func (d *Detector) fillState(c *collector, in *pb.Peer, to sessionState, timestamp int64) error {
	p, err := c.peer(in)
	if err != nil {
		return err
	}
	x := c.gap.of(p)
	if x.left {
		return nil
	}
	was := x.filled
	x.filled, x.since, x.told = to, timestamp, [len(bgp.Families)]bool{}
	if to == cameUp && was == wentDown {
		return nil
	}
	for i, f := range d.families {
		if ps := p.slots[i]; ps.used && c.gap.covers(f.family, p) {
			f.rib.FillDown(ps.slot)
			f.panel.Session(ps.slot).Hold()
		}
	}
	return nil
}

// fillChanges applies one message.
func (d *Detector) fillChanges(c *collector, ch *pb.RouteChanges, now, timestamp int64) error {
	if t := ch.GetPeer().GetTable(); t != pb.Table_TABLE_UNSPECIFIED && t != pb.Table_TABLE_PRE {
		return nil
	}
	p, err := c.peer(ch.GetPeer())
	if err != nil {
		return err
	}
	x := c.gap.of(p)
	if x.filled == unsaid && p.down || x.filled == wentDown { // the record of its Peer Up is missing
		x.filled, x.since = cameUp, timestamp
	}
	for _, own := range ch.GetOwners() {
		d.owners.note(own)
	}
	if u := ch.GetUnread(); u != nil {
		d.fillUnread(c, p, u, now)
	}
	for _, r := range ch.GetWithdrawn() {
		if f, k, ok := routeKey(r); ok && !d.family(f).left && !d.family(f).beacon(k) {
			d.family(f).withdrawn(k, r)
			d.family(f).fillWithdraw(d.filled(d.family(f), c, p, now), k, r.GetPathId(), timestamp)
		}
	}
	for _, r := range ch.GetAnnounced() {
		if f, k, ok := routeKey(r); ok && !d.family(f).left && !d.family(f).beacon(k) {
			d.family(f).fillAnnounce(d.filled(d.family(f), c, p, now), k, r, ch, timestamp)
		}
	}
	for _, e := range ch.GetEndOfRib() {
		if f, err := codec.ParseFamily(e); err == nil {
			d.fillEndOfRIB(d.family(f), p)
		}
	}
	return nil
}

// routeKey returns the family and key of a route; ok is false if the route does not count.
func routeKey(r *pb.Route) (bgp.Family, rib.Key, bool) {
	f, k, ok := rib.ParseKey(r.GetPrefix())
	return f, k, ok && !r.GetMulticast()
}

// filled returns the slot of a peer that a fill is about, or -1 if it has none or the gap does not
// cover it.
func (d *Detector) filled(f *familyState, c *collector, p *peer, now int64) int {
	if !c.gap.covers(f.family, p) {
		return -1
	}
	ps := &p.slots[f.family-bgp.IPv4]
	if !ps.used && !d.seat(f, c, p, now) {
		return -1
	}
	return ps.slot
}

func (f *familyState) fillWithdraw(s int, k rib.Key, pathID uint32, timestamp int64) {
	if s < 0 {
		return
	}
	if row, w, ok := f.rib.FillWithdraw(s, k, pathID, !f.panel.Session(s).Knows()); ok {
		f.withdrew(s, row, w, timestamp)
	}
}

func (f *familyState) fillAnnounce(s int, k rib.Key, r *pb.Route, ch *pb.RouteChanges, timestamp int64) {
	if s < 0 {
		return
	}
	row, a, ok := f.rib.FillAnnounce(s, k, r.GetPathId(), bgp.ASN(ch.GetOriginAs()), bgp.ASN(ch.GetUpstreamAs()))
	if !ok {
		return
	}
	f.vis.SetPlace(row, ch.GetPlaces(), r.GetPlaceShares())
	f.vis.Announced(row, s, timestamp, bgp.ASN(ch.GetUpstreamAs()), a != rib.Again)
}

// fillEndOfRIB notes that a peer has sent its whole table within the gap. If the fill has no change
// of its session, this ends the transfer that was going on before the gap.
func (d *Detector) fillEndOfRIB(f *familyState, p *peer) {
	i := f.family - bgp.IPv4
	p.gap.told[i] = true
	if ps := p.slots[i]; ps.used && p.gap.filled == unsaid && !p.gap.left {
		f.panel.Session(ps.slot).EndOfRIB()
	}
}
