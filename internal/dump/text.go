package dump

import (
	"net/netip"
	"strconv"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// decodeMessage decodes an item of kind Message. The update is nil for a sound message of another
// type.
func decodeMessage(d *wire.Decoder, it *capture.Item, multicast bool) (*wire.Update, error) {
	kind, body, err := wire.SplitMessage(it.Message)
	if err != nil || kind != wire.MessageUpdate {
		return nil, err
	}
	o := wire.Options{
		ASOctets: it.ASOctets, AddPathIPv4: it.AddPathIPv4, AddPathIPv6: it.AddPathIPv6, Multicast: multicast,
		NextHopOptional: it.Peer.Table != bgp.TablePre,
	}
	return d.DecodeUpdate(body, o)
}

// appendPrefix writes address/bits in bgpdump's form.
func appendPrefix(dst []byte, p netip.Prefix) []byte {
	dst = appendAddr(dst, p.Addr())
	return strconv.AppendUint(append(dst, '/'), uint64(p.Bits()), 10)
}

// appendAddr writes an address in bgpdump's form. IPv6 differs from RFC 5952: a single zero group
// is shortened too, and IPv4-compatible addresses (RFC 4291 §2.5.5.1) end in dotted decimal.
func appendAddr(dst []byte, a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		dst = appendOctet(dst, b[0])
		dst = appendOctet(append(dst, '.'), b[1])
		dst = appendOctet(append(dst, '.'), b[2])
		return appendOctet(append(dst, '.'), b[3])
	}
	if a.Is4In6() {
		return a.AppendTo(dst)
	}
	b := a.As16()
	if [12]byte(b[:12]) == [12]byte{} && (b[12]|b[13]|b[14] != 0 || b[15] > 1) {
		return netip.AddrFrom4([4]byte(b[12:])).AppendTo(append(dst, "::"...))
	}
	return appendGroups(dst, &b)
}

// appendGroups writes the eight groups, with the first of the longest runs of zeros as two colons.
func appendGroups(dst []byte, b *[16]byte) []byte {
	from, to := longestZeros(b)
	for i := 0; i < 8; i++ {
		if i == from {
			dst = append(dst, "::"...)
			if i = to; i == 8 {
				break
			}
		} else if i > 0 {
			dst = append(dst, ':')
		}
		dst = strconv.AppendUint(dst, uint64(b[2*i])<<8|uint64(b[2*i+1]), 16)
	}
	return dst
}

// longestZeros returns the start and the end of the first of the longest runs of zero groups; 8, 8
// if there is none.
func longestZeros(b *[16]byte) (from, to int) {
	from, to = 8, 8
	longest := 0
	for i := 0; i < 8; i++ {
		start := i
		for i < 8 && b[2*i]|b[2*i+1] == 0 {
			i++
		}
		if i-start > longest {
			longest, from, to = i-start, start, i
		}
	}
	return from, to
}

func appendOctet(dst []byte, b byte) []byte {
	switch {
	case b >= 100:
		dst = append(dst, '0'+b/100, '0'+b/10%10)
	case b >= 10:
		dst = append(dst, '0'+b/10)
	}
	return append(dst, '0'+b%10)
}

// appendMicros writes microseconds as six digits.
func appendMicros(dst []byte, micros int64) []byte {
	for unit := int64(100000); unit > 0; unit /= 10 {
		dst = append(dst, '0'+byte(micros/unit%10))
	}
	return dst
}

// decodeEntry decodes a route of a table dump. hop is the next hop of MP_REACH_NLRI, else of
// NEXT_HOP.
func decodeEntry(d *wire.Decoder, e *capture.RIBEntry) (u *wire.Update, hop netip.Addr, err error) {
	u, err = d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: e.ASOctets})
	if err != nil {
		return nil, hop, err
	}
	if hop = u.Attributes.MPNextHop; !hop.IsValid() {
		hop = u.Attributes.NextHop
	}
	return u, hop, nil
}

// appendPair writes a community (RFC 1997) by its numbers.
func appendPair(dst []byte, c uint32) []byte {
	dst = strconv.AppendUint(dst, uint64(c>>16), 10)
	return strconv.AppendUint(append(dst, ':'), uint64(c&0xffff), 10)
}

// appendLarge writes a large community (RFC 8092).
func appendLarge(dst []byte, c [3]uint32) []byte {
	dst = strconv.AppendUint(dst, uint64(c[0]), 10)
	dst = strconv.AppendUint(append(dst, ':'), uint64(c[1]), 10)
	return strconv.AppendUint(append(dst, ':'), uint64(c[2]), 10)
}
