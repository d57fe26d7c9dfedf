package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxBMPPeers caps the peers whose state a BMPSession keeps.
const MaxBMPPeers = 1 << 16

// ErrTooManyPeers is a router that announces more peers than a BMPSession may keep.
var ErrTooManyPeers = errors.New("too many BMP peers in a session")

// BMPSession decodes the messages of one router's BMP session, in order. It keeps what Peer Up said until Peer Down: how the
// peer's UPDATEs are to be read. The zero value is a new session. It is not safe for concurrent use.
type BMPSession struct {
	// MaxPeers caps the peers that are up at once; 0 is MaxBMPPeers.
	MaxPeers int

	peers map[BMPNeighbour]bmpPeerState
}

// BMPNeighbour names what Peer Up and Peer Down of a session speak of: all tables of a peer (RFC 8671 §5), but the Loc-RIB is a peer
// of its own. Link-local addresses are the same on many links: the AS tells those apart.
type BMPNeighbour struct {
	address       netip.Addr
	asn           bgp.ASN // 0 of the Loc-RIB
	distinguisher uint64
	locRIB        bool
}

// bmpPeerState is what Peer Up said. All of it is a few bits, for a router may have many peers.
type bmpPeerState struct {
	// For received routes (Adj-RIB-In), sent ones (Adj-RIB-Out) and the Loc-RIB.
	in, out, loc addPath
	// asOctets is the width of AS numbers that both OPENs agree on (RFC 6793 §4.1); 0 where they do not tell.
	asOctets uint8
}

// addPath tells for which family NLRI carry path identifiers.
type addPath struct{ ipv4, ipv6 bool }

// Neighbour is whose table it is.
func (p *BMPPeer) Neighbour() BMPNeighbour { return neighbourOf(&p.Peer) }

func neighbourOf(p *bgp.Peer) BMPNeighbour {
	id := BMPNeighbour{address: p.Address, asn: p.ASN, distinguisher: p.Distinguisher}
	if p.Table == bgp.TableLoc {
		id.asn, id.locRIB = 0, true
	}
	return id
}

// state is what is known of a peer; restored ones may lack their AS.
func (s *BMPSession) state(id BMPNeighbour) (bmpPeerState, bool) {
	state, known := s.peers[id]
	if !known && !id.locRIB {
		id.asn = 0
		state, known = s.peers[id]
	}
	return state, known
}

// Forget forgets a peer, as its Peer Down does.
func (s *BMPSession) Forget(p bgp.Peer) { s.forget(neighbourOf(&p)) }

func (s *BMPSession) forget(id BMPNeighbour) {
	delete(s.peers, id)
	id.asn = 0
	delete(s.peers, id)
}

func (s *BMPSession) most() int {
	if s.MaxPeers > 0 {
		return s.MaxPeers
	}
	return MaxBMPPeers
}

// Reset forgets all peers: the session has ended.
func (s *BMPSession) Reset() { clear(s.peers) }

// Decode decodes one whole message into m. Nothing is copied: m's slices are parts of raw. A message of an unknown type has
// just its type (RFC 7854 §4.1: to be ignored). The error wraps ErrTruncated, ErrBadLength, ErrBadMarker, ErrBMPVersion,
// ErrUnsupported or ErrTooManyPeers; the session goes on after it. A Peer Down is one whatever its reason, a Peer Up whatever is in it, and
// an UPDATE whatever stands behind it, if the peer's header is sound: see BMPMessage.Salvaged.
func (s *BMPSession) Decode(raw []byte, m *BMPMessage) error {
	*m = BMPMessage{}
	n, typ, err := ParseBMPHeader(raw)
	if err != nil {
		return err
	}
	if n != len(raw) {
		return fmt.Errorf("decoding a BMP message: %d octets, the header says %d: %w", len(raw), n, ErrBadLength)
	}
	m.Type = typ
	body := raw[BMPHeaderLength:]
	if typ.PerPeer() {
		if err := parseBMPPeer(body, &m.Peer); err != nil {
			return err
		}
		body = body[bmpPerPeerLength:]
	}
	switch typ {
	case BMPRouteMonitoring:
		err = s.routeMonitoring(body, m)
	case BMPStatistics:
		err = decodeStatistics(body, m)
	case BMPPeerDown:
		err = s.peerDown(body, m)
	case BMPPeerUp:
		err = s.peerUp(body, m)
	case BMPInitiation, BMPRouteMirroring:
		_, err = countTLVs(body)
		m.tlvs = body
	case BMPTermination:
		_, err = countTLVs(body)
		m.tlvs = body
		s.Reset()
	}
	if err != nil {
		m.tlvs = nil
		m.Salvaged = (typ == BMPPeerUp || typ == BMPPeerDown || m.Update != nil) && !errors.Is(err, ErrTooManyPeers)
		return fmt.Errorf("decoding a BMP %s: %w", typ, err)
	}
	return nil
}

// routeMonitoring checks that body is one UPDATE (RFC 7854 §4.6), with or without TLVs behind it, and finds how to read it. One that is
// cut, or whose header cannot be read, is passed on: Decoder.Salvage says what of it counts. One with other octets behind it is, too.
func (s *BMPSession) routeMonitoring(body []byte, m *BMPMessage) error {
	typ, update, err := SplitMessage(body)
	if LostUpdate(body, err) {
		m.Update = body[:min(len(body), MaxMessage)]
		s.options(m, m.Update[min(len(m.Update), HeaderLength):])
		return nil
	}
	if err != nil {
		return err
	}
	if typ != MessageUpdate {
		return fmt.Errorf("a BGP %s instead of an UPDATE: %w", typ, ErrUnsupported)
	}
	n := HeaderLength + len(update)
	m.Update = body[:n]
	s.options(m, update)
	if n < len(body) { // Huawei marks paths with TLVs behind the UPDATE
		if _, err := countTLVs(body[n:]); err != nil {
			return fmt.Errorf("%d octets after the UPDATE: %w", len(body)-n, ErrBadLength)
		}
		m.tlvs = body[n:]
	}
	return nil
}

// options finds how to read the body of an UPDATE.
func (s *BMPSession) options(m *BMPMessage, update []byte) {
	state, known := s.state(m.Peer.Neighbour())
	m.Known = known
	m.Options.ASOctets = pathWidth(update, m.Peer.pathWidth(state))
	m.Options.NextHopOptional = m.Peer.Peer.Table != bgp.TablePre
	a := state.in
	switch m.Peer.Peer.Table {
	case bgp.TableOut:
		a = state.out
	case bgp.TableLoc:
		a = state.loc
	case bgp.TablePre, bgp.TablePost:
	}
	m.Options.AddPathIPv4, m.Options.AddPathIPv6 = a.ipv4, a.ipv6
}

// peerUp keeps what both OPENs say together (RFC 7854 §4.10). Where they cannot be read nothing is known of the peer any more.
func (s *BMPSession) peerUp(body []byte, m *BMPMessage) error {
	id := m.Peer.Neighbour()
	s.forget(id)
	if len(body) < 20 {
		return fmt.Errorf("%d of 20 octets: %w", len(body), ErrTruncated)
	}
	m.Up.LocalAddress = netip.AddrFrom4([4]byte(body[12:16]))
	if m.Peer.IPv6() {
		m.Up.LocalAddress = netip.AddrFrom16([16]byte(body[:16]))
	}
	m.Up.LocalPort, m.Up.RemotePort = binary.BigEndian.Uint16(body[16:]), binary.BigEndian.Uint16(body[18:])
	sent, rest, err := cutOpen(body[20:], &m.Up.Sent)
	if err != nil {
		return fmt.Errorf("sent OPEN: %w", err)
	}
	received, rest, err := cutOpen(rest, &m.Up.Received)
	if err != nil {
		return fmt.Errorf("received OPEN: %w", err)
	}
	if len(s.peers) >= s.most() {
		return ErrTooManyPeers
	}
	if s.peers == nil {
		s.peers = map[BMPNeighbour]bmpPeerState{}
	}
	s.peers[id] = negotiated(sent, received)
	m.tlvs = rest
	_, err = countTLVs(rest)
	return err
}

// negotiated is what the router's own OPEN and the peer's agree on.
func negotiated(sent, received *Open) bmpPeerState {
	// A Loc-RIB peer's OPENs are made up (RFC 9069 §4.5): whatever way it names, path identifiers are there.
	loc := func(f bgp.Family) bool { return sent.addPathMode(f) != 0 && received.addPathMode(f) != 0 }
	return bmpPeerState{
		in:  addPath{AddPathNegotiated(received, sent, bgp.IPv4), AddPathNegotiated(received, sent, bgp.IPv6)},
		out: addPath{AddPathNegotiated(sent, received, bgp.IPv4), AddPathNegotiated(sent, received, bgp.IPv6)},
		loc: addPath{loc(bgp.IPv4), loc(bgp.IPv6)},

		asOctets: negotiatedWidth(sent, received),
	}
}

// negotiatedWidth is the width of AS numbers between two speakers: 4 if both have the capability of RFC 6793, 2 if one has not, 0 where
// an OPEN is missing and the other does not decide.
func negotiatedWidth(sent, received *Open) uint8 {
	known := func(o *Open) bool { return o.Version != 0 } // else a header alone, see cutOpen
	switch {
	case known(sent) && !sent.FourOctetASN || known(received) && !received.FourOctetASN:
		return 2
	case known(sent) && known(received):
		return 4
	}
	return 0
}

// pathWidth is the width of AS numbers that a peer's UPDATEs should have: that of the OPENs of its Peer Up, for routers set the A flag
// wrongly; that of the A flag where they do not tell, and of the Loc-RIB, whose OPENs are made up.
func (p *BMPPeer) pathWidth(state bmpPeerState) uint8 {
	switch {
	case state.asOctets != 0 && p.Type != BMPPeerLocRIB:
		return state.asOctets
	case p.TwoOctet():
		return 2
	}
	return 4
}

// pathWidth is how to read the AS_PATH of an UPDATE's body, as in Options: with the width that it should have, or with the other where
// only that fits. A router may send in 4 octets what it received in 2 (RFC 7854 §4.2), and FRR 8 sends its own routes in 2.
func pathWidth(body []byte, want uint8) uint8 {
	if want == 4 {
		return 0
	}
	var p paths
	if _, attributes, _, err := splitUpdate(body); err == nil && p.find(attributes) && !pathFits(p.path, 2) && pathFits(p.path, 4) {
		return 4
	}
	return 2
}

// cutOpen decodes the OPEN at the start of b and returns what follows it; whole is the message. A header alone stands for an OPEN that the
// router does not know any more (FRR 8.4, for a session that was there before its BMP session): it offers nothing.
func cutOpen(b []byte, whole *[]byte) (*Open, []byte, error) {
	typ, body, err := SplitMessage(b)
	if err != nil {
		return nil, nil, err
	}
	if typ != MessageOpen {
		return nil, nil, fmt.Errorf("a BGP %s: %w", typ, ErrUnsupported)
	}
	n := HeaderLength + len(body)
	*whole = b[:n]
	if len(body) == 0 {
		return &Open{}, b[n:], nil
	}
	open, err := DecodeOpen(body)
	return open, b[n:], err
}

// peerDown reads the reason and what goes with it (RFC 7854 §4.9) and forgets the peer.
func (s *BMPSession) peerDown(body []byte, m *BMPMessage) error {
	s.forget(m.Peer.Neighbour())
	if len(body) < 1 {
		return fmt.Errorf("no reason: %w", ErrTruncated)
	}
	m.Down.Reason, body = body[0], body[1:]
	switch m.Down.Reason {
	case 1, 3:
		typ, _, err := SplitMessage(body)
		if err != nil {
			return fmt.Errorf("reason %d: %w", m.Down.Reason, err)
		}
		if typ != MessageNotification {
			return fmt.Errorf("reason %d: a BGP %s: %w", m.Down.Reason, typ, ErrUnsupported)
		}
		m.Down.Notification = body
	case 2:
		if len(body) < 2 {
			return fmt.Errorf("reason 2: no event code: %w", ErrTruncated)
		}
		m.Down.FSMEvent = binary.BigEndian.Uint16(body)
	case 6:
		if _, err := countTLVs(body); err != nil {
			return fmt.Errorf("reason 6: %w", err)
		}
		m.tlvs = body
	}
	return nil
}

// decodeStatistics checks the counters' lengths (RFC 7854 §4.8). Their number is what is there: it is no reason to
// allocate anything.
func decodeStatistics(body []byte, m *BMPMessage) error {
	if len(body) < 4 {
		return fmt.Errorf("%d of 4 octets: %w", len(body), ErrTruncated)
	}
	n, err := countTLVs(body[4:])
	if err != nil {
		return err
	}
	if said := binary.BigEndian.Uint32(body); uint64(n) != uint64(said) {
		return fmt.Errorf("%d counters, %d there: %w", said, n, ErrBadLength)
	}
	m.tlvs = body[4:]
	return nil
}
