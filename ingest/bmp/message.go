package bmp

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// take passes on one message. An error ends the session. A message that cannot be decoded does not,
// unless it is the first.
func (s *session) take(ctx context.Context, raw []byte) error {
	m := &s.msg
	err := s.state.Decode(raw, m)
	s.st.metrics.count(m.Type, len(raw))
	if err != nil {
		if err := s.undecodable(ctx, raw, err); err != nil || !m.Salvaged {
			return err
		}
	}
	if s.stream == nil {
		if m.Type > wire.BMPRouteMirroring || m.Type == wire.BMPTermination {
			return &refusal{refusedFirst, fmt.Errorf("the first message is a %s", m.Type)}
		}
		if err := s.open(ctx); err != nil {
			return err
		}
		s.introduce()
	}
	switch m.Type {
	case wire.BMPRouteMonitoring:
		return s.route(ctx, raw)
	case wire.BMPPeerUp:
		return s.peerUp(ctx, raw)
	case wire.BMPPeerDown:
		return s.peerDown(ctx, raw)
	case wire.BMPInitiation:
		return s.initiation()
	case wire.BMPTermination:
		return fmt.Errorf("%w: %s", errTerminated, terminated(m))
	default:
		// statistics and mirrored messages are only counted; unknown types are ignored (RFC 7854
		// §4.1)
		return nil
	}
}

// undecodable keeps a message that cannot be decoded as a dead letter. If it is the first one,
// undecodable refuses the session.
func (s *session) undecodable(ctx context.Context, raw []byte, err error) error {
	err = fmt.Errorf("message %d at octet %d: %w", s.messages, s.reader.Offset()-int64(len(raw)), err)
	kind := badMessage
	if errors.Is(err, wire.ErrTooManyPeers) || errors.Is(err, stream.ErrTooManyPeers) {
		kind = tooMany
	}
	if err := s.dead(ctx, kind, raw, err); err != nil {
		return err
	}
	if s.stream == nil {
		return &refusal{refusedFirst, err}
	}
	s.st.refused[badMessage].Warn("bmp message cannot be decoded", "collector", s.collector,
		"address", s.remote.String(), "err", err)
	return nil
}

// introduce logs the name and description that the router gives itself.
func (s *session) introduce() {
	descr := ""
	if s.msg.Type == wire.BMPInitiation {
		s.sysName, descr = label(s.msg.Info(wire.BMPInfoSysName)), label(s.msg.Info(wire.BMPInfoSysDescr))
		s.frr = strings.HasPrefix(descr, "FRRouting")
	}
	s.st.news.Info("bmp session began", "collector", s.collector, "address", s.remote.String(),
		"sys_name", s.sysName, "sys_descr", descr)
}

// initiation stores the router's name. Some routers send it after their first Peer Up.
func (s *session) initiation() error {
	if s.initiations++; s.initiations > s.st.cfg.MaxInitiations {
		return &refusal{
			refusedInitiation,
			fmt.Errorf("more than %d Initiations in a session (max_initiations)", s.st.cfg.MaxInitiations),
		}
	}
	if name := label(s.msg.Info(wire.BMPInfoSysName)); name != "" {
		s.sysName = name
	}
	return nil
}

// terminated describes why a router ends the session (RFC 7854 §4.5).
func terminated(m *wire.BMPMessage) string {
	for t := range m.TLVs() {
		if t.Type != 1 || len(t.Value) != 2 {
			continue
		}
		reasons := [...]string{
			"administratively closed", "unspecified", "out of resources", "redundant connection",
			"permanently administratively closed",
		}
		if n := binary.BigEndian.Uint16(t.Value); int(n) < len(reasons) {
			return reasons[n]
		}
		return fmt.Sprintf("reason %d", binary.BigEndian.Uint16(t.Value))
	}
	return "no reason given"
}

// route passes on an UPDATE.
func (s *session) route(ctx context.Context, raw []byte) error {
	m := &s.msg
	if !s.router.tables.has(m.Peer.Peer.Table) {
		s.st.metrics.configured.Inc()
		return nil
	}
	p, err := s.peers.table(s.stream, m, raw)
	if err != nil {
		return s.undecodable(ctx, raw, err)
	}
	switch {
	case p.of.down != nil:
		return s.dead(ctx, peerIsDown, raw,
			fmt.Errorf("message %d: a route of peer %v, which is down", s.messages, m.Peer.Peer.Address))
	case !m.Known:
		s.st.metrics.unannounced.Inc()
		if !s.unannounced {
			s.unannounced = true
			s.st.news.Warn("bmp peer without a Peer Up: its routes are read without ADD-PATH",
				"collector", s.collector, "peer", m.Peer.Peer.Address.String())
		}
	}
	if p.empty != 0 || !p.up {
		announced, withdrawn := familiesOf(m.Update)
		if announced == 0 && (!p.up || withdrawn != 0 && withdrawn&^p.empty == 0) {
			s.hollow(p, withdrawn)
			return nil
		}
		p.empty &^= announced
		p.ended = p.ended || announced|withdrawn == 0
	}
	if !p.up {
		p.up = true
		if err := emitted(s.stream.Live().PeerUp(ctx, p.handle, m.Peer.Timestamp)); err != nil {
			return err
		}
	}
	update, octets := s.received(p)
	s.out = stream.Message{
		Peer: p.handle, Timestamp: m.Peer.Timestamp, Raw: update,
		ASOctets: octets, AddPathIPv4: m.Options.AddPathIPv4, AddPathIPv6: m.Options.AddPathIPv6,
	}
	return emitted(s.stream.Live().Message(ctx, &s.out))
}

// hollow counts a message without effect. It logs, once a session, withdrawals from an empty table
// after the end of its initial dump: a router that does not keep received routes withdraws every
// route that a neighbour announces to it.
func (s *session) hollow(p *peerTable, withdrawn familySet) {
	s.st.metrics.hollow.Inc()
	if withdrawn == 0 || !p.ended || s.unkept {
		return
	}
	s.unkept = true
	s.st.news.Warn("bmp router withdraws routes that it never announced: "+
		"FRR needs soft-reconfiguration inbound for pre-policy monitoring",
		"collector", s.collector, "peer", s.msg.Peer.Peer.Address.String())
}

// received returns the UPDATE as the router received it, and the width of its AS numbers. FRR (8.4)
// reports its neighbours' routes as if it sent them back: its own AS is the first in the path.
// received removes it.
func (s *session) received(p *peerTable) ([]byte, uint8) {
	m := &s.msg
	own, peer := cmp.Or(p.of.own, s.as), m.Peer.Peer.ASN
	if own == 0 || own == peer || m.Peer.Peer.Table != bgp.TablePre && m.Peer.Peer.Table != bgp.TablePost {
		return m.Update, m.Options.ASOctets
	}
	s.own[0] = own
	out, width, what := wire.StripFirstAS(s.stripped, m.Update, m.Options.ASOctets, s.own[:], peer)
	if what != wire.StripPeer && (what != wire.StripServer || !s.frr) {
		return m.Update, m.Options.ASOctets
	}
	s.stripped = out
	return out, width
}

// peerUp writes Peer Up for the table that the message names, and for the peer's other tables that
// are up, because their routes are void, too. route writes Peer Up for any other table when its
// first route comes.
func (s *session) peerUp(ctx context.Context, raw []byte) error {
	m := &s.msg
	p, err := s.peers.table(s.stream, m, raw)
	if err != nil {
		return s.undecodable(ctx, raw, err)
	}
	s.peers.setUp(p.of)
	p.of.own = ownAS(m.Up.Sent)
	s.as = cmp.Or(p.of.own, s.as)
	p.up = s.router.tables.has(m.Peer.Peer.Table)
	for _, t := range p.of.tables {
		// the table was up with another BGP identifier
		if t != p && t.handle.Key() == p.handle.Key() {
			t.up = false
		}
		if !t.up {
			continue
		}
		t.empty, t.ended = allFamilies, false
		if err := emitted(s.stream.Live().PeerUp(ctx, t.handle, m.Peer.Timestamp)); err != nil {
			return err
		}
	}
	return nil
}

// ownAS returns the router's own AS, from the OPEN that it sent. The session's decoder has checked
// that OPEN.
func ownAS(sent []byte) bgp.ASN {
	_, body, err := wire.SplitMessage(sent)
	if err != nil {
		return 0
	}
	open, err := wire.DecodeOpen(body)
	if err != nil {
		return 0
	}
	return open.ASN
}

// peerDown writes Peer Down for all tables of the peer that are up. If none is, it writes it for
// the table that the message names.
func (s *session) peerDown(ctx context.Context, raw []byte) error {
	m := &s.msg
	p, err := s.peers.table(s.stream, m, raw)
	if err != nil {
		return s.undecodable(ctx, raw, err)
	}
	s.peers.setDown(p.of)
	said := false
	for _, t := range p.of.tables {
		if !t.up {
			continue
		}
		t.up, t.empty, t.ended, said = false, allFamilies, false, true
		if err := emitted(s.stream.Live().PeerDown(ctx, t.handle, m.Peer.Timestamp, m.Down.String())); err != nil {
			return err
		}
	}
	if said || !s.router.tables.has(m.Peer.Peer.Table) {
		return nil
	}
	return emitted(s.stream.Live().PeerDown(ctx, p.handle, m.Peer.Timestamp, m.Down.String()))
}
