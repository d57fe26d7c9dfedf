package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// BMPHeaderLength is the length of the common header (RFC 7854 §4.1), and the minimum length of
	// a message.
	BMPHeaderLength = 6
	// MaxBMPMessage caps the length of a message in octets. Readers check it before they allocate
	// anything.
	MaxBMPMessage = 1 << 20

	bmpVersion       = 3
	bmpPerPeerLength = 42
)

// ErrBMPVersion means a BMP version other than 3. Drafts of version 4 are rejected.
var ErrBMPVersion = fmt.Errorf("BMP version is not %d: %w", bmpVersion, ErrUnsupported)

// BMPType is the type of a BMP message (RFC 7854 §4.1).
type BMPType uint8

// The message types.
const (
	BMPRouteMonitoring BMPType = 0
	BMPStatistics      BMPType = 1
	BMPPeerDown        BMPType = 2
	BMPPeerUp          BMPType = 3
	BMPInitiation      BMPType = 4
	BMPTermination     BMPType = 5
	BMPRouteMirroring  BMPType = 6
)

// String returns the name in the RFC, in lower case.
func (t BMPType) String() string {
	names := [...]string{
		"route monitoring", "statistics", "peer down", "peer up", "initiation", "termination", "route mirroring",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("BMP type %d", uint8(t))
}

// PerPeer reports whether messages of the type carry the per-peer header (RFC 7854 §4.2).
func (t BMPType) PerPeer() bool { return t <= BMPPeerUp || t == BMPRouteMirroring }

// ParseBMPHeader parses the common header at the start of b. It returns the type and the length of
// the whole message. The error is ErrTruncated, ErrBMPVersion or ErrBadLength (less than 6 or more
// than MaxBMPMessage). It does not reject a message that is too short for its type; decoding that
// message fails.
func ParseBMPHeader(b []byte) (length int, typ BMPType, err error) {
	if len(b) < BMPHeaderLength {
		return 0, 0, fmt.Errorf("reading a BMP header: %d of %d octets: %w", len(b), BMPHeaderLength, ErrTruncated)
	}
	if b[0] != bmpVersion {
		return 0, 0, fmt.Errorf("reading a BMP header: version %d: %w", b[0], ErrBMPVersion)
	}
	n, t := binary.BigEndian.Uint32(b[1:]), BMPType(b[5])
	if n < BMPHeaderLength || n > MaxBMPMessage {
		return 0, t, fmt.Errorf("reading a BMP header: %s of %d octets: %w", t, n, ErrBadLength)
	}
	return int(n), t, nil
}

// BMPPeerType is the type of a peer (RFC 7854 §4.2, RFC 9069 §4.1).
type BMPPeerType uint8

// The peer types.
const (
	BMPPeerGlobal BMPPeerType = 0
	BMPPeerRD     BMPPeerType = 1
	BMPPeerLocal  BMPPeerType = 2
	BMPPeerLocRIB BMPPeerType = 3
)

// Flags of the per-peer header.
const (
	bmpFlagV = 0x80
	bmpFlagL = 0x40
	bmpFlagA = 0x20
	bmpFlagO = 0x10
)

// BMPPeer is the per-peer header (RFC 7854 §4.2, RFC 8671 §4, RFC 9069 §4).
type BMPPeer struct {
	Type  BMPPeerType
	Flags uint8
	// Peer is the peer and the table that the message reports. The address of a Loc-RIB peer is
	// 0.0.0.0 and its ASN that of the router.
	Peer  bgp.Peer
	BGPID netip.Addr
	// Timestamp is the router's clock, in microseconds since 1970. 0 is unknown.
	Timestamp int64
}

// IPv6 returns the V flag: the address of the peer is an IPv6 address.
func (p *BMPPeer) IPv6() bool { return p.Type != BMPPeerLocRIB && p.Flags&bmpFlagV != 0 }

// TwoOctet returns the A flag: AS_PATHs have the 2-octet form.
func (p *BMPPeer) TwoOctet() bool { return p.Type != BMPPeerLocRIB && p.Flags&bmpFlagA != 0 }

// parseBMPPeer parses the per-peer header at the start of b.
func parseBMPPeer(b []byte, p *BMPPeer) error {
	if len(b) < bmpPerPeerLength {
		return fmt.Errorf("reading a BMP per-peer header: %d of %d octets: %w",
			len(b), bmpPerPeerLength, ErrTruncated)
	}
	p.Type, p.Flags = BMPPeerType(b[0]), b[1]
	if p.Type > BMPPeerLocRIB {
		return fmt.Errorf("reading a BMP per-peer header: peer type %d: %w", b[0], ErrUnsupported)
	}
	if p.IPv6() {
		p.Peer.Address = netip.AddrFrom16([16]byte(b[10:26]))
	} else {
		p.Peer.Address = netip.AddrFrom4([4]byte(b[22:26]))
	}
	p.Peer.Distinguisher = binary.BigEndian.Uint64(b[2:])
	p.Peer.ASN = bgp.ASN(binary.BigEndian.Uint32(b[26:]))
	p.BGPID = netip.AddrFrom4([4]byte(b[30:34]))
	p.Timestamp = int64(binary.BigEndian.Uint32(b[34:]))*1e6 + int64(binary.BigEndian.Uint32(b[38:]))
	switch {
	case p.Type == BMPPeerLocRIB:
		p.Peer.Table = bgp.TableLoc
	case p.Flags&bmpFlagO != 0:
		p.Peer.Table = bgp.TableOut
	case p.Flags&bmpFlagL != 0:
		p.Peer.Table = bgp.TablePost
	default:
		p.Peer.Table = bgp.TablePre
	}
	return nil
}

// BMPTLV is a type and its value. Initiation, Termination, Statistics, Route Mirroring and Peer Up
// carry TLVs, and Route Monitoring of some routers does.
type BMPTLV struct {
	Type  uint16
	Value []byte
}

// TLV types of Initiation and Peer Up (RFC 7854 §4.4, RFC 9069 §4.3).
const (
	BMPInfoString   = 0
	BMPInfoSysDescr = 1
	BMPInfoSysName  = 2
	BMPInfoTable    = 3
)

// BMPMessage is a decoded BMP message. Its slices share the memory of the decoded octets.
type BMPMessage struct {
	Type BMPType
	// Salvaged means that Decode returned an error but the message still counts. It is a Peer Up or
	// Peer Down with a sound per-peer header, and Up or Down hold the readable part of its body. Or
	// it is an UPDATE with octets behind it that are no TLVs.
	Salvaged bool
	// Peer is set if Type.PerPeer().
	Peer BMPPeer
	// Update is the UPDATE of a Route Monitoring message with its marker, as the router sent it. It
	// may be cut, or no message at all (LostUpdate). Options describe how to decode it. Known means
	// that Options come from a Peer Up; without a Peer Up, ADD-PATH is off.
	Update  []byte
	Options Options
	Known   bool
	// Up and Down are set for Peer Up and Peer Down.
	Up   BMPUp
	Down BMPDown
	tlvs []byte
}

// BMPUp is the body of a Peer Up (RFC 7854 §4.10).
type BMPUp struct {
	LocalAddress          netip.Addr
	LocalPort, RemotePort uint16
	// Sent and Received are the OPENs as the router saw them. Each is a whole message.
	Sent, Received []byte
}

// BMPDown is the body of a Peer Down (RFC 7854 §4.9, RFC 9069 §4.4).
type BMPDown struct {
	// Reason is the reason code:
	//
	//   - 1: local system closed, with NOTIFICATION
	//   - 2: local system closed, with FSM event
	//   - 3: remote system closed, with NOTIFICATION
	//   - 4: remote system closed, without NOTIFICATION
	//   - 5: the router stopped monitoring the peer
	//   - 6: Loc-RIB, with TLVs
	Reason       uint8
	Notification []byte // a whole message
	FSMEvent     uint16
}

// TLVs iterates over the TLVs of the message. Decode has checked their lengths.
func (m *BMPMessage) TLVs() iter.Seq[BMPTLV] {
	return func(yield func(BMPTLV) bool) {
		for b := m.tlvs; len(b) >= 4; {
			n := int(binary.BigEndian.Uint16(b[2:]))
			if !yield(BMPTLV{Type: binary.BigEndian.Uint16(b), Value: b[4 : 4+n]}) {
				return
			}
			b = b[4+n:]
		}
	}
}

// Info returns the value of the first TLV of a type of Initiation or Peer Up. It returns "" if the
// message has none.
func (m *BMPMessage) Info(typ uint16) string {
	for t := range m.TLVs() {
		if t.Type == typ {
			return string(t.Value)
		}
	}
	return ""
}

// countTLVs checks the lengths of consecutive TLVs and counts them.
func countTLVs(b []byte) (int, error) {
	n := 0
	for ; len(b) > 0; n++ {
		if len(b) < 4 || int(binary.BigEndian.Uint16(b[2:])) > len(b)-4 {
			return n, fmt.Errorf("reading TLV %d of a BMP message: %w", n+1, ErrBadLength)
		}
		b = b[4+int(binary.BigEndian.Uint16(b[2:])):]
	}
	return n, nil
}

// String describes the reason why the peer is down.
func (d *BMPDown) String() string {
	switch d.Reason {
	case 0: // no reason code: the message ends before it
		return "no reason given"
	case 1, 3:
		who := "local system closed"
		if d.Reason == 3 {
			who = "remote system closed"
		}
		if _, body, err := SplitMessage(d.Notification); err == nil {
			if n, err := DecodeNotification(body); err == nil {
				return who + ": " + n.String()
			}
		}
		return who
	case 2:
		return fmt.Sprintf("local system closed, FSM event %d", d.FSMEvent)
	case 4:
		return "remote system closed without notification"
	case 5:
		return "no longer monitored"
	case 6:
		return "local system closed, Loc-RIB"
	}
	return fmt.Sprintf("reason %d", d.Reason)
}
