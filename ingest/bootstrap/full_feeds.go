package bootstrap

import (
	"cmp"
	"errors"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

const (
	// tablesPerAS is how many tables of an AS are sent for each family: more are no more witnesses.
	tablesPerAS = 2
	// fewPeers of a collector are all sent. The large collectors have more, and most of theirs are no full feeds.
	fewPeers = 20
)

// selective reports whether not all tables of a dump are sent, by its peer index table: it lists many peers, or many of an AS.
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

// maxPeers caps how many peers are counted: a peer index table has no more, and the collectors have some hundred.
const maxPeers = 1 << 16

// errPeers is a dump of more peers than any collector has.
var errPeers = errors.New("it has too many peers")

// counts holds how many routes of each family each peer has.
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

// choose returns the peers that have at least half of the largest table in some family, and are among the tablesPerAS largest of
// their AS: those that may be full feeds. They are sent whole, so that a peer that carries both families may be one more in the other.
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
