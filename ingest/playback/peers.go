package playback

import (
	"fmt"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

// peerSets are the peers in a collector's tables and in its updates, at most maxPeers each.
type peerSets struct {
	tabled, heard map[bgp.Peer]struct{}
}

func note(set *map[bgp.Peer]struct{}, p bgp.Peer) {
	if *set == nil {
		*set = map[bgp.Peer]struct{}{}
	}
	if len(*set) < maxPeers {
		(*set)[p] = struct{}{}
	}
}

// strangers returns a damage if tables and updates have no peer in common. The updates then do not
// change the tables' routes. It returns nil if they have a common peer, or one of the sets is
// empty. If an AS number identifies no network, the address decides, as in detect.
func (x *peerSets) strangers(collector string) *capture.Damage {
	if len(x.tabled) == 0 || len(x.heard) == 0 {
		return nil
	}
	tabled, named := map[bgp.Peer]struct{}{}, map[bgp.Peer]bool{}
	for p := range x.tabled {
		tabled[p] = struct{}{}
		at := p.WithoutASN()
		named[at] = named[at] || p.ASN.Identifies()
	}
	for p := range x.heard {
		_, same := tabled[p]
		hasAS, there := named[p.WithoutASN()]
		if same || there && (!hasAS || !p.ASN.Identifies()) {
			return nil
		}
	}
	return &capture.Damage{File: collector, Reason: capture.BadTable, Err: fmt.Errorf(
		"its tables and its updates have no peer in common: "+
			"%d in the tables, such as %s; %d in the updates, such as %s",
		len(x.tabled), example(x.tabled), len(x.heard), example(x.heard))}
}

// example describes the first peer of a set, which is not empty.
func example(set map[bgp.Peer]struct{}) string {
	first := slices.MinFunc(slices.Collect(maps.Keys(set)), bgp.Peer.Compare)
	return fmt.Sprintf("%v %v", first.Address, first.ASN)
}
