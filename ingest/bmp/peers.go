package bmp

import (
	"net/netip"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// headerLength is the part of the per-peer header before the timestamp: it tells peers and tables apart.
const headerLength = 34

type header [headerLength]byte

// peers are those of a session. The zero value has none. Their number is bounded by stream.MaxPeers.
type peers struct {
	last      header // of the message before: neighbours speak at length
	lastTable *peerTable
	tables    map[header]*peerTable // a memory of what follows
	byKey     map[*stream.Peer]*peerTable
	neighbour map[neighbour]*peer
}

// neighbour names what Peer Up and Peer Down speak of: all tables but the Loc-RIB, which is a peer of its own.
type neighbour struct {
	address       netip.Addr
	distinguisher uint64
	locRIB        bool
}

// peer is a neighbour of the router.
type peer struct {
	down   bool // it was said, and no Peer Up since
	tables []*peerTable
}

// peerTable is one of its tables.
type peerTable struct {
	of     *peer
	handle *stream.Peer
	up     bool // Peer Up was written
}

// table returns the one that a message speaks of. The error is stream.ErrTooManyPeers.
func (p *peers) table(s *stream.Stream, m *wire.BMPMessage, raw []byte) (*peerTable, error) {
	h := header(raw[wire.BMPHeaderLength:])
	if p.lastTable != nil && h == p.last {
		return p.lastTable, nil
	}
	t, ok := p.tables[h]
	if !ok {
		var err error
		if t, err = p.find(s, m); err != nil {
			return nil, err
		}
		if p.tables == nil || len(p.tables) >= stream.MaxPeers { // flags that mean nothing make many of one
			p.tables = map[header]*peerTable{}
		}
		p.tables[h] = t
	}
	p.last, p.lastTable = h, t
	return t, nil
}

// find is table without the memory.
func (p *peers) find(s *stream.Stream, m *wire.BMPMessage) (*peerTable, error) {
	handle, err := s.Peer(m.Peer.Peer, m.Peer.BGPID)
	if err != nil {
		return nil, err
	}
	if t, ok := p.byKey[handle]; ok {
		return t, nil
	}
	if p.byKey == nil {
		p.byKey, p.neighbour = map[*stream.Peer]*peerTable{}, map[neighbour]*peer{}
	}
	n := neighbour{m.Peer.Peer.Address, m.Peer.Peer.Distinguisher, m.Peer.Type == wire.BMPPeerLocRIB}
	of := p.neighbour[n]
	if of == nil {
		of = &peer{}
		p.neighbour[n] = of
	}
	t := &peerTable{of: of, handle: handle}
	of.tables = append(of.tables, t)
	p.byKey[handle] = t
	return t, nil
}
