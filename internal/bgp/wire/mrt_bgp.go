package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxMRTBGP is the length of the longest record of MRT type BGP, in octets without its header. Such
// a record holds both ends of the session and a BGP message of up to 4,096 octets without its
// header.
const MaxMRTBGP = oldEnds + 4096 - HeaderLength

// oldEnds is the length of both ends of a session: each has a 2-octet AS number and an IPv4
// address.
const oldEnds = 2 * (2 + 4)

// oldMessage parses a message record of type BGP (RFC 6396 appendix B.2.1.1): the peer, the
// collector, and the message without its header.
func (r *MRTRecord) oldMessage() (MRTMessage, error) {
	m := MRTMessage{ASOctets: 2}
	if len(r.Body) < oldEnds || len(r.Body) > MaxMRTBGP {
		return m, r.short("a message")
	}
	m.PeerASN, m.PeerAddress = readASN(r.Body, 2), netip.AddrFrom4([4]byte(r.Body[2:]))
	m.LocalASN, m.LocalAddress = readASN(r.Body[6:], 2), netip.AddrFrom4([4]byte(r.Body[8:]))
	kind := MessageUpdate
	switch r.Subtype {
	case subtypeBGPOpen:
		kind = MessageOpen
	case subtypeBGPNotify:
		kind = MessageNotification
	case subtypeBGPKeepalive:
		kind = MessageKeepalive
	}
	body := r.Body[oldEnds:]
	m.Message = make([]byte, 0, HeaderLength+len(body))
	m.Message = append(m.Message, bytes.Repeat([]byte{0xff}, 16)...)
	m.Message = binary.BigEndian.AppendUint16(m.Message, uint16(HeaderLength+len(body)))
	m.Message = append(append(m.Message, byte(kind)), body...)
	return m, nil
}

// oldStateChange parses a state change of type BGP (RFC 6396 appendix B.2.1.3).
func (r *MRTRecord) oldStateChange() (MRTStateChange, error) {
	b := r.Body
	if len(b) < 2+4+2+2 {
		return MRTStateChange{}, r.short("a state change")
	}
	return MRTStateChange{
		PeerASN: readASN(b, 2), PeerAddress: netip.AddrFrom4([4]byte(b[2:])),
		Old: bgp.FSMState(binary.BigEndian.Uint16(b[6:])), New: bgp.FSMState(binary.BigEndian.Uint16(b[8:])),
	}, nil
}
