package routeviewstest

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// Header is the binary header of OpenBMP, version 1.7.
type Header struct {
	Collector, Group string
	Router           netip.Addr
	Timestamp        int64 // microseconds since 1970
}

// Wrap returns a record: the header and the messages after it.
func (h Header) Wrap(messages ...[]byte) []byte {
	body := bytes.Join(messages, nil)
	b := binary.BigEndian.AppendUint32(nil, 0x4f424d50)
	b = append(b, 1, 7)
	b = binary.BigEndian.AppendUint16(b, uint16(78+len(h.Collector)+len(h.Group)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	flags := byte(0x80)
	router := make([]byte, 16)
	if h.Router.Is6() {
		flags |= 0x40
	}
	if h.Router.IsValid() {
		copy(router, h.Router.AsSlice())
	}
	b = append(b, flags, 12)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Timestamp/1e6))
	b = binary.BigEndian.AppendUint32(b, uint32(h.Timestamp%1e6))
	b = append(b, make([]byte, 16)...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(h.Collector))), h.Collector...)
	b = append(b, make([]byte, 16)...)
	b = append(b, router...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(h.Group))), h.Group...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(messages)))
	return append(b, body...)
}

// Peer is a BMP peer of the table before policy.
type Peer struct {
	Address  netip.Addr
	ASN      uint32
	BGPID    netip.Addr // invalid: 0.0.0.0
	TwoOctet bool       // its AS_PATHs are in the 2-octet form
	AddPath  bool       // it sends path identifiers, IPv4 unicast
}

func bmp(typ wire.BMPType, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{3}, uint32(6+len(body)))
	return append(append(b, byte(typ)), body...)
}

// perPeer returns the per-peer header; timestamp is in microseconds.
func (p Peer) perPeer(timestamp int64) []byte {
	b := make([]byte, 42)
	if p.Address.Is6() {
		b[1] |= 0x80
		copy(b[10:], p.Address.AsSlice())
	} else {
		copy(b[22:], p.Address.AsSlice())
	}
	if p.TwoOctet {
		b[1] |= 0x20
	}
	binary.BigEndian.PutUint32(b[26:], p.ASN)
	if p.BGPID.IsValid() {
		copy(b[30:], p.BGPID.AsSlice())
	}
	binary.BigEndian.PutUint32(b[34:], uint32(timestamp/1e6))
	binary.BigEndian.PutUint32(b[38:], uint32(timestamp%1e6))
	return b
}

// Monitor returns a Route Monitoring of a whole UPDATE.
func (p Peer) Monitor(timestamp int64, update []byte) []byte {
	return bmp(wire.BMPRouteMonitoring, append(p.perPeer(timestamp), update...))
}

// Up returns a Peer Up.
func (p Peer) Up(timestamp int64) []byte {
	b := append(p.perPeer(timestamp), make([]byte, 20)...)
	mode := byte(0)
	if p.AddPath {
		mode = 3
	}
	for range 2 {
		b = append(b, open(p.ASN, mode)...)
	}
	return bmp(wire.BMPPeerUp, b)
}

// open returns an OPEN with 4-octet AS numbers and, if mode is not 0, ADD-PATH for IPv4 unicast.
func open(asn uint32, mode byte) []byte {
	capabilities := binary.BigEndian.AppendUint32([]byte{65, 4}, asn)
	if mode != 0 {
		capabilities = append(capabilities, 69, 4, 0, 1, 1, mode)
	}
	body := []byte{4, 0x5b, 0xa0, 0, 180, 192, 0, 2, 1, byte(2 + len(capabilities)), 2, byte(len(capabilities))}
	return wire.AppendMessage(nil, wire.MessageOpen, append(body, capabilities...))
}

// Down returns a Peer Down: the remote system closed without notification.
func (p Peer) Down(timestamp int64) []byte {
	return bmp(wire.BMPPeerDown, append(p.perPeer(timestamp), 4))
}

// Termination returns the end of a router's BMP session, closed by its administrator.
func Termination() []byte { return bmp(wire.BMPTermination, []byte{0, 1, 0, 2, 0, 0}) }
