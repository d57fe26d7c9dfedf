package lookup

import (
	"iter"
	"net/netip"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// prefixRows returns the prefixes of both tables, with origin and country. It leaves out a prefix
// with the same origin and country as the nearest shorter one, because a longest-prefix lookup
// gives the same answer without it.
func prefixRows(places *geo.Snapshot, owners *asn.Snapshot) iter.Seq[clickhouse.LookupPrefix] {
	return func(yield func(clickhouse.LookupPrefix) bool) {
		var above []located // the prefixes that hold the last one, the shortest first
		for p := range union(places, owners) {
			for len(above) > 0 && !holds(above[len(above)-1].prefix, p) {
				above = above[:len(above)-1]
			}
			x := located{prefix: p, country: places.Country(p)}
			x.origin, _ = owners.Origins().LookupPrefix(p)
			if n := len(above); n > 0 && above[n-1].origin == x.origin && above[n-1].country == x.country {
				continue
			}
			above = append(above, x)
			if !yield(clickhouse.LookupPrefix{Prefix: p.String(), Origin: uint32(x.origin), Country: x.country}) {
				return
			}
		}
	}
}

// located is a prefix with the fields of its row.
type located struct {
	prefix  netip.Prefix
	origin  bgp.ASN
	country string
}

// holds reports whether p lies in q.
func holds(q, p netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) }

// union returns the prefixes of both tables by address and length, without duplicates.
func union(places *geo.Snapshot, owners *asn.Snapshot) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		next, stop := iter.Pull2(places.All())
		defer stop()
		place, _, more := next()
		for p := range owners.Origins().AllSorted() {
			for more && place.Compare(p) < 0 {
				if !yield(place) {
					return
				}
				place, _, more = next()
			}
			if more && place == p {
				place, _, more = next()
			}
			if !yield(p) {
				return
			}
		}
		for more {
			if !yield(place) {
				return
			}
			place, _, more = next()
		}
	}
}
