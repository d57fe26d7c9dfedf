package snapshot

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Peer codes a neighbour of a collector.
func Peer(c *Coder, v *bgp.Peer) {
	Addr(c, &v.Address)
	Uint(c, &v.ASN)
	Uint(c, &v.Distinguisher)
	Uint(c, &v.Table)
}

// PeerKey codes a peer with its collector.
func PeerKey(c *Coder, v *bgp.PeerKey) {
	Text(c, &v.Collector)
	Peer(c, &v.Peer)
}

// Position codes the position of a record.
func Position(c *Coder, v *bgp.Position) {
	Text(c, &v.Collector)
	Text(c, &v.Lane)
	Uint(c, &v.Epoch)
	Uint(c, &v.Sequence)
}

// Time codes a time, or the zero value. A time that is read is in UTC.
func Time(c *Coder, v *time.Time) {
	set, s, ns := !v.IsZero(), v.Unix(), uint32(v.Nanosecond())
	if Bool(c, &set); !set {
		*v = time.Time{}
		return
	}
	Int(c, &s)
	if Uint(c, &ns); ns >= 1e9 {
		c.Fail("%d nanoseconds", ns)
	}
	if c.Reading() {
		*v = time.Unix(s, int64(ns)).UTC()
	}
}

// Votes codes the numbers of voters and collectors, present and needed.
func Votes(c *Coder, v *bgp.Votes) {
	Int(c, &v.Voters)
	Int(c, &v.Collectors)
	Int(c, &v.MinVoters)
	Int(c, &v.MinCollectors)
}
