package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxBMPPeers caps the peers whose state a BMPSession holds.
const MaxBMPPeers = 1 << 16

// ErrTooManyPeers means that a router announces more peers than a BMPSession may hold.
var ErrTooManyPeers = errors.New("too many BMP peers in a session")

// BMPSession decodes the messages of one router's BMP session, in order. From Peer Up to Peer Down
// it keeps the options for decoding the peer's UPDATEs. The zero value is a new session. It is not
// safe for concurrent use.
type BMPSession struct {
	// MaxPeers caps the peers that are up at once; 0 is MaxBMPPeers.
	MaxPeers int

	peers map[BMPNeighbour]bmpPeerState
}

// BMPNeighbour identifies the subject of Peer Up and Peer Down in a session: all tables of a peer
// (RFC 8671 §5). The Loc-RIB is a peer of its own. The AS number distinguishes link-local
// addresses, which are the same on many links.
type BMPNeighbour struct {
	address       netip.Addr
	asn           bgp.ASN // 0 for the Loc-RIB
	distinguisher uint64
	locRIB        bool
}

// bmpPeerState is the state from a Peer Up. It has only a few bits, because a router may have many
// peers.
type bmpPeerState struct {
	// ADD-PATH of received routes (Adj-RIB-In), of sent routes (Adj-RIB-Out) and of the Loc-RIB.
	in, out, loc addPath
	// asOctets is the width of AS numbers that both OPENs agree on (RFC 6793 §4.1). It is 0 if they
	// do not determine it.
	asOctets uint8
}

// addPath holds, for each family, whether NLRI carry path identifiers.
type addPath struct{ ipv4, ipv6 bool }

// Neighbour returns the neighbour of the peer.
func (p *BMPPeer) Neighbour() BMPNeighbour { return neighbourOf(&p.Peer) }

func neighbourOf(p *bgp.Peer) BMPNeighbour {
	id := BMPNeighbour{address: p.Address, asn: p.ASN, distinguisher: p.Distinguisher}
	if p.Table == bgp.TableLoc {
		id.asn, id.locRIB = 0, true
	}
	return id
}

// state returns the state of a peer. A restored peer may be recorded without its AS number.
func (s *BMPSession) state(id BMPNeighbour) (bmpPeerState, bool) {
	state, known := s.peers[id]
	if !known && !id.locRIB {
		id.asn = 0
		state, known = s.peers[id]
	}
	return state, known
}

// Forget removes the state of a peer, as its Peer Down does.
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

// Reset removes the state of all peers. The session has ended.
func (s *BMPSession) Reset() { clear(s.peers) }

// Decode decodes one whole message into m. It copies nothing: m's slices are parts of raw. For a
// message of an unknown type it sets only the type (RFC 7854 §4.1: to be ignored). The error wraps
// ErrTruncated, ErrBadLength, ErrBadMarker, ErrBMPVersion, ErrUnsupported or ErrTooManyPeers. The
// session can continue after an error. If the header of the peer is sound, a Peer Down counts for
// any reason code, a Peer Up for any body, and an UPDATE for any octets behind it: see
// BMPMessage.Salvaged.
func (s *BMPSession) Decode(raw []byte, m *BMPMessage) error {
	*m = BMPMessage{}
	n, typ, err := ParseBMPHeader(raw)
	if err != nil {
		return err
	}
	if n != len(raw) {
		return fmt.Errorf("decoding a BMP message: %d octets, but the length in its header is %d: %w",
			len(raw), n, ErrBadLength)
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

// routeMonitoring checks that body is one UPDATE (RFC 7854 §4.6), with or without TLVs behind it,
// and determines its options. It accepts an UPDATE that is cut or whose header is unreadable:
// Decoder.Salvage decides which parts of it count. It sets Update also if other octets follow, and
// returns an error.
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
	if n < len(body) { // Huawei puts TLVs that mark paths behind the UPDATE
		if _, err := countTLVs(body[n:]); err != nil {
			return fmt.Errorf("%d octets after the UPDATE: %w", len(body)-n, ErrBadLength)
		}
		m.tlvs = body[n:]
	}
	return nil
}

// options determines the options for the body of an UPDATE.
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

// peerUp stores the state that both OPENs agree on (RFC 7854 §4.10). If it cannot read them, the
// session has no state of the peer any more.
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

// negotiated returns the state that the OPENs of the router and of the peer agree on.
func negotiated(sent, received *Open) bmpPeerState {
	// The OPENs of a Loc-RIB peer are made up (RFC 9069 §4.5). Any mode in both means that path
	// identifiers are present.
	loc := func(f bgp.Family) bool { return sent.addPathMode(f) != 0 && received.addPathMode(f) != 0 }
	return bmpPeerState{
		in:  addPath{AddPathNegotiated(received, sent, bgp.IPv4), AddPathNegotiated(received, sent, bgp.IPv6)},
		out: addPath{AddPathNegotiated(sent, received, bgp.IPv4), AddPathNegotiated(sent, received, bgp.IPv6)},
		loc: addPath{loc(bgp.IPv4), loc(bgp.IPv6)},

		asOctets: negotiatedWidth(sent, received),
	}
}

// negotiatedWidth returns the width of AS numbers between two speakers. It is 4 if both have the
// capability of RFC 6793, and 2 if one has not. It is 0 if an OPEN is missing and the other does
// not decide.
func negotiatedWidth(sent, received *Open) uint8 {
	known := func(o *Open) bool { return o.Version != 0 } // false for a header alone, see cutOpen
	switch {
	case known(sent) && !sent.FourOctetASN || known(received) && !received.FourOctetASN:
		return 2
	case known(sent) && known(received):
		return 4
	}
	return 0
}

// pathWidth returns the expected width of AS numbers in the UPDATEs of a peer. It is the width of
// the OPENs in its Peer Up, because some routers set the A flag wrongly. If they do not determine
// it, the A flag does. The A flag also decides for the Loc-RIB, whose OPENs are made up.
func (p *BMPPeer) pathWidth(state bmpPeerState) uint8 {
	switch {
	case state.asOctets != 0 && p.Type != BMPPeerLocRIB:
		return state.asOctets
	case p.TwoOctet():
		return 2
	}
	return 4
}

// pathWidth returns the value of Options.ASOctets for the body of an UPDATE: the expected width, or
// the other one if only that fits. A router may send in 4 octets an AS number that it received in 2
// (RFC 7854 §4.2), and FRR 8 sends its own routes in 2.
func pathWidth(body []byte, want uint8) uint8 {
	if want == 4 {
		return 0
	}
	var p paths
	if _, attributes, _, err := splitUpdate(body); err == nil && p.find(attributes) &&
		!pathFits(p.path, 2) && pathFits(p.path, 4) {
		return 4
	}
	return 2
}

// cutOpen decodes the OPEN at the start of b and returns the octets behind it. It sets whole to the
// message. A header alone represents an OPEN that the router no longer has (FRR 8.4, for a session
// older than its BMP session). Such an OPEN has no capabilities.
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

// peerDown decodes the reason and its data (RFC 7854 §4.9) and removes the state of the peer.
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

// decodeStatistics checks the lengths of the counters (RFC 7854 §4.8). It allocates nothing for the
// number of counters in the message.
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
