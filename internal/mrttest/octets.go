package mrttest

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// Record returns the octets of a record of any type (RFC 6396 §2). A time t outside 32 bits wraps.
func Record(t time.Time, kind, subtype uint16, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(t.Unix()))
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, subtype)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// BGP4MP returns the body of a BGP4MP message (RFC 6396 §4.4.2, §4.4.3), with AS numbers of four
// octets or two.
func BGP4MP(p Peer, four bool, message []byte) []byte {
	var b []byte
	if four {
		b = binary.BigEndian.AppendUint32(b, uint32(p.PeerASN))
		b = binary.BigEndian.AppendUint32(b, uint32(p.LocalASN))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(p.PeerASN))
		b = binary.BigEndian.AppendUint16(b, uint16(p.LocalASN))
	}
	afi := byte(1)
	if p.PeerAddress.Is6() {
		afi = 2
	}
	b = append(b, 0, 0, 0, afi)
	b = append(b, p.PeerAddress.AsSlice()...)
	b = append(b, p.LocalAddress.AsSlice()...)
	return append(b, message...)
}

// Attribute returns a path attribute (RFC 4271 §4.3), of extended length if necessary.
func Attribute(flags, kind byte, value []byte) []byte {
	if len(value) > 255 {
		b := []byte{flags | 0x10, kind}
		return append(binary.BigEndian.AppendUint16(b, uint16(len(value))), value...)
	}
	return append([]byte{flags, kind, byte(len(value))}, value...)
}

// Update returns an UPDATE of these parts, which may be malformed.
func Update(withdrawn, attributes, announced []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(withdrawn)))
	b = append(b, withdrawn...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(attributes)))
	b = append(append(b, attributes...), announced...)
	return wire.AppendMessage(nil, wire.MessageUpdate, b)
}

// NLRI returns prefixes in the encoding of an UPDATE (RFC 4271 §4.3).
func NLRI(prefixes ...netip.Prefix) []byte {
	var b []byte
	for _, p := range prefixes {
		b = wire.AppendPrefix(b, p)
	}
	return b
}
