package geo

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxShares is the maximum number of places of one prefix. If there are more, the smallest are left
// out with their space.
const MaxShares = 16

// cacheSize is the capacity of each of a Locator's two caches. They hold the prefixes that are not
// wholly in one place; about 10,000 routed prefixes span several places. With MaxShares it bounds a
// Locator's memory to about 12 MB; 2 MB are usual.
const cacheSize = 1 << 14

// Locator finds the places of prefixes. It caches prefixes that span several places, which are
// expensive to find, and clears the cache if the files change. It is not safe for concurrent use.
type Locator struct {
	db         *DB
	snapshot   *Snapshot
	young, old map[netip.Prefix][]Share
	sum        map[PlaceID]uint64
}

// NewLocator returns a Locator that uses db.
func NewLocator(db *DB) *Locator {
	l := &Locator{db: db, sum: map[PlaceID]uint64{}}
	l.Refresh()
	return l
}

// Refresh switches to the newest state of the files and returns it. Lookups use this state until
// the next call.
func (l *Locator) Refresh() *Snapshot {
	if s := l.db.Snapshot(); s != l.snapshot {
		l.snapshot, l.young, l.old = s, map[netip.Prefix][]Share{}, nil
	}
	return l.snapshot
}

// AppendPlaces appends the places of p to dst: most space first, then by country and region. Their
// sum is at most bgp.Space of p. A prefix shorter than bgp.Family.MinLength has no places, as
// nothing counts it.
func (l *Locator) AppendPlaces(dst []Share, p netip.Prefix) []Share {
	if p.Bits() < bgp.FamilyOf(p).MinLength() {
		return dst
	}
	at := p
	if !p.Addr().Is4() && p.Bits() > 64 {
		at = netip.PrefixFrom(p.Addr(), 64).Masked()
	}
	if id, ok := l.snapshot.table.LookupPrefix(at); ok {
		return append(dst, Share{id, bgp.Space(p)})
	}
	shares, ok := l.young[at]
	if !ok {
		if shares, ok = l.old[at]; !ok {
			shares = l.find(at)
		}
		if len(l.young) >= cacheSize {
			l.young, l.old = map[netip.Prefix][]Share{}, l.young
		}
		l.young[at] = shares
	}
	return append(dst, shares...)
}

// find sums the prefixes of the table within p.
func (l *Locator) find(p netip.Prefix) []Share {
	clear(l.sum)
	for part, id := range l.snapshot.table.Subnets(p) {
		l.sum[id] += bgp.Space(part)
	}
	shares := make([]Share, 0, len(l.sum))
	for id, space := range l.sum {
		shares = append(shares, Share{id, space})
	}
	slices.SortFunc(shares, func(a, b Share) int {
		x, y := l.snapshot.places[a.Place], l.snapshot.places[b.Place]
		return cmp.Or(cmp.Compare(b.Space, a.Space), cmp.Compare(x.Country, y.Country),
			cmp.Compare(x.Region, y.Region))
	})
	return slices.Clip(shares[:min(len(shares), MaxShares)])
}
