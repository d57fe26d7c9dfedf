package core

import (
	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// maxCovers bounds the covers that are kept: as many as all routed prefixes.
const maxCovers = 1 << 20

// cover is the less-specific prefix above a prefix in the prefix-to-origin files.
type cover struct {
	length uint8
	origin bgp.ASN
}

// covers keeps the covers of withdrawn prefixes while no tables are known. Updates alone may never
// name the less-specific prefix itself.
type covers map[rib.Key]cover

// note keeps the cover that a withdrawn route has for its prefix. Of two different covers the
// longer one is kept, then the one with the higher origin.
func (c covers) note(k rib.Key, r *pb.Route) {
	n := cover{uint8(r.GetCoveredLength()), bgp.ASN(r.GetCoveredOriginAs())}
	old, known := c[k]
	if n.length == 0 || int(n.length) >= k.Bits() || !known && len(c) >= maxCovers {
		return
	}
	if n.length > old.length || n.length == old.length && n.origin > old.origin {
		c[k] = n
	}
}

// coverOf returns the prefix of the same origin around a lost prefix. ok is false if none is known.
func (f *familyState) coverOf(lost *outage.LostPrefix) (out outage.Cover, ok bool) {
	_, k, valid := rib.KeyOf(lost.Prefix)
	c, known := f.covers[k]
	if !valid || !known || lost.Origin != 0 && c.origin != lost.Origin {
		return outage.Cover{}, false
	}
	p, err := lost.Prefix.Addr().Prefix(int(c.length))
	return outage.Cover{Prefix: p, Origin: c.origin}, err == nil
}

// withdrawn notes the cover of a withdrawn route unless verdicts rest on tables, which hold the
// less specific routes.
func (f *familyState) withdrawn(k rib.Key, r *pb.Route) {
	if f.panel.Knowledge() != bgp.TablesComplete {
		f.covers.note(k, r)
	} else if len(f.covers) > 0 {
		clear(f.covers)
	}
}

// withCovers adds to lost prefixes that no visible route covers the less-specific prefixes of the
// files.
func (f *familyState) withCovers(lost []outage.LostPrefix) []outage.LostPrefix {
	for i := range lost {
		if p := &lost[i]; !p.Deaggregated && p.CoveredBy == 0 {
			if c, ok := f.coverOf(p); ok {
				p.Table = c
			}
		}
	}
	return lost
}
