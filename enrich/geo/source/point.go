package source

import (
	"encoding/binary"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// point is an address in units of space: an IPv4 address, or the upper half of an IPv6 address.
type point struct {
	family bgp.Family
	value  uint64
}

func pointOf(a netip.Addr) point {
	if a.Is4() {
		b := a.As4()
		return point{bgp.IPv4, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return point{bgp.IPv6, binary.BigEndian.Uint64(b[:8])}
}

// parsePoint reads an address in its own notation or as a decimal integer. An integer of up to 32
// bits is IPv4, a larger one IPv6. An IPv4-mapped IPv6 address becomes the IPv4 address.
func parsePoint(b []byte) (point, bool) {
	if len(b) == 0 || len(b) > 45 {
		return point{}, false
	}
	s := string(b)
	if strings.ContainsAny(s, ".:") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return point{}, false
		}
		return pointOf(a.Unmap()), true
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if n <= 1<<32-1 {
			return point{bgp.IPv4, n}, true
		}
		return point{bgp.IPv6, 0}, true
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return point{}, false
	}
	return point{bgp.IPv6, n.Rsh(n, 64).Uint64()}, true
}

// parsePrefix reads a prefix such as 192.0.2.0/24 and returns its first and last unit.
func parsePrefix(b []byte) (family bgp.Family, first, last uint64, ok bool) {
	if len(b) > 64 {
		return 0, 0, 0, false
	}
	p, err := netip.ParsePrefix(string(b))
	if err != nil {
		return 0, 0, 0, false
	}
	family, first, last = Span(p)
	return family, first, last, true
}

// countryCode returns a code that bgp.CountryName knows, else "". It turns UK into GB.
func countryCode(b []byte) string {
	if len(b) != 2 {
		return ""
	}
	code := strings.ToUpper(string(b))
	if code == "UK" {
		code = "GB"
	}
	if bgp.CountryName(code) == "" {
		return ""
	}
	return code
}

// regionCode returns the ISO 3166-2 code of a subdivision written as 01 or KP-01. For a name it
// returns "".
func regionCode(country string, b []byte) string {
	s := strings.ToUpper(string(b))
	if country != "" {
		s = strings.TrimPrefix(s, country+"-")
	}
	if country == "" || len(s) < 1 || len(s) > 3 || string(b) != strings.ToUpper(string(b)) {
		return ""
	}
	for i := range len(s) {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '0' || s[i] > '9') {
			return ""
		}
	}
	return country + "-" + s
}
