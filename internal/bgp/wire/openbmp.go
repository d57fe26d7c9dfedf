package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	openBMPMagic = 0x4f424d50 // OBMP
	openBMPMajor = 1
	openBMPMinor = 7
	// openBMPFixed is the minimum length of the header, with both names empty.
	openBMPFixed = 78
	openBMPRaw   = 12

	openBMPFlagRouter = 0x80
	openBMPFlagIPv6   = 0x40
)

// OpenBMP is the binary header, version 1.7, that an OpenBMP collector puts before the data of a
// router, and the data. On the message bus each record holds one raw BMP message. The slices are
// parts of the parsed record.
type OpenBMP struct {
	// Timestamp is the time of reception at the collector, in microseconds since 1970.
	Timestamp int64
	// Collector is the name that the administrator gave the OpenBMP collector. Group is the name of
	// the router's group. Both may be empty.
	Collector, Group []byte
	// Router is the address of the BMP sender.
	Router netip.Addr
	// Rows is the number of messages according to the header. It is 1 for raw BMP.
	Rows uint32
	// BMP holds the message or messages. ParseBMPHeader finds the end of each.
	BMP []byte
}

// ParseOpenBMP parses a record into h. It copies nothing. The error is ErrTruncated, ErrBadLength
// or ErrUnsupported. ErrUnsupported means another magic number or version, such as the text headers
// before 1.7, or a header that is not of a router's raw BMP.
func ParseOpenBMP(b []byte, h *OpenBMP) error {
	*h = OpenBMP{}
	if len(b) < openBMPFixed {
		return fmt.Errorf("reading an OpenBMP header: %d of %d octets: %w", len(b), openBMPFixed, ErrTruncated)
	}
	if m := binary.BigEndian.Uint32(b); m != openBMPMagic {
		return fmt.Errorf("reading an OpenBMP header: magic number %#08x: %w", m, ErrUnsupported)
	}
	if b[4] != openBMPMajor || b[5] != openBMPMinor {
		return fmt.Errorf("reading an OpenBMP header: version %d.%d: %w", b[4], b[5], ErrUnsupported)
	}
	header, length := int(binary.BigEndian.Uint16(b[6:])), binary.BigEndian.Uint32(b[8:])
	if header < openBMPFixed || header > len(b) {
		return fmt.Errorf("reading an OpenBMP header: header of %d octets in %d: %w", header, len(b), ErrBadLength)
	}
	if uint64(length) != uint64(len(b)-header) || length < BMPHeaderLength {
		return fmt.Errorf("reading an OpenBMP header: message of %d octets, %d there: %w",
			length, len(b)-header, ErrBadLength)
	}
	if flags := b[12]; flags&openBMPFlagRouter == 0 || b[13] != openBMPRaw {
		return fmt.Errorf("reading an OpenBMP header: flags %#02x, type %d are no raw BMP: %w",
			flags, b[13], ErrUnsupported)
	}
	h.Timestamp = int64(binary.BigEndian.Uint32(b[14:]))*1e6 + int64(binary.BigEndian.Uint32(b[18:]))
	h.BMP = b[header:]
	return h.names(b[:header])
}

// names parses the fields behind the collector's hash (octets 22 to 38): its name, the hash,
// address and group of the router, and the number of rows. b is the header and has at least its
// fixed part.
func (h *OpenBMP) names(b []byte) error {
	ipv6 := b[12]&openBMPFlagIPv6 != 0
	n := int(binary.BigEndian.Uint16(b[38:]))
	if n > len(b)-openBMPFixed {
		return fmt.Errorf("reading an OpenBMP header: a name of %d octets: %w", n, ErrBadLength)
	}
	h.Collector, b = b[40:40+n], b[40+n:]
	h.Router = netip.AddrFrom4([4]byte(b[16:20]))
	if ipv6 {
		h.Router = netip.AddrFrom16([16]byte(b[16:32]))
	}
	n = int(binary.BigEndian.Uint16(b[32:]))
	if n != len(b)-38 {
		return fmt.Errorf("reading an OpenBMP header: a group of %d octets in %d: %w", n, len(b)-38, ErrBadLength)
	}
	h.Group, h.Rows = b[34:34+n], binary.BigEndian.Uint32(b[34+n:])
	return nil
}

// BMPAddPath identifies a peer of a BMPSession whose received routes carry path identifiers.
type BMPAddPath struct {
	Address       netip.Addr `json:"a"`
	ASN           bgp.ASN    `json:"n,omitempty"` // 0: all peers with the address
	Distinguisher uint64     `json:"d,omitempty"`
	IPv4          bool       `json:"4,omitempty"`
	IPv6          bool       `json:"6,omitempty"`
}

// AddPathPeers lists the peers that send path identifiers, for RestoreAddPath when a session
// resumes.
func (s *BMPSession) AddPathPeers() []BMPAddPath {
	var list []BMPAddPath
	for id, p := range s.peers {
		if !id.locRIB && (p.in.ipv4 || p.in.ipv6) {
			list = append(list, BMPAddPath{id.address, id.asn, id.distinguisher, p.in.ipv4, p.in.ipv6})
		}
	}
	return list
}

// RestoreAddPath adds the peers as if the session had received their Peer Ups. For any other peer
// ADD-PATH is off until its Peer Up arrives.
func (s *BMPSession) RestoreAddPath(list []BMPAddPath) {
	if s.peers == nil {
		s.peers = map[BMPNeighbour]bmpPeerState{}
	}
	for _, p := range list[:min(len(list), MaxBMPPeers)] {
		s.peers[BMPNeighbour{
			address: p.Address, asn: p.ASN, distinguisher: p.Distinguisher,
		}] = bmpPeerState{in: addPath{p.IPv4, p.IPv6}}
	}
}
