package mrt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// ErrTooLong is returned for a message above 4,096 octets (RFC 4271 §4.1), or an AS_SEQUENCE above 255 AS numbers.
var ErrTooLong = errors.New("message too long")

const (
	headerLength = 19
	maxLength    = 4096
	typeUpdate   = 2
)

// The path attributes that are written (RFC 4271 §5, RFC 1997, RFC 4760, RFC 6793).
const (
	attrOrigin      = 1
	attrASPath      = 2
	attrNextHop     = 3
	attrMED         = 4
	attrCommunities = 8
	attrMPReach     = 14
	attrMPUnreach   = 15

	flagOptional   = 0x80
	flagTransitive = 0x40
	flagExtended   = 0x10
)

// Attributes are the path attributes of an announcement.
type Attributes struct {
	// Origin is 0 IGP, 1 EGP, 2 INCOMPLETE.
	Origin uint8
	// Path is one AS_SEQUENCE, nearest AS first; it may be empty.
	Path []bgp.ASN
	// NextHop serves IPv4 prefixes, NextHop6 IPv6 ones.
	NextHop, NextHop6 netip.Addr
	MED               uint32
	HasMED            bool
	Communities       []uint32
}

// Update is what an UPDATE says. IPv4 prefixes go into the message's own fields, IPv6 ones into MP_REACH_NLRI and
// MP_UNREACH_NLRI.
type Update struct {
	Withdrawn  []netip.Prefix
	Announced  []netip.Prefix
	Attributes Attributes
}

// AppendUpdate appends the whole message to b. The error is ErrTooLong; b is then returned as it was.
func AppendUpdate(b []byte, u Update) ([]byte, error) {
	start := len(b)
	b = appendHeader(b)
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
		b = appendAttributes(b, u.Attributes, holds(u.Announced, bgp.IPv4))
		if holds(u.Announced, bgp.IPv6) {
			b = appendMPReach(b, u.Attributes.NextHop6, u.Announced)
		}
	}
	binary.BigEndian.PutUint16(b[attributesAt:], uint16(len(b)-attributesAt-2))
	b = appendPrefixes(b, u.Announced, bgp.IPv4)
	return finish(b, start)
}

// AppendEndOfRIB appends an End-of-RIB marker (RFC 4724 §2).
func AppendEndOfRIB(b []byte, f bgp.Family) []byte {
	start := len(b)
	b = append(appendHeader(b), 0, 0, 0, 0)
	if f == bgp.IPv6 {
		b[len(b)-1] = 6
		b = append(b, flagOptional, attrMPUnreach, 3, 0, byte(bgp.AFIIPv6), byte(bgp.SAFIUnicast))
	}
	binary.BigEndian.PutUint16(b[start+16:], uint16(len(b)-start))
	return b
}

func appendHeader(b []byte) []byte {
	for range 16 {
		b = append(b, 0xff)
	}
	return append(b, 0, 0, typeUpdate)
}

func finish(b []byte, start int) ([]byte, error) {
	n := len(b) - start
	if n > maxLength {
		return b[:start], fmt.Errorf("writing an UPDATE of %d octets: %w", n, ErrTooLong)
	}
	binary.BigEndian.PutUint16(b[start+16:], uint16(n))
	return b, nil
}

// appendAttributes appends all attributes but the MP ones; NEXT_HOP only if wanted.
func appendAttributes(b []byte, a Attributes, nextHop bool) []byte {
	b = append(b, flagTransitive, attrOrigin, 1, a.Origin)
	b = appendASPath(b, a.Path)
	if nextHop {
		b = append(b, flagTransitive, attrNextHop, 4)
		b = append(b, a.NextHop.AsSlice()...)
	}
	if a.HasMED {
		b = append(b, flagOptional, attrMED, 4)
		b = binary.BigEndian.AppendUint32(b, a.MED)
	}
	if len(a.Communities) > 0 {
		b = append(b, flagOptional|flagTransitive|flagExtended, attrCommunities)
		b = binary.BigEndian.AppendUint16(b, uint16(4*len(a.Communities)))
		for _, c := range a.Communities {
			b = binary.BigEndian.AppendUint32(b, c)
		}
	}
	return b
}

func appendASPath(b []byte, path []bgp.ASN) []byte {
	n := 0
	if len(path) > 0 {
		n = 2 + 4*len(path)
	}
	b = append(b, flagTransitive|flagExtended, attrASPath)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	if n == 0 {
		return b
	}
	b = append(b, byte(bgp.ASSequence), byte(len(path)))
	for _, a := range path {
		b = binary.BigEndian.AppendUint32(b, uint32(a))
	}
	return b
}

func appendMPReach(b []byte, nextHop netip.Addr, prefixes []netip.Prefix) []byte {
	b = append(b, flagOptional|flagExtended, attrMPReach)
	lengthAt := len(b)
	b = append(b, 0, 0, 0, byte(bgp.AFIIPv6), byte(bgp.SAFIUnicast), 16)
	b = append(b, nextHop.AsSlice()...)
	b = append(b, 0)
	b = appendPrefixes(b, prefixes, bgp.IPv6)
	binary.BigEndian.PutUint16(b[lengthAt:], uint16(len(b)-lengthAt-2))
	return b
}

func appendMPUnreach(b []byte, prefixes []netip.Prefix) []byte {
	b = append(b, flagOptional|flagExtended, attrMPUnreach)
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
			b = appendPrefix(b, p)
		}
	}
	return b
}

func appendPrefix(b []byte, p netip.Prefix) []byte {
	b = append(b, byte(p.Bits()))
	if p.Addr().Is4() {
		a := p.Masked().Addr().As4()
		return append(b, a[:(p.Bits()+7)/8]...)
	}
	a := p.Masked().Addr().As16()
	return append(b, a[:(p.Bits()+7)/8]...)
}

func holds(prefixes []netip.Prefix, f bgp.Family) bool {
	for _, p := range prefixes {
		if bgp.FamilyOf(p) == f {
			return true
		}
	}
	return false
}
