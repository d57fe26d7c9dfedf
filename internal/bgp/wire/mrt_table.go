package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MRTRoute is one route of a TABLE_DUMP record (RFC 6396 §4.2).
type MRTRoute struct {
	Prefix      netip.Prefix // host bits masked
	PeerAddress netip.Addr
	PeerASN     bgp.ASN
	Originated  uint32 // Unix seconds
	ASOctets    uint8  // of an AS number in AS_PATH: 2, or 4 in the subtypes of OpenBGPD and others
	Attributes  []byte // a part of the record's body
}

// TableDump parses a TABLE_DUMP record. The error is ErrTruncated, ErrBadLength or ErrBadNLRI.
func (r *MRTRecord) TableDump() (MRTRoute, error) {
	t := MRTRoute{ASOctets: 2}
	if r.Subtype > 2 {
		t.ASOctets = 4
	}
	size, b := 4, r.Body
	if r.Family().AFI == bgp.AFIIPv6 {
		size = 16
	}
	if len(b) < 4+size+6+size+int(t.ASOctets)+2 {
		return t, r.short("a route")
	}
	b = b[4:]
	var err error
	if t.Prefix, err = maskedPrefix(b[:size], int(b[size])); err != nil {
		return t, err
	}
	b = b[size+2:]
	t.Originated = binary.BigEndian.Uint32(b)
	t.PeerAddress, _ = netip.AddrFromSlice(b[4 : 4+size])
	b = b[4+size:]
	t.PeerASN = readASN(b, int(t.ASOctets))
	b = b[t.ASOctets:]
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-2 {
		return t, fmt.Errorf("parsing a route: %d octets of path attributes in %d: %w", n, len(b)-2, ErrBadLength)
	}
	t.Attributes = b[2 : 2+n]
	return t, nil
}

// MRTPeer is a peer of a TABLE_DUMP_V2 file.
type MRTPeer struct {
	BGPID   netip.Addr
	Address netip.Addr
	ASN     bgp.ASN
}

// MRTPeerIndex is the PEER_INDEX_TABLE that RIB entries refer to (RFC 6396 §4.3.1).
type MRTPeerIndex struct {
	CollectorBGPID netip.Addr
	ViewName       string
	Peers          []MRTPeer
}

// PeerIndex parses a PEER_INDEX_TABLE into t, whose memory it reuses. If the error is ErrTruncated,
// t holds the peers before the cut. If it is ErrBadLength, octets are left over, so a width or the
// count is wrong, and t holds no peer.
func (r *MRTRecord) PeerIndex(t *MRTPeerIndex) error {
	*t = MRTPeerIndex{Peers: t.Peers[:0]}
	b := r.Body
	if len(b) < 8 || int(binary.BigEndian.Uint16(b[4:])) > len(b)-8 {
		return r.short("a peer index table")
	}
	t.CollectorBGPID = netip.AddrFrom4([4]byte(b))
	name := int(binary.BigEndian.Uint16(b[4:]))
	t.ViewName = string(b[6 : 6+name])
	b = b[6+name:]
	count := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	for range count {
		if len(b) < 1 {
			return r.short("a peer index table")
		}
		size, width := 4, 2
		if b[0]&1 != 0 {
			size = 16
		}
		if b[0]&2 != 0 {
			width = 4
		}
		if len(b) < 5+size+width {
			return r.short("a peer index table")
		}
		p := MRTPeer{BGPID: netip.AddrFrom4([4]byte(b[1:])), ASN: readASN(b[5+size:], width)}
		p.Address, _ = netip.AddrFromSlice(b[5 : 5+size])
		t.Peers = append(t.Peers, p)
		b = b[5+size+width:]
	}
	if len(b) > 0 {
		t.Peers = t.Peers[:0]
		return fmt.Errorf("parsing a peer index table: %d octets follow the %d peers: %w",
			len(b), count, ErrBadLength)
	}
	return nil
}

// MRTRIB is one prefix of a TABLE_DUMP_V2 file and its routes (RFC 6396 §4.3.2).
type MRTRIB struct {
	Sequence uint32
	Prefix   netip.Prefix // host bits masked
	AddPath  bool         // the entries have path identifiers (RFC 8050 §4.1)
	Entries  []MRTEntry
}

// MRTEntry is the route of one peer (RFC 6396 §4.3.4, RFC 8050 §4.1). AS numbers in Attributes have
// 4 octets.
type MRTEntry struct {
	Peer       uint16 // index into the PEER_INDEX_TABLE; may be out of range
	Originated uint32 // Unix seconds
	PathID     uint32
	Attributes []byte // a part of the record's body
}

// RIB parses a RIB record of IPv4 or IPv6 unicast into t, whose memory it reuses. The error is
// ErrTruncated, ErrBadNLRI or ErrBadLength, or ErrUnsupported for other families. After a fault in
// an entry, t holds the entries before it. The subtype determines whether entries have path
// identifiers. If the entries do not fill the record in that form, but do in the other form, RIB
// reads them in the other form.
func (r *MRTRecord) RIB(t *MRTRIB) error {
	*t = MRTRIB{AddPath: r.Subtype >= subtypeIPv4UnicastAddPath, Entries: t.Entries[:0]}
	family := r.Family()
	if !family.unicast() || r.Subtype == subtypeGenericAddPath {
		return fmt.Errorf("parsing a RIB record of AFI %d, SAFI %d: %w", family.AFI, family.SAFI, ErrUnsupported)
	}
	b := r.Body
	header := 4
	if r.Subtype == subtypeGeneric {
		header = 7
	}
	if len(b) < header+1 {
		return r.short("a RIB record")
	}
	t.Sequence = binary.BigEndian.Uint32(b)
	bits, octets := int(b[header]), (int(b[header])+7)/8
	b = b[header+1:]
	if len(b) < octets+2 {
		return r.short("a RIB record")
	}
	size := 4
	if family.AFI == bgp.AFIIPv6 {
		size = 16
	}
	if octets > size {
		return fmt.Errorf("parsing a RIB record: prefix of %d bits: %w", bits, ErrBadNLRI)
	}
	var raw [16]byte
	copy(raw[:], b[:octets])
	var err error
	if t.Prefix, err = maskedPrefix(raw[:size], bits); err != nil {
		return err
	}
	b = b[octets:]
	if !entriesFit(b, t.AddPath) && entriesFit(b, !t.AddPath) {
		t.AddPath = !t.AddPath
	}
	return t.entries(b)
}

// entryHeader returns the length of a RIB entry without its attributes.
func entryHeader(addPath bool) int {
	if addPath {
		return 12
	}
	return 8
}

// entriesFit reports whether the count and the entries fill b.
func entriesFit(b []byte, addPath bool) bool {
	count, header := int(binary.BigEndian.Uint16(b)), entryHeader(addPath)
	b = b[2:]
	for range count {
		if len(b) < header || int(binary.BigEndian.Uint16(b[header-2:])) > len(b)-header {
			return false
		}
		b = b[header+int(binary.BigEndian.Uint16(b[header-2:])):]
	}
	return len(b) == 0
}

// entries parses the count and the entries.
func (t *MRTRIB) entries(b []byte) error {
	count := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	header := entryHeader(t.AddPath)
	for i := range count {
		if len(b) < header {
			return fmt.Errorf("parsing RIB entry %d of %d: %w", i+1, count, ErrTruncated)
		}
		e := MRTEntry{Peer: binary.BigEndian.Uint16(b), Originated: binary.BigEndian.Uint32(b[2:])}
		if t.AddPath {
			e.PathID = binary.BigEndian.Uint32(b[6:])
		}
		n := int(binary.BigEndian.Uint16(b[header-2:]))
		if n > len(b)-header {
			return fmt.Errorf("parsing RIB entry %d of %d: %d octets of path attributes in %d: %w",
				i+1, count, n, len(b)-header, ErrBadLength)
		}
		e.Attributes = b[header : header+n]
		t.Entries = append(t.Entries, e)
		b = b[header+n:]
	}
	return nil
}

// maskedPrefix makes a prefix from an address of 4 or 16 octets.
func maskedPrefix(addr []byte, bits int) (netip.Prefix, error) {
	a, _ := netip.AddrFromSlice(addr)
	p, err := a.Prefix(bits)
	if err != nil {
		return p, fmt.Errorf("parsing a prefix of %d bits: %w", bits, ErrBadNLRI)
	}
	return p, nil
}
