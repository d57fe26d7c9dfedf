package core

import (
	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// maxCovers bounds the covers that are kept: all prefixes that are routed.
const maxCovers = 1 << 20

// cover is the less-specific prefix that the prefix-to-origin files have above a prefix.
type cover struct {
	length uint8
	origin bgp.ASN
}

// covers keeps those of withdrawn prefixes while no tables are known: the less-specific prefix itself may not be heard in updates.
type covers map[rib.Key]cover

// note keeps what a withdrawn route says of its prefix. Of two that differ the longer one counts, then the higher origin.
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

// coverOf returns the prefix of the same origin around a lost one; ok is false where none is known.
func (f *familyState) coverOf(lost *outage.LostPrefix) (out outage.Cover, ok bool) {
	_, k, valid := rib.KeyOf(lost.Prefix)
	c, known := f.covers[k]
	if !valid || !known || lost.Origin != 0 && c.origin != lost.Origin {
		return outage.Cover{}, false
	}
	p, err := lost.Prefix.Addr().Prefix(int(c.length))
	return outage.Cover{Prefix: p, Origin: c.origin}, err == nil
}

// withdrawn notes the cover of a withdrawn route where verdicts do not rest on tables: those know what covers it.
func (f *familyState) withdrawn(k rib.Key, r *pb.Route) {
	if f.panel.Knowledge() != bgp.TablesComplete {
		f.covers.note(k, r)
	} else if len(f.covers) > 0 {
		clear(f.covers)
	}
}

// withCovers adds to lost prefixes, unless a visible route covers them, what the files have above them.
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
