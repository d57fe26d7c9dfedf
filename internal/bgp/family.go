package bgp

import (
	"fmt"
	"net/netip"
)

// AFI is an address family identifier (RFC 4760 §7).
type AFI uint16

// SAFI is a subsequent address family identifier (RFC 4760 §7).
type SAFI uint8

// The identifiers that darkmap decodes; others are counted and passed over.
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

// Families lists every family, in the order in which things are printed.
var Families = [...]Family{IPv4, IPv6}

// FamilyOf returns the family of p's address; 4-in-6 addresses are IPv6.
func FamilyOf(p netip.Prefix) Family {
	if p.Addr().Is4() {
		return IPv4
	}
	return IPv6
}

// String returns ipv4 or ipv6, as in JSON, SQL and metrics.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ipv4"
	case IPv6:
		return "ipv6"
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// FamilyNamed is the inverse of String; false where no family is called so.
func FamilyNamed(name string) (Family, bool) {
	for _, f := range Families {
		if f.String() == name {
			return f, true
		}
	}
	return 0, false
}

// Title returns IPv4 or IPv6, as in sentences.
func (f Family) Title() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return f.String()
}

// MaxLength is the longest prefix that is looked at: a /24 or a /48 (docs/detection.md, A prefix).
func (f Family) MaxLength() int {
	if f == IPv4 {
		return 24
	}
	return 48
}

// MinLength is the shortest prefix that is looked at: a /8 or a /16.
func (f Family) MinLength() int {
	if f == IPv4 {
		return 8
	}
	return 16
}

// UnitSpace is the space of one counting unit, a /24 or a /48: 256 or 65,536.
func (f Family) UnitSpace() uint64 {
	if f == IPv4 {
		return 1 << 8
	}
	return 1 << 16
}

// Space is how much address space p covers, in 1/256 of a /24 (one address) or 1/65536 of a /48 (one /64).
// An IPv6 prefix longer than /64 counts as one. The default routes, which nothing here counts, overflow for IPv6: ::/0 is 0.
func Space(p netip.Prefix) uint64 {
	if p.Addr().Is4() {
		return 1 << (32 - p.Bits())
	}
	return 1 << max(64-p.Bits(), 0)
}
