package wire

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Options describe how to decode a message where its octets do not determine it.
type Options struct {
	// ASOctets is the width of an AS number in AS_PATH and AGGREGATOR, 2 or 4 (RFC 6793). 0 selects
	// the width with which AS_PATH parses to its end, 4 first.
	ASOctets uint8
	// AddPathIPv4 and AddPathIPv6: NLRI of the family carry path identifiers (RFC 7911).
	AddPathIPv4, AddPathIPv6 bool
	// Multicast enables decoding of IPv4 and IPv6 multicast (SAFI 2). NLRI.Multicast marks their
	// prefixes. Update.Other lists them in either case.
	Multicast bool
	// NextHopOptional is for a message that a router made from a table of its own (BMP:
	// post-policy, Loc-RIB, Adj-RIB-Out). NEXT_HOP may be absent there (FRR). With it, the absence
	// withdraws nothing.
	NextHopOptional bool
}

// Update is a decoded UPDATE (RFC 4271 §4.3, RFC 4760). Its slices belong to the Decoder and are
// valid until its next call.
type Update struct {
	// Withdrawn holds the withdrawn routes, then those of every MP_UNREACH_NLRI, each in the order
	// of the message. After those it holds malformed announcements that RFC 7606 treats as
	// withdrawn.
	Withdrawn []NLRI
	// Announced holds the NLRI, then those of every MP_REACH_NLRI.
	Announced []NLRI
	// Attributes holds the path attributes of the announcements.
	Attributes Attributes
	// EndOfRIB lists the families for which this message is the End-of-RIB (RFC 4724 §2).
	EndOfRIB []bgp.Family
	// TreatAsWithdraw reports that RFC 7606 turned announcements into withdrawals. Malformed holds
	// the reason.
	TreatAsWithdraw bool
	// Malformed is a fault that RFC 7606 tolerates, an *AttributeError. Of several it is the first
	// with the strongest remedy. It is nil in a sound message.
	Malformed error
	// Other lists the NLRI attributes of families other than IPv4 and IPv6 unicast (VPN, labelled,
	// EVPN, multicast). It has one entry for each.
	Other []AFISAFI
	// ASOctets is the width with which AS_PATH was read: Options.ASOctets or, if that is 0, the
	// width that fits.
	ASOctets uint8
	// Unknown and Lost are set only by Decoder.Salvage. Unknown lists prefixes whose new state is
	// unreadable.
	Unknown []NLRI
	// Lost lists the families of which the message may have contained more, unreadable prefixes.
	Lost []bgp.Family
	// ASOctetsTied reports that Options.ASOctets was 0 and AS_PATH parses with either width. The
	// decoder took 4. A caller that knows the path from another source may decode again with 2.
	ASOctetsTied bool

	mpNextHopIPv4 netip.Addr
}

// NextHop returns the next hop of one of u's announcements. It is invalid if the message has none.
func (u *Update) NextHop(n NLRI) netip.Addr {
	switch {
	case !n.MP:
		return u.Attributes.NextHop
	case n.Prefix.Addr().Is4() && u.mpNextHopIPv4.IsValid():
		return u.mpNextHopIPv4
	}
	return u.Attributes.MPNextHop
}

// AFISAFI identifies an address family.
type AFISAFI struct {
	AFI  bgp.AFI
	SAFI bgp.SAFI
}

// NLRI is one prefix of a message with masked host bits.
type NLRI struct {
	Prefix netip.Prefix
	PathID uint32 // RFC 7911; 0 without ADD-PATH
	MP     bool   // from MP_REACH_NLRI or MP_UNREACH_NLRI
	// Multicast marks SAFI 2. It is set only if Options.Multicast is.
	Multicast bool
}

// Attributes holds the path attributes that darkmap reads. Its slices belong to the Decoder.
type Attributes struct {
	Path    bgp.ASPath // AS4_PATH merged (RFC 6793 §4.2.3)
	Origin  uint8      // 0 IGP, 1 EGP, 2 INCOMPLETE
	NextHop netip.Addr // of NLRI; invalid if absent
	// MPNextHop is the global next hop of MP_REACH_NLRI. It is invalid if absent. Update.NextHop
	// chooses if a message may have two.
	MPNextHop        netip.Addr
	MED              uint32
	LocalPref        uint32
	Communities      []uint32
	LargeCommunities [][3]uint32
	Aggregator       Aggregator
	// RawAggregator is the AGGREGATOR attribute as it is in the message, also if RFC 7606 §7.7
	// discards it. It is nil if absent.
	RawAggregator []byte
	// A flag is true if its attribute is present. It distinguishes a value of 0 from an absent
	// attribute.
	HasOrigin, HasMED, HasLocalPref, HasAggregator, AtomicAggregate bool
}

// Aggregator is the speaker that aggregated the route (RFC 4271 §5.1.7), with AS4_AGGREGATOR
// merged.
type Aggregator struct {
	ASN     bgp.ASN
	Address netip.Addr
}
