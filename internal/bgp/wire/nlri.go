package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// safiMulticast is IPv4 and IPv6 multicast (RFC 4760 §6).
const safiMulticast bgp.SAFI = 2

// appendFamily parses the prefixes of an MP attribute of IPv4 or IPv6 and appends them.
func appendFamily(dst []NLRI, b []byte, f AFISAFI, o Options) ([]NLRI, error) {
	first := len(dst)
	var err error
	if f.AFI == bgp.AFIIPv4 {
		dst, err = appendIPv4(dst, b, o.AddPathIPv4, true)
	} else {
		dst, err = appendIPv6(dst, b, o.AddPathIPv6)
	}
	if f.SAFI == safiMulticast {
		for i := range dst[first:] {
			dst[first+i].Multicast = true
		}
	}
	return dst, err
}

// appendIPv4 parses consecutive IPv4 prefixes and appends them with masked host bits. marked means
// that the source declares path identifiers. pathids.go describes when the octets override this
// mark.
func appendIPv4(dst []NLRI, b []byte, marked, mp bool) ([]NLRI, error) {
	if len(b) == 0 {
		return dst, nil
	}
	if marked {
		return parseIPv4(dst, b, !plainRun(b, 32, leastIPv4), mp, nil)
	}
	var odd oddity
	out, err := parseIPv4(dst, b, false, mp, &odd)
	if err == nil && odd.short == 0 {
		return out, nil
	}
	if identifiedRun(b, 32, leastIPv4) {
		return parseIPv4(out[:len(dst)], b, true, mp, nil)
	}
	return out, odd.check(b, err)
}

// parseIPv4 parses consecutive IPv4 prefixes (RFC 4271 §4.3), with path identifiers (RFC 7911 §3)
// if ids is set. odd may be nil.
func parseIPv4(dst []NLRI, b []byte, ids, mp bool, odd *oddity) ([]NLRI, error) {
	for i := 0; i < len(b); {
		var id uint32
		if ids {
			if len(b)-i < 5 {
				return dst, nlriError(b, i, "path identifier is cut")
			}
			id = binary.BigEndian.Uint32(b[i:])
			i += 4
		}
		bits := int(b[i])
		octets := (bits + 7) / 8
		if bits > 32 {
			return dst, nlriError(b, i, "IPv4 prefix is longer than 32 bits")
		}
		if len(b)-i-1 < octets {
			return dst, nlriError(b, i, "prefix is cut")
		}
		if bits < leastIPv4 && odd != nil {
			odd.note(bits)
		}
		var a uint32
		switch p := b[i+1:]; octets {
		case 1:
			a = uint32(p[0]) << 24
		case 2:
			a = uint32(p[0])<<24 | uint32(p[1])<<16
		case 3:
			a = uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8
		case 4:
			a = binary.BigEndian.Uint32(p)
		}
		a &= ^uint32(0) << (32 - bits)
		addr := netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
		dst = append(dst, NLRI{Prefix: netip.PrefixFrom(addr, bits), PathID: id, MP: mp})
		i += 1 + octets
	}
	return dst, nil
}

// appendIPv6 does for IPv6 the work of appendIPv4.
func appendIPv6(dst []NLRI, b []byte, marked bool) ([]NLRI, error) {
	if marked {
		return parseIPv6(dst, b, !plainRun(b, 128, leastIPv6), nil)
	}
	var odd oddity
	out, err := parseIPv6(dst, b, false, &odd)
	if err == nil && odd.short == 0 {
		return out, nil
	}
	if identifiedRun(b, 128, leastIPv6) {
		return parseIPv6(out[:len(dst)], b, true, nil)
	}
	return out, odd.check(b, err)
}

// parseIPv6 does for IPv6 (RFC 4760 §5) the work of parseIPv4.
func parseIPv6(dst []NLRI, b []byte, ids bool, odd *oddity) ([]NLRI, error) {
	for i := 0; i < len(b); {
		var id uint32
		if ids {
			if len(b)-i < 5 {
				return dst, nlriError(b, i, "path identifier is cut")
			}
			id = binary.BigEndian.Uint32(b[i:])
			i += 4
		}
		bits := int(b[i])
		octets := (bits + 7) / 8
		if bits > 128 {
			return dst, nlriError(b, i, "IPv6 prefix is longer than 128 bits")
		}
		if len(b)-i-1 < octets {
			return dst, nlriError(b, i, "prefix is cut")
		}
		if bits < leastIPv6 && odd != nil {
			odd.note(bits)
		}
		var a [16]byte
		copy(a[:], b[i+1:i+1+octets])
		if rest := bits % 8; rest != 0 {
			a[octets-1] &= 0xff << (8 - rest)
		}
		dst = append(dst, NLRI{Prefix: netip.PrefixFrom(netip.AddrFrom16(a), bits), PathID: id, MP: true})
		i += 1 + octets
	}
	return dst, nil
}

// nlriError returns ErrBadNLRI with the octet of the field and the reason.
func nlriError(b []byte, at int, reason string) error {
	return fmt.Errorf("octet %d of %d: %s: %w", at, len(b), reason, ErrBadNLRI)
}
