package panel

import "github.com/darkmap/darkmap/internal/bgp"

// ballot is what has one vote: an AS, or a peer whose AS number names none.
func ballot(k bgp.PeerKey) bgp.PeerKey {
	if k.ASN.Identifies() {
		return bgp.PeerKey{Peer: bgp.Peer{ASN: k.ASN}}
	}
	return k
}
