package bgp

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Table says which of a peer's tables a session shows (RFC 7854 §5, RFC 8671, RFC 9069).
type Table uint8

// The tables. The zero value is the pre-policy Adj-RIB-In, which is what archives and RIS Live show.
const (
	TablePre Table = iota
	TablePost
	TableLoc
	TableOut
)

// String returns pre, post, loc or out.
func (t Table) String() string {
	switch t {
	case TablePre:
		return "pre"
	case TablePost:
		return "post"
	case TableLoc:
		return "loc"
	case TableOut:
		return "out"
	}
	return fmt.Sprintf("table(%d)", uint8(t))
}

// Peer is a collector's BGP neighbour as seen within the collector. It is comparable.
type Peer struct {
	Address       netip.Addr
	ASN           ASN
	Distinguisher uint64 // RFC 7854 §4.2; 0 is the global instance
	Table         Table
}

// WithoutASN is the peer by all but its AS number.
func (p Peer) WithoutASN() Peer {
	p.ASN = 0
	return p
}

// Network is the AS of a peer, or the peer itself where its AS number names none.
func (p Peer) Network() Peer {
	if p.ASN.Identifies() {
		return Peer{ASN: p.ASN}
	}
	return p
}

// Compare orders peers by address, ASN, distinguisher and table.
func (p Peer) Compare(o Peer) int {
	return cmp.Or(p.Address.Compare(o.Address), cmp.Compare(p.ASN, o.ASN), cmp.Compare(p.Distinguisher, o.Distinguisher), cmp.Compare(p.Table, o.Table))
}

// PeerKey names a peer among all collectors. It is comparable.
type PeerKey struct {
	Collector string
	Peer
}

// Voter is what has the one vote of a peer: its AS, whatever else k says, or the peer itself where its AS number names none.
func (k PeerKey) Voter() PeerKey {
	if k.ASN.Identifies() {
		return PeerKey{Peer: k.Network()}
	}
	return k
}

// Compare orders peers by collector, and then as Peer.Compare does.
func (k PeerKey) Compare(o PeerKey) int {
	return cmp.Or(cmp.Compare(k.Collector, o.Collector), k.Peer.Compare(o.Peer))
}

// FSMState is a state of the BGP finite state machine as MRT numbers it (RFC 6396 §4.4.1).
type FSMState uint16

// The states. Deleted and Clearing are Quagga's own (7 and 8 in MRT files).
const (
	Idle        FSMState = 1
	Connect     FSMState = 2
	Active      FSMState = 3
	OpenSent    FSMState = 4
	OpenConfirm FSMState = 5
	Established FSMState = 6
)

// String returns the RFC 4271 §8.2.2 name in lower case.
func (s FSMState) String() string {
	names := [...]string{1: "idle", 2: "connect", 3: "active", 4: "opensent", 5: "openconfirm", 6: "established", 7: "clearing", 8: "deleted"}
	if int(s) < len(names) && names[s] != "" {
		return names[s]
	}
	return fmt.Sprintf("state(%d)", uint16(s))
}
