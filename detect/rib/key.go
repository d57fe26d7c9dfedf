package rib

import (
	"encoding/binary"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Key is a prefix of one family as an integer: the first 48 bits of the address (IPv4: 32), then
// the length in 8 bits. Keys are ordered by address, then by length. IPv6 prefixes longer than /48
// have no Key.
type Key uint64

// lengthBits is the number of bits of a Key that hold the length.
const lengthBits = 8

// width returns the number of address bits in a Key of the family.
func width(f bgp.Family) int {
	if f == bgp.IPv4 {
		return 32
	}
	return 48
}

// ParseKey reads Route.prefix of schemas/proto/darkmap/v1/routes.proto without allocating. ok is
// false for a malformed prefix, a prefix with host bits, and a prefix whose length is outside the
// limits of the family (docs/detection.md, A prefix).
func ParseKey(b []byte) (f bgp.Family, k Key, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	switch b[0] {
	case 4:
		f = bgp.IPv4
	case 6:
		f = bgp.IPv6
	default:
		return 0, 0, false
	}
	length := int(b[1])
	if length < f.MinLength() || length > f.MaxLength() || len(b) != 2+(length+7)/8 {
		return 0, 0, false
	}
	var a uint64
	for i, o := range b[2:] {
		a |= uint64(o) << (width(f) - 8 - 8*i)
	}
	if a&(1<<(width(f)-length)-1) != 0 {
		return 0, 0, false
	}
	return f, Key(a<<lengthBits | uint64(length)), true
}

// KeyOf returns the key of a masked prefix. ok is false in the cases in which that of ParseKey is.
func KeyOf(p netip.Prefix) (f bgp.Family, k Key, ok bool) {
	if !p.IsValid() {
		return 0, 0, false
	}
	f = bgp.FamilyOf(p)
	if p.Bits() < f.MinLength() || p.Bits() > f.MaxLength() || p.Masked() != p {
		return 0, 0, false
	}
	return f, Key(Address(p.Addr())<<lengthBits | uint64(p.Bits())), true
}

// Address returns the part of an address that a Key holds, right-aligned in the family's width.
func Address(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]) >> 16
}

// Bits returns the length of the prefix.
func (k Key) Bits() int { return int(k & (1<<lengthBits - 1)) }

// Address returns the address part, right-aligned in the family's width.
func (k Key) Address() uint64 { return uint64(k >> lengthBits) }

// Prefix returns k as a prefix of the family.
func (k Key) Prefix(f bgp.Family) netip.Prefix {
	if f == bgp.IPv4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(k.Address()))
		return netip.PrefixFrom(netip.AddrFrom4(b), k.Bits())
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.Address()<<16)
	return netip.PrefixFrom(netip.AddrFrom16(b), k.Bits())
}

// Space returns bgp.Space of the prefix.
func (k Key) Space(f bgp.Family) uint64 {
	if f == bgp.IPv4 {
		return 1 << (32 - k.Bits())
	}
	return 1 << (64 - k.Bits())
}

// Contains reports whether o lies within k, k itself included.
func (k Key) Contains(f bgp.Family, o Key) bool {
	if k.Bits() > o.Bits() {
		return false
	}
	s := width(f) - k.Bits()
	return k.Address()>>s == o.Address()>>s
}

// Width returns the number of address bits in a Key of the family.
func Width(f bgp.Family) int { return width(f) }
