package bootstrap

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

// tablesPerAS is how many tables of an AS are sent for each family: more are no more witnesses.
const tablesPerAS = 2

// crowded reports whether an AS has more tables in a dump than are sent, by the dump's peer index table.
func crowded(index []bgp.Peer) bool {
	n := map[bgp.ASN]int{}
	for _, p := range index {
		if n[p.ASN]++; n[p.ASN] > tablesPerAS {
			return true
		}
	}
	return false
}

// counts holds how many routes of each family each peer has.
type counts map[bgp.Peer]*[len(bgp.Families) + 1]uint64

func (c counts) add(it *capture.Item) {
	if it.Kind != capture.RIB {
		return
	}
	f := bgp.FamilyOf(it.Prefix)
	for i := range it.Entries {
		n := c[it.Entries[i].Peer]
		if n == nil {
			n = new([len(bgp.Families) + 1]uint64)
			c[it.Entries[i].Peer] = n
		}
		n[f]++
	}
}

// choose returns the peers that are among the tablesPerAS largest of their AS in some family. They are sent whole, so that a peer
// that carries both families may be one more in the other.
func (c counts) choose() map[bgp.Peer]bool {
	byAS := map[bgp.ASN][]bgp.Peer{}
	for p := range c {
		byAS[p.ASN] = append(byAS[p.ASN], p)
	}
	chosen := map[bgp.Peer]bool{}
	for _, peers := range byAS {
		inOrder(peers)
		for _, f := range bgp.Families {
			slices.SortStableFunc(peers, func(a, b bgp.Peer) int { return cmp.Compare(c[b][f], c[a][f]) })
			for _, p := range peers[:min(len(peers), tablesPerAS)] {
				if c[p][f] > 0 {
					chosen[p] = true
				}
			}
			inOrder(peers)
		}
	}
	return chosen
}

// inOrder sorts peers, in place.
func inOrder(peers []bgp.Peer) []bgp.Peer {
	slices.SortFunc(peers, func(a, b bgp.Peer) int { return bgp.PeerKey{Peer: a}.Compare(bgp.PeerKey{Peer: b}) })
	return peers
}
