package core

import (
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// leastUnread is the number of unreadable messages from which on a peer has no vote, if they
	// are more than the readable ones.
	leastUnread = 4
	// readSpan is the number of messages after which the earlier ones count half.
	readSpan = 256
)

// reading counts the newest messages of a peer: those that could be read, and those that could not.
type reading struct{ read, unread int }

// note counts a message.
func (x *reading) note(unread bool) {
	if unread {
		x.unread++
	} else {
		x.read++
	}
	if x.read+x.unread >= readSpan {
		x.read, x.unread = x.read/2, x.unread/2
	}
}

// poor reports whether most of the messages, and at least leastUnread, could not be read.
func (x *reading) poor() bool { return x.unread >= leastUnread && x.unread > x.read }

// noteReading counts a message of a peer, and takes away or gives back its vote.
func (d *Detector) noteReading(p *peer, unread bool) {
	if !unread && p.reading.unread == 0 {
		p.reading.note(false)
		return // all its messages can be read, as with nearly all peers
	}
	p.reading.note(unread)
	d.setUnreadable(p)
}

func (d *Detector) setUnreadable(p *peer) {
	for i, f := range d.families {
		if ps := &p.slots[i]; ps.used {
			f.panel.Session(ps.slot).Unreadable = p.reading.poor()
		}
	}
}

// unread makes the prefixes unknown that a message may have named in its unreadable part: the
// prefixes in in, or all prefixes of a family that the peer held. slot notes that the peer was
// heard. Call it before the rest of the message is applied.
func (d *Detector) unread(p *peer, in *pb.Unread, slot func(bgp.Family) (*familyState, int)) {
	for i, keys := range unreadKeys(in) {
		if f := bgp.Families[i]; len(keys) > 0 {
			if fam, s := slot(f); s >= 0 {
				fam.rib.Unknow(s, keys...)
			}
		}
	}
	for _, x := range in.GetFamilies() {
		f, err := codec.ParseFamily(x)
		if err != nil || !p.slots[f-bgp.IPv4].used {
			continue
		}
		if fam, s := slot(f); s >= 0 {
			fam.rib.Doubt(s)
		}
	}
}

// unreadKeys returns the unknown prefixes by family.
func unreadKeys(in *pb.Unread) (keys [len(bgp.Families)][]rib.Key) {
	for _, b := range in.GetPrefixes() {
		if f, k, ok := rib.ParseKey(b); ok {
			keys[f-bgp.IPv4] = append(keys[f-bgp.IPv4], k)
		}
	}
	return keys
}

// fillUnread is unread for a message that was missing in a gap. If its prefixes may not all be
// known, the fill is not complete for the peer.
func (d *Detector) fillUnread(c *collector, p *peer, in *pb.Unread, now int64) {
	for i, keys := range unreadKeys(in) {
		if f := d.families[i]; len(keys) > 0 {
			if s := d.filled(f, c, p, now); s >= 0 {
				f.rib.FillUnknow(s, keys...)
			}
		}
	}
	if len(in.GetFamilies()) > 0 {
		c.gap.of(p).lacks = true
	}
}

// refresh applies the marks of an enhanced route refresh (RFC 7313). At its end, routes that were
// not sent again are withdrawn, and the whole table is known.
func (d *Detector) refresh(ch *pb.RouteChanges, timestamp int64, slot func(bgp.Family) (*familyState, int)) {
	for _, x := range ch.GetRefreshBegins() {
		if f, err := codec.ParseFamily(x); err == nil {
			if fam, s := slot(f); s >= 0 {
				fam.rib.BeginRefresh(s)
			}
		}
	}
	for _, x := range ch.GetRefreshEnds() {
		f, err := codec.ParseFamily(x)
		if err != nil {
			continue
		}
		if fam, s := slot(f); s >= 0 {
			fam.rib.EndRefresh(s, func(r rib.Row) { fam.vis.Withdrew(r, s, timestamp) })
			fam.panel.Session(s).EndOfRIB()
		}
	}
}
