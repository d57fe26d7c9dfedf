// Package bmptest stands in for a router: it writes the BMP messages that one sends, well-formed ones.
//
// Everything is in documentation space, but for the prefixes of Route, of which there are many.
package bmptest

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// Flags of the per-peer header.
const (
	FlagIPv6     = 0x80
	FlagPost     = 0x40
	FlagTwoOctet = 0x20
	FlagOut      = 0x10
)

// Peer is a per-peer header.
type Peer struct {
	Type          wire.BMPPeerType
	Flags         byte // V is set where Address is of IPv6
	Distinguisher uint64
	Address       netip.Addr
	ASN           bgp.ASN
	BGPID         [4]byte
	Timestamp     int64 // microseconds since 1970
}

// Neighbour is the nth peer of a router, 192.0.2.n, AS64496+n%16.
func Neighbour(n byte) Peer {
	return Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, n}), ASN: 64496 + bgp.ASN(n%16), BGPID: [4]byte{192, 0, 2, n}}
}

// Append appends the header's 42 octets.
func (p *Peer) Append(b []byte) []byte {
	flags := p.Flags
	var address [16]byte
	if p.Address.Is6() {
		flags |= FlagIPv6
		address = p.Address.As16()
	} else {
		four := p.Address.As4()
		copy(address[12:], four[:])
	}
	b = binary.BigEndian.AppendUint64(append(b, byte(p.Type), flags), p.Distinguisher)
	b = binary.BigEndian.AppendUint32(append(b, address[:]...), uint32(p.ASN))
	b = binary.BigEndian.AppendUint32(append(b, p.BGPID[:]...), uint32(p.Timestamp/1e6))
	return binary.BigEndian.AppendUint32(b, uint32(p.Timestamp%1e6))
}

// Message frames a BMP message.
func Message(typ wire.BMPType, body []byte) []byte {
	return append(header(typ, len(body)), body...)
}

func header(typ wire.BMPType, body int) []byte {
	b := make([]byte, 0, wire.BMPHeaderLength+body)
	b = binary.BigEndian.AppendUint32(append(b, 3), uint32(wire.BMPHeaderLength+body))
	return append(b, byte(typ))
}

// OfPeer frames a BMP message with a per-peer header.
func OfPeer(typ wire.BMPType, p Peer, body []byte) []byte {
	b := header(typ, 42+len(body))
	return append(p.Append(b), body...)
}

// TLV is one.
func TLV(typ uint16, value string) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, typ), uint16(len(value)))
	return append(b, value...)
}

// Initiation names the router.
func Initiation(name string) []byte {
	return Message(wire.BMPInitiation, append(TLV(wire.BMPInfoSysName, name), TLV(wire.BMPInfoSysDescr, "a router of bmptest")...))
}

// Termination ends a session, administratively closed.
func Termination() []byte { return Message(wire.BMPTermination, TLV(1, "\x00\x00")) }

// PeerUp says that a peer came up, with 4-octet AS numbers and both families.
func PeerUp(p Peer) []byte {
	body := make([]byte, 20)
	open := Open(p.ASN)
	return OfPeer(wire.BMPPeerUp, p, append(append(body, open...), open...))
}

// PeerDown says that it went down; data goes with the reason.
func PeerDown(p Peer, reason byte, data ...byte) []byte {
	return OfPeer(wire.BMPPeerDown, p, append([]byte{reason}, data...))
}

// Monitoring carries an UPDATE.
func Monitoring(p Peer, update []byte) []byte { return OfPeer(wire.BMPRouteMonitoring, p, update) }

// Statistics carries no counters.
func Statistics(p Peer) []byte { return OfPeer(wire.BMPStatistics, p, make([]byte, 4)) }

// BGP frames a BGP message.
func BGP(typ wire.MessageType, body []byte) []byte {
	b := append(make([]byte, 0, wire.HeaderLength+len(body)), bytes.Repeat([]byte{0xff}, 16)...)
	b = binary.BigEndian.AppendUint16(b, uint16(wire.HeaderLength+len(body)))
	return append(append(b, byte(typ)), body...)
}

// Open is an OPEN message.
func Open(asn bgp.ASN) []byte {
	caps := []byte{1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 65, 4}
	caps = binary.BigEndian.AppendUint32(caps, uint32(asn))
	body := binary.BigEndian.AppendUint16([]byte{4}, uint16(min(asn, 23456)))
	body = append(body, 0, 180, 192, 0, 2, 1, byte(2+len(caps)), 2, byte(len(caps)))
	return BGP(wire.MessageOpen, append(body, caps...))
}

// Announce is an UPDATE for one prefix of either family.
func Announce(prefix netip.Prefix, path ...bgp.ASN) []byte {
	attributes := []byte{0x40, 1, 1, 0, 0x40, 2, byte(2 + 4*len(path)), 2, byte(len(path))}
	for _, asn := range path {
		attributes = binary.BigEndian.AppendUint32(attributes, uint32(asn))
	}
	if prefix.Addr().Is4() {
		attributes = append(attributes, 0x40, 3, 4, 192, 0, 2, 254)
		return update(nil, attributes, nlri(prefix))
	}
	reach := append([]byte{0, 2, 1, 16, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, nlri(prefix)...)
	return update(nil, append(append(attributes, 0x80, 14, byte(len(reach))), reach...), nil)
}

// Withdraw is an UPDATE that withdraws one prefix of either family.
func Withdraw(prefix netip.Prefix) []byte {
	if prefix.Addr().Is4() {
		return update(nlri(prefix), nil, nil)
	}
	unreach := append([]byte{0, 2, 1}, nlri(prefix)...)
	return update(nil, append([]byte{0x80, 15, byte(len(unreach))}, unreach...), nil)
}

// EndOfRIB ends an initial table of IPv4 (RFC 4724).
func EndOfRIB() []byte { return update(nil, nil, nil) }

func nlri(p netip.Prefix) []byte {
	return append([]byte{byte(p.Bits())}, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
}

func update(withdrawn, attributes, routes []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(withdrawn)))
	b = binary.BigEndian.AppendUint16(append(b, withdrawn...), uint16(len(attributes)))
	return BGP(wire.MessageUpdate, append(append(b, attributes...), routes...))
}

// Route is the nth of many IPv4 prefixes of 24 bits, from 10.0.0.0 on.
func Route(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + n>>16), byte(n >> 8), byte(n)}), 24)
}
