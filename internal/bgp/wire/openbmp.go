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
	// openBMPFixed is the header's length where both names are empty: the floor.
	openBMPFixed = 78
	openBMPRaw   = 12

	openBMPFlagRouter = 0x80
	openBMPFlagIPv6   = 0x40
)

// OpenBMP is the binary header that OpenBMP's collectors put before what a router sent, version 1.7, and what follows it: on the
// message bus one raw BMP message a record. Its slices are parts of the record that was parsed.
type OpenBMP struct {
	// Timestamp is when the collector heard it, microseconds since 1970.
	Timestamp int64
	// Collector is the administrator's name of the OpenBMP collector, Group that of the router's group; both may be empty.
	Collector, Group []byte
	// Router is the address of the BMP sender.
	Router netip.Addr
	// Rows is how many messages the header says there are; 1 for raw BMP.
	Rows uint32
	// BMP holds the message or messages: ParseBMPHeader tells where each ends.
	BMP []byte
}

// ParseOpenBMP reads a record into h. Nothing is copied. The error is ErrTruncated, ErrBadLength or ErrUnsupported (another
// magic number or version, such as the text headers before 1.7, or a header that is not of a router's raw BMP).
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
		return fmt.Errorf("reading an OpenBMP header: message of %d octets, %d there: %w", length, len(b)-header, ErrBadLength)
	}
	if flags := b[12]; flags&openBMPFlagRouter == 0 || b[13] != openBMPRaw {
		return fmt.Errorf("reading an OpenBMP header: flags %#02x, type %d are no raw BMP: %w", flags, b[13], ErrUnsupported)
	}
	h.Timestamp = int64(binary.BigEndian.Uint32(b[14:]))*1e6 + int64(binary.BigEndian.Uint32(b[18:]))
	h.BMP = b[header:]
	return h.names(b[:header])
}

// names reads what stands behind the collector's hash (octet 22 to 38): its name, the router's hash, address and group, and the
// number of rows. b is the header, whose fixed part is there.
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

// BMPAddPath names a peer of a BMPSession whose received routes carry path identifiers.
type BMPAddPath struct {
	Address       netip.Addr `json:"a"`
	ASN           bgp.ASN    `json:"n,omitempty"` // 0 where it is not known: it stands for all with the address
	Distinguisher uint64     `json:"d,omitempty"`
	IPv4          bool       `json:"4,omitempty"`
	IPv6          bool       `json:"6,omitempty"`
}

// AddPathPeers lists the peers that send path identifiers, for RestoreAddPath of a session that goes on in the middle.
func (s *BMPSession) AddPathPeers() []BMPAddPath {
	var list []BMPAddPath
	for id, p := range s.peers {
		if !id.locRIB && (p.in.ipv4 || p.in.ipv6) {
			list = append(list, BMPAddPath{id.address, id.asn, id.distinguisher, p.in.ipv4, p.in.ipv6})
		}
	}
	return list
}

// RestoreAddPath takes the peers as if their Peer Ups had been heard. Of other peers ADD-PATH is taken as off until one is.
func (s *BMPSession) RestoreAddPath(list []BMPAddPath) {
	if s.peers == nil {
		s.peers = map[BMPNeighbour]bmpPeerState{}
	}
	for _, p := range list[:min(len(list), MaxBMPPeers)] {
		s.peers[BMPNeighbour{address: p.Address, asn: p.ASN, distinguisher: p.Distinguisher}] = bmpPeerState{in: addPath{p.IPv4, p.IPv6}}
	}
}
