package bootstrap

import (
	"cmp"
	"errors"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

const (
	// tablesPerAS is the number of tables of an AS that are sent for each family. More tables would
	// not be more witnesses.
	tablesPerAS = 2
	// fewPeers is the number of peers up to which a collector's tables are all sent. The large
	// collectors have more peers, and most of those are no full feeds.
	fewPeers = 20
)

// selective reports whether only some tables of a dump are sent, by its peer index table: it lists
// many peers, or many of an AS.
func selective(index []bgp.Peer) bool {
	if len(index) > fewPeers {
		return true
	}
	n := map[bgp.Peer]int{}
	for _, p := range index {
		if n[p.Network()]++; n[p.Network()] > tablesPerAS {
			return true
		}
	}
	return false
}

// maxPeers caps the counted peers. A peer index table has no more, and the collectors have some
// hundred.
const maxPeers = 1 << 16

// errPeers reports a dump with more peers than any collector has.
var errPeers = errors.New("it has too many peers")

// counts holds the number of routes of each peer in each family.
type counts map[bgp.Peer]*perFamily

// add counts the routes to one prefix. The error is errPeers.
func (c counts) add(it *capture.Item) error {
	if it.Kind != capture.RIB {
		return nil
	}
	f := bgp.FamilyOf(it.Prefix)
	for i := range it.Entries {
		n := c[it.Entries[i].Peer]
		if n == nil {
			if len(c) >= maxPeers {
				return errPeers
			}
			n = new(perFamily)
			c[it.Entries[i].Peer] = n
		}
		n[f]++
	}
	return nil
}

// choose returns the peers that may be full feeds. Such a peer has at least half of the largest
// table in some family, and is among the tablesPerAS largest of its AS. Both families of a peer are
// sent, so a peer chosen for one family may exceed tablesPerAS in the other.
func (c counts) choose() map[bgp.Peer]bool {
	byAS := map[bgp.Peer][]bgp.Peer{}
	var largest perFamily
	for p, n := range c {
		byAS[p.Network()] = append(byAS[p.Network()], p)
		for _, f := range bgp.Families {
			largest[f] = max(largest[f], n[f])
		}
	}
	chosen := map[bgp.Peer]bool{}
	for _, peers := range byAS {
		slices.SortFunc(peers, bgp.Peer.Compare)
		for _, f := range bgp.Families {
			slices.SortStableFunc(peers, func(a, b bgp.Peer) int { return cmp.Compare(c[b][f], c[a][f]) })
			for _, p := range peers[:min(len(peers), tablesPerAS)] {
				if c[p][f] > 0 && 2*c[p][f] >= largest[f] {
					chosen[p] = true
				}
			}
			slices.SortFunc(peers, bgp.Peer.Compare)
		}
	}
	return chosen
}
