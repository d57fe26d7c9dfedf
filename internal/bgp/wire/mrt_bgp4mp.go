package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MRTMessage is a BGP message that a collector received or sent (RFC 6396 §4.4.2 and §4.4.3, RFC
// 8050 §3).
type MRTMessage struct {
	PeerASN, LocalASN         bgp.ASN
	PeerAddress, LocalAddress netip.Addr
	ASOctets                  uint8 // width of AS numbers in AS_PATH: 2 or 4
	AddPath                   bool  // NLRI carry path identifiers (RFC 8050)
	Local                     bool  // sent by the collector
	Message                   []byte
}

// Message parses a message record of BGP4MP, BGP4MP_ET or BGP. MRTMessage.Message is a part of the
// record's body. Type BGP omits the header of the message, so for it the field is a copy with a
// header. The error is ErrTruncated or ErrUnsupported (address family).
func (r *MRTRecord) Message() (MRTMessage, error) {
	if r.Type == MRTBGP {
		return r.oldMessage()
	}
	m := MRTMessage{ASOctets: 2, AddPath: r.Subtype >= subtypeMessageAddPath, Local: r.local()}
	switch r.Subtype {
	case subtypeMessageAS4, subtypeMessageAS4Local, subtypeMessageAS4AddPath, subtypeMessageAS4LocalAddPath:
		m.ASOctets = 4
	}
	b := r.Body
	width := int(m.ASOctets)
	if len(b) < 2*width+4 {
		return m, r.short("a message")
	}
	m.PeerASN, m.LocalASN = readASN(b, width), readASN(b[width:], width)
	b = b[2*width:]
	if binary.BigEndian.Uint32(b) == 1<<32-1 {
		// Zebra wrote OPENs without interface, family and addresses: these octets are the marker.
		m.PeerAddress, m.LocalAddress, m.Message = netip.IPv4Unspecified(), netip.IPv4Unspecified(), b
		return m, nil
	}
	var err error
	m.PeerAddress, m.LocalAddress, m.Message, err = r.addresses(b)
	return m, err
}

// MRTStateChange is a state change of a collector's session (RFC 6396 §4.4.1).
type MRTStateChange struct {
	PeerASN, LocalASN         bgp.ASN
	PeerAddress, LocalAddress netip.Addr
	Old, New                  bgp.FSMState
}

// StateChange parses a state change of BGP4MP, BGP4MP_ET or BGP. A record of type BGP has no local
// side. The error is ErrTruncated or ErrUnsupported (address family).
func (r *MRTRecord) StateChange() (MRTStateChange, error) {
	var s MRTStateChange
	if r.Type == MRTBGP {
		return r.oldStateChange()
	}
	width := 2
	if r.Subtype == subtypeStateChangeAS4 {
		width = 4
	}
	b := r.Body
	if len(b) < 2*width+4 {
		return s, r.short("a state change")
	}
	s.PeerASN, s.LocalASN = readASN(b, width), readASN(b[width:], width)
	b = b[2*width:]
	if len(r.Body) == 8 && width == 2 {
		// Zebra wrote some records without interface, family and addresses.
		s.PeerAddress, s.LocalAddress = netip.IPv4Unspecified(), netip.IPv4Unspecified()
	} else {
		var err error
		if s.PeerAddress, s.LocalAddress, b, err = r.addresses(b); err != nil {
			return s, err
		}
	}
	if len(b) < 4 {
		return s, r.short("a state change")
	}
	s.Old, s.New = bgp.FSMState(binary.BigEndian.Uint16(b)), bgp.FSMState(binary.BigEndian.Uint16(b[2:]))
	return s, nil
}

// addresses parses interface, family and the two addresses, and returns the octets behind them.
func (r *MRTRecord) addresses(b []byte) (peer, local netip.Addr, rest []byte, err error) {
	if len(b) < 4 {
		return peer, local, nil, r.short("addresses")
	}
	family := binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	switch {
	case family == uint16(bgp.AFIIPv4) && len(b) >= 8:
		return netip.AddrFrom4([4]byte(b)), netip.AddrFrom4([4]byte(b[4:])), b[8:], nil
	case family == uint16(bgp.AFIIPv6) && len(b) >= 32:
		return netip.AddrFrom16([16]byte(b)), netip.AddrFrom16([16]byte(b[16:])), b[32:], nil
	case family != uint16(bgp.AFIIPv4) && family != uint16(bgp.AFIIPv6):
		return peer, local, nil, fmt.Errorf("parsing MRT addresses of family %d: %w", family, ErrUnsupported)
	}
	return peer, local, nil, r.short("addresses")
}

func (r *MRTRecord) short(what string) error {
	return fmt.Errorf("parsing %s in an MRT record of %d octets: %w", what, len(r.Body), ErrTruncated)
}

func readASN(b []byte, width int) bgp.ASN {
	if width == 4 {
		return bgp.ASN(binary.BigEndian.Uint32(b))
	}
	return bgp.ASN(binary.BigEndian.Uint16(b))
}
