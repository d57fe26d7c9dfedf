package wire

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Options say how to read what the octets of a message do not tell themselves.
type Options struct {
	// ASOctets is the width of an AS number in AS_PATH and AGGREGATOR: 2 or 4 (RFC 6793); 0 takes the width that parses to
	// the segment boundary, 4 first.
	ASOctets uint8
	// AddPathIPv4 and AddPathIPv6: NLRI of the family carry path identifiers (RFC 7911).
	AddPathIPv4, AddPathIPv6 bool
	// Multicast decodes IPv4 and IPv6 multicast (SAFI 2) as well: NLRI.Multicast tells them from unicast. They are counted in
	// Update.Other with or without.
	Multicast bool
	// NextHopOptional: a router made the message from a table of its own (BMP: post-policy, Loc-RIB, Adj-RIB-Out), where NEXT_HOP
	// may be absent (FRR); then its absence withdraws nothing.
	NextHopOptional bool
}

// Update is a decoded UPDATE (RFC 4271 §4.3, RFC 4760). Its slices belong to the Decoder and hold until its next call.
type Update struct {
	// Withdrawn holds the withdrawn routes, then those of every MP_UNREACH_NLRI, each in the message's order. A malformed
	// announcement that RFC 7606 treats as withdrawn stands here too.
	Withdrawn []NLRI
	// Announced holds the NLRI, then those of every MP_REACH_NLRI.
	Announced []NLRI
	// Attributes belong to the announcements.
	Attributes Attributes
	// EndOfRIB lists the families whose End-of-RIB this is (RFC 4724 §2).
	EndOfRIB []bgp.Family
	// TreatAsWithdraw is set where RFC 7606 turned announcements into withdrawals; Malformed says why.
	TreatAsWithdraw bool
	// Malformed is the first fault that RFC 7606 let pass: the attribute's type and what was wrong. Nil in a sound message.
	Malformed error
	// Other lists the NLRI attributes of families other than IPv4 and IPv6 unicast (VPN, labelled, EVPN, multicast), one each.
	Other []AFISAFI
	// ASOctets is the width that AS_PATH was read with: Options.ASOctets or, where that was 0, the one that fits.
	ASOctets uint8
	// Unknown and Lost are set by Decoder.Salvage alone. Unknown lists prefixes of which the message says something that cannot be read.
	Unknown []NLRI
	// Lost lists the families of which the message may have named more prefixes, which cannot be told.
	Lost []bgp.Family
	// ASOctetsTied is set where Options.ASOctets was 0 and the AS_PATH parses with either width: 4 was taken, and whoever
	// knows the path from elsewhere may decode again with 2.
	ASOctetsTied bool

	mpNextHopIPv4 netip.Addr
}

// NextHop returns the next hop of one of u's announcements; it is invalid where the message has none.
func (u *Update) NextHop(n NLRI) netip.Addr {
	switch {
	case !n.MP:
		return u.Attributes.NextHop
	case n.Prefix.Addr().Is4() && u.mpNextHopIPv4.IsValid():
		return u.mpNextHopIPv4
	}
	return u.Attributes.MPNextHop
}

// AFISAFI names a family.
type AFISAFI struct {
	AFI  bgp.AFI
	SAFI bgp.SAFI
}

// NLRI is one prefix of a message, host bits masked.
type NLRI struct {
	Prefix netip.Prefix
	PathID uint32 // RFC 7911; 0 without ADD-PATH
	MP     bool   // from MP_REACH_NLRI or MP_UNREACH_NLRI
	// Multicast: SAFI 2; only where Options ask for it.
	Multicast bool
}

// Attributes are the path attributes that darkmap reads. Slices belong to the Decoder.
type Attributes struct {
	Path             bgp.ASPath // AS4_PATH merged (RFC 6793 §4.2.3)
	Origin           uint8      // 0 IGP, 1 EGP, 2 INCOMPLETE
	NextHop          netip.Addr // of NLRI; invalid where absent
	MPNextHop        netip.Addr // of MP_REACH_NLRI, the global one; invalid where absent; Update.NextHop where there may be two
	MED              uint32
	LocalPref        uint32
	Communities      []uint32
	LargeCommunities [][3]uint32
	Aggregator       Aggregator
	// RawAggregator is the AGGREGATOR attribute as it stands in the message, also where RFC 7606 §7.7 discards it; nil where
	// absent.
	RawAggregator []byte
	// Has tells present from zero.
	HasOrigin, HasMED, HasLocalPref, HasAggregator, AtomicAggregate bool
}

// Aggregator is who aggregated the route (RFC 4271 §5.1.7), AS4_AGGREGATOR merged.
type Aggregator struct {
	ASN     bgp.ASN
	Address netip.Addr
}
