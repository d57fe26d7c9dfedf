package geo

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxShares is how many places of one prefix are told; the smallest of more are left out, and their space with them.
const MaxShares = 16

// cacheSize is how many prefixes that are not wholly in one place a Locator remembers, twice; of the routed prefixes some
// 10,000 span several. With MaxShares it bounds a Locator's memory to about 12 MB; 2 MB are usual.
const cacheSize = 1 << 14

// Locator finds the places of prefixes. It remembers those that span several, which are dear to find, and forgets them when
// the files change. It is not safe for concurrent use.
type Locator struct {
	db         *DB
	snapshot   *Snapshot
	young, old map[netip.Prefix][]Share
	sum        map[PlaceID]uint64
}

// NewLocator returns a Locator of db.
func NewLocator(db *DB) *Locator {
	l := &Locator{db: db, sum: map[PlaceID]uint64{}}
	l.Refresh()
	return l
}

// Refresh goes over to the newest state of the files and returns it. Until the next call every answer is from this one.
func (l *Locator) Refresh() *Snapshot {
	if s := l.db.Snapshot(); s != l.snapshot {
		l.snapshot, l.young, l.old = s, map[netip.Prefix][]Share{}, nil
	}
	return l.snapshot
}

// AppendPlaces appends the places of p to dst: most space first, then by country and region; together at most p's
// bgp.Space. Prefixes shorter than bgp.Family.MinLength, which nothing counts, have none.
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

// find sums up the table's prefixes within p.
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
