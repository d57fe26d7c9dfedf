package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// The notes of MRT records.
const (
	noteKeepalive   = "keepalive"
	noteRefresh     = "route refresh"
	notePeerIndex   = "peer index table"
	noteOtherFamily = "other address family"
	noteOtherRecord = "other MRT record"
	noteNoPeers     = "prefix of a refused peer index table"
)

// mrtSource turns MRT records into items.
type mrtSource struct {
	r       *wire.MRTReader
	index   wire.MRTPeerIndex
	indexed bool
	refused bool // the peer index table is wrong, so the peers of its routes are unknown
	rib     wire.MRTRIB
	entries []RIBEntry
	after   *Damage // damage of the item returned last
}

func newMRTSource(r io.Reader) *mrtSource { return &mrtSource{r: wire.NewMRTReader(r)} }

func (s *mrtSource) next(it *Item) error {
	if d := s.after; d != nil {
		s.after = nil
		return d
	}
	rec, err := s.r.Next()
	if err != nil {
		if e, ok := errors.AsType[*wire.MRTError](err); ok {
			return &Damage{
				Offset: e.Offset, Reason: framingReason(e.Err), Skipped: e.Skipped,
				Err: skipped(e.Err, e.Skipped),
			}
		}
		return err
	}
	it.Offset, it.Timestamp, it.Type = rec.Offset, rec.Timestamp, rec.Format()
	switch rec.Class() {
	case wire.MRTMessageRecord:
		err = s.message(&rec, it)
	case wire.MRTStateRecord:
		err = s.state(&rec, it)
	case wire.MRTPeerIndexRecord:
		it.Kind, it.Note = Note, notePeerIndex
		err = rec.PeerIndex(&s.index)
		s.indexed, s.refused = true, errors.Is(err, wire.ErrBadLength)
		if err == nil {
			it.Index = s.indexPeers()
		}
	case wire.MRTRIBRecord:
		err = s.ribRecord(&rec, it)
	case wire.MRTTableDumpRecord:
		err = s.tableDump(&rec, it)
	case wire.MRTOther:
		it.Kind, it.Note = Note, noteOtherRecord
	}
	if err != nil {
		return &Damage{Offset: rec.Offset, Reason: BadRecord, Err: err, Raw: rawMRT(&rec)}
	}
	return nil
}

// indexPeers returns the peers of the peer index table.
func (s *mrtSource) indexPeers() []bgp.Peer {
	peers := make([]bgp.Peer, len(s.index.Peers))
	for i, p := range s.index.Peers {
		peers[i] = bgp.Peer{Address: p.Address, ASN: p.ASN}
	}
	return peers
}

// message fills it with a BGP message. It reports octets that follow the message in the record.
func (s *mrtSource) message(rec *wire.MRTRecord, it *Item) error {
	m, err := rec.Message()
	if err != nil {
		return err
	}
	it.Peer = bgp.Peer{Address: m.PeerAddress, ASN: m.PeerASN}
	it.ASOctets, it.AddPathIPv4, it.AddPathIPv6, it.Local = m.ASOctets, m.AddPath, m.AddPath, m.Local
	if err := bgpMessage(m.Message, it); err != nil {
		return err
	}
	s.rest(rec, len(m.Message)-len(it.Message))
	return nil
}

// rest reports n octets of a record behind the decoded part, because a wrong length can hide other
// records there. Zeros are padding.
func (s *mrtSource) rest(rec *wire.MRTRecord, n int) {
	if n > 0 && s.after == nil &&
		slices.ContainsFunc(rec.Body[len(rec.Body)-n:], func(b byte) bool { return b != 0 }) {
		err := fmt.Errorf("%d octets follow in the record: %w", n, wire.ErrBadLength)
		s.after = &Damage{Offset: rec.Offset, Reason: BadRecord, Err: err, Raw: rawMRT(rec), Partial: true}
	}
}

// bgpMessage checks a BGP message's header and sets Kind, Message and Note. A message that is cut,
// or that has a wrong header, may have been an UPDATE. It is returned as it is, up to the maximum
// length of a message; its decoder decides which part counts.
func bgpMessage(raw []byte, it *Item) error {
	typ, body, err := wire.SplitMessage(raw)
	if err != nil {
		if !wire.LostUpdate(raw, err) {
			return err
		}
		it.Kind, it.Message = Message, raw[:min(len(raw), wire.MaxMessage)]
		return nil //nolint:nilerr // enrich says so, with the place
	}
	it.Kind, it.Message = Message, raw[:wire.HeaderLength+len(body)]
	switch typ {
	case wire.MessageOpen, wire.MessageUpdate, wire.MessageNotification:
	case wire.MessageKeepalive:
		it.Kind, it.Note = Note, noteKeepalive
	case wire.MessageRouteRefresh:
		if kind, _, err := wire.DecodeRefresh(body); err != nil || kind == wire.RefreshRequest {
			it.Kind, it.Note = Note, noteRefresh
		}
	default:
		return fmt.Errorf("BGP %s: %w", typ, wire.ErrUnsupported)
	}
	return nil
}

func (s *mrtSource) state(rec *wire.MRTRecord, it *Item) error {
	c, err := rec.StateChange()
	it.Kind, it.Peer = State, bgp.Peer{Address: c.PeerAddress, ASN: c.PeerASN}
	it.OldState, it.NewState = c.Old, c.New
	return err
}

// tableDump fills it with the one route of a TABLE_DUMP record.
func (s *mrtSource) tableDump(rec *wire.MRTRecord, it *Item) error {
	t, err := rec.TableDump()
	if err != nil {
		return err
	}
	s.entries = append(s.entries[:0], RIBEntry{
		Peer: bgp.Peer{Address: t.PeerAddress, ASN: t.PeerASN}, Originated: int64(t.Originated),
		Attributes: t.Attributes, ASOctets: t.ASOctets,
	})
	it.Kind, it.Prefix, it.Entries = RIB, t.Prefix, s.entries
	size := 2 * t.PeerAddress.BitLen() / 8 // prefix and peer
	s.rest(rec, len(rec.Body)-(4+size+2+4+int(t.ASOctets)+2+len(t.Attributes)))
	return nil
}

// ribRecord fills it with a prefix and its routes. It omits entries that cannot be read and entries
// whose peer is not in the peer index table, and reports them afterwards.
func (s *mrtSource) ribRecord(rec *wire.MRTRecord, it *Item) error {
	err := rec.RIB(&s.rib)
	if errors.Is(err, wire.ErrUnsupported) {
		it.Kind, it.Note, it.Family = Note, noteOtherFamily, rec.Family()
		return nil
	}
	if s.refused {
		it.Kind, it.Note = Note, noteNoPeers // reported once, for the peer index table
		return nil
	}
	if err == nil && !s.indexed {
		err = errors.New("a RIB record before any peer index table")
	}
	s.entries = s.entries[:0]
	for i := range s.rib.Entries {
		e := &s.rib.Entries[i]
		if int(e.Peer) >= len(s.index.Peers) {
			if err == nil {
				err = fmt.Errorf("RIB entry %d names peer %d of %d", i+1, e.Peer, len(s.index.Peers))
			}
			continue
		}
		p := &s.index.Peers[e.Peer]
		s.entries = append(s.entries, RIBEntry{
			Peer: bgp.Peer{Address: p.Address, ASN: p.ASN}, BGPID: p.BGPID, Originated: int64(e.Originated),
			PathID: e.PathID, HasPathID: s.rib.AddPath, Attributes: e.Attributes, ASOctets: 4,
		})
	}
	if err != nil && len(s.entries) > 0 {
		s.after = &Damage{Offset: rec.Offset, Reason: BadRecord, Err: err, Raw: rawMRT(rec), Partial: true}
		err = nil
	}
	it.Kind, it.Prefix, it.Entries = RIB, s.rib.Prefix, s.entries
	if err == nil {
		s.rest(rec, len(rec.Body)-s.ribLength(rec))
	}
	return err
}

// ribLength returns the length that the body of the RIB record in s.rib must have (RFC 6396 §4.3.2
// to §4.3.4, RFC 8050 §4.1).
func (s *mrtSource) ribLength(rec *wire.MRTRecord) int {
	const generic, genericAddPath = 6, 12
	n, entry := 4+1+(s.rib.Prefix.Bits()+7)/8+2, 8
	if rec.Subtype == generic || rec.Subtype == genericAddPath {
		n += 3
	}
	if s.rib.AddPath {
		entry = 12
	}
	for i := range s.rib.Entries {
		n += entry + len(s.rib.Entries[i].Attributes)
	}
	return n
}

// rawMRT returns a record with its header.
func rawMRT(rec *wire.MRTRecord) []byte {
	extended := rec.Type == wire.MRTBGP4MPET
	length := len(rec.Body)
	if extended {
		length += 4
	}
	b := make([]byte, 0, 12+min(length, MaxRaw))
	b = binary.BigEndian.AppendUint32(b, uint32(rec.Timestamp/1e6))
	b = binary.BigEndian.AppendUint16(b, uint16(rec.Type))
	b = binary.BigEndian.AppendUint16(b, rec.Subtype)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	if extended {
		b = binary.BigEndian.AppendUint32(b, uint32(rec.Timestamp%1e6))
	}
	return append(b, rec.Body[:min(len(rec.Body), MaxRaw)]...)
}

// framingReason returns the reason for an error in a record's header.
func framingReason(err error) Reason {
	switch {
	case errors.Is(err, wire.ErrTruncated):
		return Truncated
	case errors.Is(err, wire.ErrBadLength):
		return BadLength
	}
	return BadHeader
}

// skipped adds to err the number of skipped octets.
func skipped(err error, n int64) error { return fmt.Errorf("%w (%d octets skipped)", err, n) }
