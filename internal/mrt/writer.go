package mrt

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// The written record types and subtypes (RFC 6396 §4).
const (
	typeTableDumpV2 = 13
	typeBGP4MPET    = 17

	subtypePeerIndexTable = 1
	subtypeRIBIPv4Unicast = 2
	subtypeRIBIPv6Unicast = 4
	subtypeMessageAS4     = 4
	subtypeStateChangeAS4 = 5
)

// Session holds both ends of a BGP session. The addresses are of one family.
type Session struct {
	PeerASN, LocalASN         bgp.ASN
	PeerAddress, LocalAddress netip.Addr
}

// TablePeer is one entry of a peer index table (RFC 6396 §4.3.1).
type TablePeer struct {
	BGPID   netip.Addr
	Address netip.Addr
	ASN     bgp.ASN
}

// Entry is one peer's route in a table. Peer is the peer's index in the peer index table, from 0.
type Entry struct {
	Peer       uint16
	Originated time.Time
	Attributes wire.PlainAttributes
}

// Writer writes records, with one Write each. After the first error, which it keeps, it writes
// nothing. It is not safe for concurrent use.
type Writer struct {
	w       io.Writer
	buf     []byte
	err     error
	records int
}

// NewWriter returns a Writer on w, which it neither buffers nor closes.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Err returns the first error.
func (w *Writer) Err() error { return w.err }

// Records returns the number of written records.
func (w *Writer) Records() int { return w.records }

// Message writes a BGP4MP_ET MESSAGE_AS4 (RFC 6396 §4.4.3, §3). message begins with the marker;
// microseconds count since 1970.
func (w *Writer) Message(microseconds int64, s Session, message []byte) {
	w.begin(microseconds, typeBGP4MPET, subtypeMessageAS4)
	w.session(s)
	w.buf = append(w.buf, message...)
	w.end()
}

// StateChange writes a BGP4MP_ET STATE_CHANGE_AS4 (RFC 6396 §4.4.1).
func (w *Writer) StateChange(microseconds int64, s Session, from, to bgp.FSMState) {
	w.begin(microseconds, typeBGP4MPET, subtypeStateChangeAS4)
	w.session(s)
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(from))
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(to))
	w.end()
}

// PeerIndexTable writes the first record of a table (RFC 6396 §4.3.1).
func (w *Writer) PeerIndexTable(t time.Time, collector netip.Addr, view string, peers []TablePeer) {
	w.begin(t.Unix()*1e6, typeTableDumpV2, subtypePeerIndexTable)
	w.buf = append(w.buf, collector.AsSlice()...)
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(len(view)))
	w.buf = append(w.buf, view...)
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(len(peers)))
	for _, p := range peers {
		kind := byte(0x02)
		if p.Address.Is6() {
			kind |= 0x01
		}
		w.buf = append(w.buf, kind)
		w.buf = append(w.buf, p.BGPID.AsSlice()...)
		w.buf = append(w.buf, p.Address.AsSlice()...)
		w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(p.ASN))
	}
	w.end()
}

// RIB writes one prefix of a table (RFC 6396 §4.3.2). The MP_REACH_NLRI of IPv6 has the short form
// of §4.3.4.
func (w *Writer) RIB(t time.Time, sequence uint32, p netip.Prefix, entries []Entry) {
	subtype, family := uint16(subtypeRIBIPv4Unicast), bgp.FamilyOf(p)
	if family == bgp.IPv6 {
		subtype = subtypeRIBIPv6Unicast
	}
	w.begin(t.Unix()*1e6, typeTableDumpV2, subtype)
	w.buf = binary.BigEndian.AppendUint32(w.buf, sequence)
	w.buf = wire.AppendPrefix(w.buf, p)
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(len(entries)))
	for _, e := range entries {
		w.buf = binary.BigEndian.AppendUint16(w.buf, e.Peer)
		w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(e.Originated.Unix()))
		at := len(w.buf)
		w.buf = append(w.buf, 0, 0)
		w.buf = wire.AppendRIBAttributes(w.buf, e.Attributes, family)
		binary.BigEndian.PutUint16(w.buf[at:], uint16(len(w.buf)-at-2))
	}
	w.end()
}

// begin starts a record: the header, and the microseconds for BGP4MP_ET.
func (w *Writer) begin(microseconds int64, kind, subtype uint16) {
	w.buf = binary.BigEndian.AppendUint32(w.buf[:0], uint32(microseconds/1e6))
	w.buf = binary.BigEndian.AppendUint16(w.buf, kind)
	w.buf = binary.BigEndian.AppendUint16(w.buf, subtype)
	w.buf = append(w.buf, 0, 0, 0, 0)
	if kind == typeBGP4MPET {
		w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(microseconds%1e6))
	}
}

func (w *Writer) session(s Session) {
	afi := bgp.AFIIPv4
	if s.PeerAddress.Is6() {
		afi = bgp.AFIIPv6
	}
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(s.PeerASN))
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(s.LocalASN))
	w.buf = append(w.buf, 0, 0) // interface index: unknown
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(afi))
	w.buf = append(w.buf, s.PeerAddress.AsSlice()...)
	w.buf = append(w.buf, s.LocalAddress.AsSlice()...)
}

func (w *Writer) end() {
	if w.err != nil {
		return
	}
	binary.BigEndian.PutUint32(w.buf[8:], uint32(len(w.buf)-12))
	if _, err := w.w.Write(w.buf); err != nil {
		w.err = fmt.Errorf("writing MRT record %d: %w", w.records+1, err)
		return
	}
	w.records++
}
