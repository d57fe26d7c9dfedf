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

// headerLength is the part of the per-peer header before the timestamp: it tells peers and tables apart.
const headerLength = 34

type header [headerLength]byte

// maxRemembered bounds what peers remember of headers.
const maxRemembered = 1024

// peers are those of a session, each table of a neighbour counted. Their number is bounded by max: where there are that many, one that is
// down makes room, the longest down first.
type peers struct {
	max, n    int
	last      header // of the message before: neighbours speak at length
	lastTable *peerTable
	tables    map[header]*peerTable // a memory of what follows
	neighbour map[wire.BMPNeighbour]*peer
	down      list.List // of *peer
}

func newPeers(most int) peers {
	return peers{max: most, tables: map[header]*peerTable{}, neighbour: map[wire.BMPNeighbour]*peer{}}
}

// peer is a neighbour of the router.
type peer struct {
	name   wire.BMPNeighbour
	down   *list.Element // of peers.down: it was said, and no Peer Up since; nil where it was not
	own    bgp.ASN       // the router's AS in the session with it; 0 unknown, as where FRR (8.4) has forgotten its OPEN
	tables []*peerTable
}

// peerTable is one of its tables.
type peerTable struct {
	of     *peer
	handle *stream.Peer
	id     netip.Addr // its BGP identifier
	up     bool       // Peer Up was written
	// empty are the families of which nothing was announced since it came up. FRR (8.4) withdraws, right after a Peer Up, what was
	// lost with the session before it, and ends tables (End-of-RIB) that it was not asked for: of an empty table, both say nothing.
	empty familySet
	ended bool // an End-of-RIB came since
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

// familiesOf tells of which families an UPDATE announces and withdraws. One that cannot be read announces all: whoever decodes it
// says what is wrong.
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

// attribute cuts the path attribute at the start of b (RFC 4271 §4.3).
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

// table returns the one that a message speaks of. The error wraps stream.ErrTooManyPeers.
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
		if len(p.tables) >= maxRemembered { // flags that mean nothing make many of one
			clear(p.tables)
		}
		p.tables[h] = t
	}
	p.last, p.lastTable = h, t
	return t, nil
}

// find is table without the memory.
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
		return nil, fmt.Errorf("peer %v: more than %d (max_peers): %w", m.Peer.Peer.Address, p.max, stream.ErrTooManyPeers)
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

// makeRoom forgets a peer that is down, but for one that is spoken of; it reports whether there was any.
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

// setDown notes that a peer is down.
func (p *peers) setDown(of *peer) {
	if of.down == nil {
		of.down = p.down.PushBack(of)
	}
}

// setUp notes that it is not.
func (p *peers) setUp(of *peer) {
	if of.down != nil {
		p.down.Remove(of.down)
		of.down = nil
	}
}
