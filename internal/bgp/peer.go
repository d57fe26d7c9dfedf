package bgp

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Table identifies the table of a peer that a session exports (RFC 7854 §5, RFC 8671, RFC 9069).
type Table uint8

// The tables. The zero value is the pre-policy Adj-RIB-In, the table in archives and RIS Live.
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

// Peer is a BGP neighbour of a collector, identified within the collector. It is comparable.
type Peer struct {
	Address       netip.Addr
	ASN           ASN
	Distinguisher uint64 // RFC 7854 §4.2; 0 is the global instance
	Table         Table
}

// WithoutASN returns the peer without its AS number.
func (p Peer) WithoutASN() Peer {
	p.ASN = 0
	return p
}

// Network returns the AS of a peer, or the peer itself if its AS number identifies no network.
func (p Peer) Network() Peer {
	if p.ASN.Identifies() {
		return Peer{ASN: p.ASN}
	}
	return p
}

// Compare orders peers by address, ASN, distinguisher and table.
func (p Peer) Compare(o Peer) int {
	return cmp.Or(
		p.Address.Compare(o.Address),
		cmp.Compare(p.ASN, o.ASN),
		cmp.Compare(p.Distinguisher, o.Distinguisher),
		cmp.Compare(p.Table, o.Table),
	)
}

// PeerKey identifies a peer among all collectors. It is comparable.
type PeerKey struct {
	Collector string
	Peer
}

// Voter returns the key that holds the vote of a peer. It is the peer's AS, without the other
// fields of k, or the peer itself if its AS number identifies no network.
func (k PeerKey) Voter() PeerKey {
	if k.ASN.Identifies() {
		return PeerKey{Peer: k.Network()}
	}
	return k
}

// Compare orders peers by collector, then by Peer.Compare.
func (k PeerKey) Compare(o PeerKey) int {
	return cmp.Or(cmp.Compare(k.Collector, o.Collector), k.Peer.Compare(o.Peer))
}

// FSMState is a state of the BGP finite state machine, with the number that MRT gives it (RFC 6396
// §4.4.1).
type FSMState uint16

// The states. Clearing (7) and Deleted (8) in MRT files come from Quagga.
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
	names := [...]string{
		1: "idle", 2: "connect", 3: "active", 4: "opensent", 5: "openconfirm", 6: "established",
		7: "clearing", 8: "deleted",
	}
	if int(s) < len(names) && names[s] != "" {
		return names[s]
	}
	return fmt.Sprintf("state(%d)", uint16(s))
}
