// Package bmptest stands in for a router: it builds the well-formed BMP messages that a router
// sends.
//
// All values are from documentation space, except for the prefixes of Route, of which there are
// many.
package bmptest

import (
	"encoding/binary"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// The flags of the per-peer header.
const (
	FlagIPv6     = 0x80
	FlagPost     = 0x40
	FlagTwoOctet = 0x20
	FlagOut      = 0x10
)

// Peer is a per-peer header.
type Peer struct {
	Type          wire.BMPPeerType
	Flags         byte // Append adds V if Address is IPv6
	Distinguisher uint64
	Address       netip.Addr
	ASN           bgp.ASN
	BGPID         [4]byte
	Timestamp     int64 // microseconds since 1970
}

// Neighbour is the nth peer of a router, 192.0.2.n, AS64496+n%16.
func Neighbour(n byte) Peer {
	return Peer{
		Address: netip.AddrFrom4([4]byte{192, 0, 2, n}), ASN: 64496 + bgp.ASN(n%16),
		BGPID: [4]byte{192, 0, 2, n},
	}
}

// Append appends the header's 42 octets to b.
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

// TLV builds a TLV.
func TLV(typ uint16, value string) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, typ), uint16(len(value)))
	return append(b, value...)
}

// Initiation builds an Initiation with the router's name.
func Initiation(name string) []byte {
	return Message(wire.BMPInitiation,
		append(TLV(wire.BMPInfoSysName, name), TLV(wire.BMPInfoSysDescr, "a router of bmptest")...))
}

// Termination builds a Termination with the reason administratively closed.
func Termination() []byte { return Message(wire.BMPTermination, TLV(1, "\x00\x00")) }

// PeerUp builds a Peer Up, with 4-octet AS numbers and both families.
func PeerUp(p Peer) []byte {
	body := make([]byte, 20)
	open := Open(p.ASN)
	return OfPeer(wire.BMPPeerUp, p, append(append(body, open...), open...))
}

// PeerDown builds a Peer Down. data follows the reason.
func PeerDown(p Peer, reason byte, data ...byte) []byte {
	return OfPeer(wire.BMPPeerDown, p, append([]byte{reason}, data...))
}

// Monitoring builds a Route Monitoring message with an UPDATE.
func Monitoring(p Peer, update []byte) []byte { return OfPeer(wire.BMPRouteMonitoring, p, update) }

// Statistics builds a Statistics Report without counters.
func Statistics(p Peer) []byte { return OfPeer(wire.BMPStatistics, p, make([]byte, 4)) }

// Open builds an OPEN message.
func Open(asn bgp.ASN) []byte {
	caps := []byte{1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 65, 4}
	caps = binary.BigEndian.AppendUint32(caps, uint32(asn))
	body := binary.BigEndian.AppendUint16([]byte{4}, uint16(min(asn, 23456)))
	body = append(body, 0, 180, 192, 0, 2, 1, byte(2+len(caps)), 2, byte(len(caps)))
	return wire.AppendMessage(nil, wire.MessageOpen, append(body, caps...))
}

// Announce builds an UPDATE that announces one prefix of either family.
func Announce(prefix netip.Prefix, path ...bgp.ASN) []byte {
	return update(wire.PlainUpdate{Announced: []netip.Prefix{prefix}, Attributes: wire.PlainAttributes{
		Path: path, NextHop: netip.AddrFrom4([4]byte{192, 0, 2, 254}), NextHop6: netip.MustParseAddr("2001:db8::1"),
	}})
}

// Withdraw builds an UPDATE that withdraws one prefix of either family.
func Withdraw(prefix netip.Prefix) []byte {
	return update(wire.PlainUpdate{Withdrawn: []netip.Prefix{prefix}})
}

// EndOfRIB builds the end of an initial IPv4 table (RFC 4724).
func EndOfRIB() []byte { return wire.AppendEndOfRIB(nil, bgp.IPv4) }

func update(u wire.PlainUpdate) []byte {
	b, err := wire.AppendUpdate(nil, u)
	if err != nil {
		panic(err) // a path of more than 255 AS numbers
	}
	return b
}

// Route is the nth of many IPv4 prefixes of 24 bits, from 10.0.0.0 on.
func Route(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + n>>16), byte(n >> 8), byte(n)}), 24)
}
