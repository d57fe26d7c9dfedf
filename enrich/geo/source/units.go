package source

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Span returns the first and last unit of p and ignores host bits. An IPv6 prefix longer than /64
// counts as the /64 around it.
func Span(p netip.Prefix) (family bgp.Family, first, last uint64) {
	p = p.Masked()
	at := pointOf(p.Addr())
	if at.family == bgp.IPv4 {
		return at.family, at.value, at.value | (1<<(32-p.Bits()) - 1)
	}
	return at.family, at.value, at.value | (1<<max(64-p.Bits(), 0) - 1)
}

// EachPrefix calls visit with the fewest prefixes that cover the units from first to last, in
// order. Units are IPv4 addresses or IPv6 /64s.
func EachPrefix(family bgp.Family, first, last uint64, visit func(netip.Prefix)) {
	width := 64
	if family == bgp.IPv4 {
		width = 32
	}
	for {
		host := min(bits.TrailingZeros64(first), width)
		for host > 0 && (host == 64 || first+(1<<host-1) > last) {
			host--
		}
		visit(prefixAt(family, first, width-host))
		next := first + 1<<host
		if next > last || next == 0 {
			return
		}
		first = next
	}
}

func prefixAt(family bgp.Family, first uint64, length int) netip.Prefix {
	if family == bgp.IPv4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(first))
		return netip.PrefixFrom(netip.AddrFrom4(b), length)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], first)
	return netip.PrefixFrom(netip.AddrFrom16(b), length)
}
