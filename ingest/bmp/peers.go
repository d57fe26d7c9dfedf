package bmp

import (
	"container/list"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// headerLength is the length of the per-peer header before the timestamp. That part identifies the
// peer and the table.
const headerLength = 34

type header [headerLength]byte

// maxRemembered bounds the headers in peers.tables.
const maxRemembered = 1024

// peers holds the peers of a session. Each table of a neighbour counts, and max bounds their
// number. At the bound, a peer that is down is removed for a new one. The peer that has been down
// longest goes first.
type peers struct {
	max, n    int
	last      header // header of the previous message: consecutive messages often have the same
	lastTable *peerTable
	tables    map[header]*peerTable // cache of find's results
	neighbour map[wire.BMPNeighbour]*peer
	down      list.List // of *peer
}

func newPeers(most int) peers {
	return peers{max: most, tables: map[header]*peerTable{}, neighbour: map[wire.BMPNeighbour]*peer{}}
}

// peer is a neighbour of the router.
type peer struct {
	name wire.BMPNeighbour
	// its element of peers.down, after a Peer Down and no Peer Up since; nil otherwise
	down *list.Element
	// the router's AS in the session with the peer; 0: unknown, as when FRR (8.4) no longer has its
	// OPEN
	own    bgp.ASN
	tables []*peerTable
}

// peerTable is a table of a peer.
type peerTable struct {
	of     *peer
	handle *stream.Peer
	id     netip.Addr // BGP identifier of the peer
	up     bool       // Peer Up was written
	// empty is the set of families in which nothing was announced since the table came up. FRR
	// (8.4) withdraws, right after a Peer Up, the routes that it lost with the session before. It
	// also ends tables (End-of-RIB) that it was not asked for. For an empty table neither has an
	// effect.
	empty familySet
	ended bool // an End-of-RIB came since the table came up
}

// familySet has a bit for IPv4, IPv6 and all others.
type familySet uint8

const allFamilies familySet = 7

func familyBit(afi uint16) familySet {
	switch bgp.AFI(afi) {
	case bgp.AFIIPv4:
		return 1
	case bgp.AFIIPv6:
		return 2
	}
	return 4
}

// familiesOf returns the families that an UPDATE announces, and those that it withdraws. An UPDATE
// that cannot be read counts as announcing all. The stage that decodes it reports the fault.
func familiesOf(update []byte) (announced, withdrawn familySet) {
	b := update[min(len(update), wire.HeaderLength):]
	if len(b) < 4 || int(binary.BigEndian.Uint16(b)) > len(b)-4 {
		return allFamilies, 0
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > 0 {
		withdrawn |= familyBit(1)
	}
	b = b[2+n:]
	if n = int(binary.BigEndian.Uint16(b)); n > len(b)-2 {
		return allFamilies, 0
	}
	if len(b) > 2+n {
		announced |= familyBit(1)
	}
	for a := b[2 : 2+n]; len(a) > 0; {
		code, value, rest, ok := attribute(a)
		if !ok {
			return allFamilies, 0
		}
		switch {
		case code == 14 && len(value) >= 2: // MP_REACH_NLRI
			announced |= familyBit(binary.BigEndian.Uint16(value))
		case code == 15 && len(value) > 3: // MP_UNREACH_NLRI that is no End-of-RIB
			withdrawn |= familyBit(binary.BigEndian.Uint16(value))
		}
		a = rest
	}
	return announced, withdrawn
}

// attribute splits off the path attribute at the start of b (RFC 4271 §4.3).
func attribute(b []byte) (code byte, value, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, len(b) == 3 && b[2] == 0
	}
	at, n := 3, int(b[2])
	if b[0]&0x10 != 0 {
		at, n = 4, int(binary.BigEndian.Uint16(b[2:]))
	}
	if n > len(b)-at {
		return 0, nil, nil, false
	}
	return b[1], b[at : at+n], b[at+n:], true
}

// table returns the table that a message names. The error wraps stream.ErrTooManyPeers.
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
		if len(p.tables) >= maxRemembered { // meaningless flags give one table many headers
			clear(p.tables)
		}
		p.tables[h] = t
	}
	p.last, p.lastTable = h, t
	return t, nil
}

// find returns the table that a message names, without the cache. It adds a new table.
func (p *peers) find(s *stream.Stream, m *wire.BMPMessage) (*peerTable, error) {
	n := m.Peer.Neighbour()
	of := p.neighbour[n]
	if of != nil {
		for _, t := range of.tables {
			if t.handle.Key() == m.Peer.Peer && t.id == m.Peer.BGPID {
				return t, nil
			}
		}
	}
	if p.n >= p.max && !p.makeRoom(of) {
		return nil, fmt.Errorf("peer %v: more than %d (max_peers): %w", m.Peer.Peer.Address, p.max,
			stream.ErrTooManyPeers)
	}
	handle, err := s.Peer(m.Peer.Peer, m.Peer.BGPID)
	if err != nil {
		return nil, err
	}
	if of == nil {
		of = &peer{name: n}
		p.neighbour[n] = of
	}
	t := &peerTable{of: of, handle: handle, id: m.Peer.BGPID, empty: allFamilies}
	of.tables = append(of.tables, t)
	p.n++
	return t, nil
}

// makeRoom removes a peer that is down, other than but. It reports whether there was one.
func (p *peers) makeRoom(but *peer) bool {
	for e := p.down.Front(); e != nil; e = e.Next() {
		old := e.Value.(*peer)
		if old == but {
			continue
		}
		p.setUp(old)
		delete(p.neighbour, old.name)
		p.n -= len(old.tables)
		clear(p.tables)
		p.lastTable = nil
		return true
	}
	return false
}

// setDown marks a peer as down.
func (p *peers) setDown(of *peer) {
	if of.down == nil {
		of.down = p.down.PushBack(of)
	}
}

// setUp marks a peer as not down.
func (p *peers) setUp(of *peer) {
	if of.down != nil {
		p.down.Remove(of.down)
		of.down = nil
	}
}
