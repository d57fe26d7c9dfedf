package bgp

import (
	"fmt"
	"net/netip"
)

// AFI is an address family identifier (RFC 4760 §7).
type AFI uint16

// SAFI is a subsequent address family identifier (RFC 4760 §7).
type SAFI uint8

// The identifiers that darkmap decodes. The decoder counts and skips others.
const (
	AFIIPv4     AFI  = 1
	AFIIPv6     AFI  = 2
	SAFIUnicast SAFI = 1
)

// Family is an address family, unicast. The zero value is unknown.
type Family uint8

// The families.
const (
	IPv4 Family = 1
	IPv6 Family = 2
)

// Families lists every family, in printing order.
var Families = [...]Family{IPv4, IPv6}

// FamilyOf returns the family of p's address. A 4-in-6 address is IPv6.
func FamilyOf(p netip.Prefix) Family {
	if p.Addr().Is4() {
		return IPv4
	}
	return IPv6
}

// String returns ipv4 or ipv6, the form in JSON, SQL and metrics.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ipv4"
	case IPv6:
		return "ipv6"
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// FamilyNamed is the inverse of String. It returns false if no family has the name.
func FamilyNamed(name string) (Family, bool) {
	for _, f := range Families {
		if f.String() == name {
			return f, true
		}
	}
	return 0, false
}

// Title returns IPv4 or IPv6, the form in sentences.
func (f Family) Title() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return f.String()
}

// MaxLength returns the length of the longest prefix that darkmap evaluates: /24 or /48
// (docs/detection.md, A prefix).
func (f Family) MaxLength() int {
	if f == IPv4 {
		return 24
	}
	return 48
}

// MinLength returns the length of the shortest prefix that darkmap evaluates: /8 or /16.
func (f Family) MinLength() int {
	if f == IPv4 {
		return 8
	}
	return 16
}

// UnitSpace returns the Space of one counting unit: 256 for a /24, 65,536 for a /48.
func (f Family) UnitSpace() uint64 {
	if f == IPv4 {
		return 1 << 8
	}
	return 1 << 16
}

// Space returns the address space that p covers, in 1/256 of a /24 (one address) or 1/65536 of a
// /48 (one /64). An IPv6 prefix longer than /64 counts as one. ::/0 overflows and yields 0; darkmap
// counts no default routes.
func Space(p netip.Prefix) uint64 {
	if p.Addr().Is4() {
		return 1 << (32 - p.Bits())
	}
	return 1 << max(64-p.Bits(), 0)
}
