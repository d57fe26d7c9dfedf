package capture

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// bmpSource turns a BMP stream into items.
type bmpSource struct {
	r       *wire.BMPReader
	session wire.BMPSession
	msg     wire.BMPMessage
	up      bool // an Initiation was seen, and no Termination since
	// salvaged is set after next has reported msg, which begins at offset, as damaged: msg still
	// counts.
	salvaged bool
	offset   int64
}

func newBMPSource(r io.Reader) *bmpSource { return &bmpSource{r: wire.NewBMPReader(r)} }

func (s *bmpSource) next(it *Item) error {
	if s.salvaged {
		s.salvaged = false
		s.item(it)
		return nil
	}
	s.offset = s.r.Offset()
	raw, err := s.r.Next()
	if err != nil {
		if e, ok := errors.AsType[*wire.BMPFrameError](err); ok {
			return &Damage{
				Offset: e.Offset, Reason: framingReason(e.Err), Skipped: e.Skipped,
				Err: skipped(e.Err, e.Skipped), Raw: e.Raw,
			}
		}
		return err
	}
	if err := s.session.Decode(raw, &s.msg); err != nil {
		s.salvaged = s.msg.Salvaged
		return &Damage{Offset: s.offset, Reason: BadRecord, Err: err, Raw: raw}
	}
	s.item(it)
	return nil
}

// item fills it from msg.
func (s *bmpSource) item(it *Item) {
	m := &s.msg
	it.Offset, it.Type = s.offset, "bmp"
	if m.Type.PerPeer() {
		it.Peer, it.BGPID, it.Timestamp = m.Peer.Peer, m.Peer.BGPID, m.Peer.Timestamp
	}
	switch m.Type {
	case wire.BMPRouteMonitoring:
		it.Kind, it.Message = Message, m.Update
		it.ASOctets, it.AddPathIPv4, it.AddPathIPv6 = m.Options.ASOctets, m.Options.AddPathIPv4,
			m.Options.AddPathIPv6
	case wire.BMPPeerUp:
		it.Kind, it.Text = PeerUp, m.Info(wire.BMPInfoTable)
	case wire.BMPPeerDown:
		it.Kind, it.Text = PeerDown, m.Down.String()
	case wire.BMPInitiation:
		// A router may send another Initiation when its information changes (RFC 7854 §4.3): it is
		// no new session.
		it.Kind, it.Text = CollectorUp, initiationText(m)
		if s.up {
			it.Kind, it.Note = Note, m.Type.String()
		}
		s.up = true
	case wire.BMPTermination:
		it.Kind, it.Text = CollectorDown, terminationText(m)
		s.up = false
	case wire.BMPStatistics, wire.BMPRouteMirroring:
		it.Kind, it.Note = Note, m.Type.String()
	default:
		it.Kind, it.Note = Note, "other BMP message"
	}
}

// initiationText returns the router's name and description (RFC 7854 §4.4).
func initiationText(m *wire.BMPMessage) string {
	return strings.TrimSpace(m.Info(wire.BMPInfoSysName) + ": " +
		strings.TrimSpace(m.Info(wire.BMPInfoSysDescr)))
}

// terminationText returns the reason in words (RFC 7854 §4.5).
func terminationText(m *wire.BMPMessage) string {
	for t := range m.TLVs() {
		if t.Type != 1 || len(t.Value) != 2 {
			continue
		}
		names := [...]string{
			"administratively closed", "unspecified reason", "out of resources",
			"redundant connection", "permanently administratively closed",
		}
		if code := int(t.Value[0])<<8 | int(t.Value[1]); code < len(names) {
			return names[code]
		}
		return fmt.Sprintf("reason %d", int(t.Value[0])<<8|int(t.Value[1]))
	}
	return m.Info(wire.BMPInfoString)
}
