package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// ErrTooLong means that an UPDATE has more than 4,096 octets (RFC 4271 §4.1), or an AS_SEQUENCE
// more than 255 AS numbers.
var ErrTooLong = errors.New("message too long")

// maxMessage is the length of the longest BGP message that AppendUpdate writes, in octets (RFC 4271
// §4.1).
const maxMessage = 4096

// PlainUpdate is an UPDATE of unicast prefixes without path identifiers, for AppendUpdate. IPv4
// prefixes go into the fields of the message, IPv6 prefixes into MP_REACH_NLRI and MP_UNREACH_NLRI.
type PlainUpdate struct {
	Withdrawn  []netip.Prefix
	Announced  []netip.Prefix
	Attributes PlainAttributes
}

// PlainAttributes holds the path attributes of the announcements of a PlainUpdate.
type PlainAttributes struct {
	// Origin is 0 IGP, 1 EGP, 2 INCOMPLETE.
	Origin uint8
	// Path is one AS_SEQUENCE, nearest AS first; it may be empty.
	Path []bgp.ASN
	// NextHop is the next hop of IPv4 prefixes, NextHop6 that of IPv6 prefixes.
	NextHop, NextHop6 netip.Addr
	MED               uint32
	HasMED            bool
	Communities       []uint32
}

// AppendMessage appends a BGP message: the header (RFC 4271 §4.1), then body. body has at most
// 65,516 octets.
func AppendMessage(b []byte, typ MessageType, body []byte) []byte {
	start := len(b)
	b = append(appendHeader(b, typ), body...)
	setLength(b[start:])
	return b
}

// AppendUpdate appends the whole message to b. The only error is ErrTooLong; AppendUpdate then
// returns b unchanged.
func AppendUpdate(b []byte, u PlainUpdate) ([]byte, error) {
	start := len(b)
	b = appendHeader(b, MessageUpdate)
	lengthAt := len(b)
	b = append(b, 0, 0)
	b = appendPrefixes(b, u.Withdrawn, bgp.IPv4)
	binary.BigEndian.PutUint16(b[lengthAt:], uint16(len(b)-lengthAt-2))

	attributesAt := len(b)
	b = append(b, 0, 0)
	if holds(u.Withdrawn, bgp.IPv6) {
		b = appendMPUnreach(b, u.Withdrawn)
	}
	if len(u.Announced) > 0 {
		if len(u.Attributes.Path) > 255 {
			return b[:start], fmt.Errorf("writing an AS path of %d: %w", len(u.Attributes.Path), ErrTooLong)
		}
		b = appendPlain(b, u.Attributes, holds(u.Announced, bgp.IPv4))
		if holds(u.Announced, bgp.IPv6) {
			b = appendMPReach(b, u.Attributes.NextHop6, u.Announced)
		}
	}
	binary.BigEndian.PutUint16(b[attributesAt:], uint16(len(b)-attributesAt-2))
	b = appendPrefixes(b, u.Announced, bgp.IPv4)
	if n := len(b) - start; n > maxMessage {
		return b[:start], fmt.Errorf("writing an UPDATE of %d octets: %w", n, ErrTooLong)
	}
	setLength(b[start:])
	return b, nil
}

// AppendEndOfRIB appends an End-of-RIB marker (RFC 4724 §2).
func AppendEndOfRIB(b []byte, f bgp.Family) []byte {
	start := len(b)
	b = append(appendHeader(b, MessageUpdate), 0, 0, 0, 0)
	if f == bgp.IPv6 {
		b[len(b)-1] = 6
		b = append(b, flagOptional, typeMPUnreach, 3, 0, byte(bgp.AFIIPv6), byte(bgp.SAFIUnicast))
	}
	setLength(b[start:])
	return b
}

// appendHeader appends a message header without its length. setLength sets the length.
func appendHeader(b []byte, typ MessageType) []byte {
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, math.MaxUint64), math.MaxUint64)
	return append(b, 0, 0, byte(typ))
}

func setLength(message []byte) { binary.BigEndian.PutUint16(message[16:], uint16(len(message))) }

// AppendRIBAttributes appends the attributes of a table entry of one family. The MP_REACH_NLRI of
// IPv6 has the short form of RFC 6396 §4.3.4.
func AppendRIBAttributes(b []byte, a PlainAttributes, f bgp.Family) []byte {
	b = appendPlain(b, a, f == bgp.IPv4)
	if f == bgp.IPv6 {
		b = append(b, flagOptional, typeMPReach, 17, 16)
		b = append(b, a.NextHop6.AsSlice()...)
	}
	return b
}

// appendPlain appends all attributes except the MP ones. It appends NEXT_HOP only if nextHop is
// set.
func appendPlain(b []byte, a PlainAttributes, nextHop bool) []byte {
	b = append(b, flagTransitive, typeOrigin, 1, a.Origin)
	b = appendASPath(b, a.Path)
	if nextHop {
		b = append(b, flagTransitive, typeNextHop, 4)
		b = append(b, a.NextHop.AsSlice()...)
	}
	if a.HasMED {
		b = append(b, flagOptional, typeMED, 4)
		b = binary.BigEndian.AppendUint32(b, a.MED)
	}
	if len(a.Communities) > 0 {
		b = append(b, flagOptional|flagTransitive|flagExtended, typeCommunities)
		b = binary.BigEndian.AppendUint16(b, uint16(4*len(a.Communities)))
		for _, c := range a.Communities {
			b = binary.BigEndian.AppendUint32(b, c)
		}
	}
	return b
}

func appendASPath(b []byte, path []bgp.ASN) []byte {
	b = append(b, flagTransitive|flagExtended, typeASPath, 0, 0)
	at := len(b)
	b = appendSegments(b, bgp.ASSequence, path)
	binary.BigEndian.PutUint16(b[at-2:], uint16(len(b)-at))
	return b
}

// appendSegments appends asns as one segment, or as several if asns has more than 255 AS numbers.
func appendSegments(path []byte, typ bgp.SegmentType, asns []bgp.ASN) []byte {
	for len(asns) > 0 {
		n := min(len(asns), math.MaxUint8)
		path = append(path, byte(typ), byte(n))
		for _, a := range asns[:n] {
			path = binary.BigEndian.AppendUint32(path, uint32(a))
		}
		asns = asns[n:]
	}
	return path
}

func appendMPReach(b []byte, nextHop netip.Addr, prefixes []netip.Prefix) []byte {
	b = append(b, flagOptional|flagExtended, typeMPReach)
	lengthAt := len(b)
	b = append(b, 0, 0, 0, byte(bgp.AFIIPv6), byte(bgp.SAFIUnicast), 16)
	b = append(b, nextHop.AsSlice()...)
	b = append(b, 0)
	b = appendPrefixes(b, prefixes, bgp.IPv6)
	binary.BigEndian.PutUint16(b[lengthAt:], uint16(len(b)-lengthAt-2))
	return b
}

func appendMPUnreach(b []byte, prefixes []netip.Prefix) []byte {
	b = append(b, flagOptional|flagExtended, typeMPUnreach)
	lengthAt := len(b)
	b = append(b, 0, 0, 0, byte(bgp.AFIIPv6), byte(bgp.SAFIUnicast))
	b = appendPrefixes(b, prefixes, bgp.IPv6)
	binary.BigEndian.PutUint16(b[lengthAt:], uint16(len(b)-lengthAt-2))
	return b
}

// appendPrefixes appends the prefixes of one family as NLRI (RFC 4271 §4.3).
func appendPrefixes(b []byte, prefixes []netip.Prefix, f bgp.Family) []byte {
	for _, p := range prefixes {
		if bgp.FamilyOf(p) == f {
			b = AppendPrefix(b, p)
		}
	}
	return b
}

// AppendPrefix appends a prefix in the encoding of NLRI (RFC 4271 §4.3). It masks host bits.
func AppendPrefix(b []byte, p netip.Prefix) []byte {
	b = append(b, byte(p.Bits()))
	n := (p.Bits() + 7) / 8
	if p.Addr().Is4() {
		a := p.Masked().Addr().As4()
		return append(b, a[:n]...)
	}
	a := p.Masked().Addr().As16()
	return append(b, a[:n]...)
}

func holds(prefixes []netip.Prefix, f bgp.Family) bool {
	for _, p := range prefixes {
		if bgp.FamilyOf(p) == f {
			return true
		}
	}
	return false
}
