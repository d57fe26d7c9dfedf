package rislivetest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/mrt"
)

// table holds the routes of the peers of one collector. AS_SETs in a path become sequences.
type table map[bgp.Peer]map[netip.Prefix]wire.PlainAttributes

// clone copies the maps that a play changes.
func (t table) clone() table {
	c := make(table, len(t))
	for p, routes := range t {
		c[p] = maps.Clone(routes)
	}
	return c
}

// rib adds the routes of a prefix in a dump.
func (t table) rib(d *wire.Decoder, it *capture.Item) error {
	for i := range it.Entries {
		e := &it.Entries[i]
		u, err := d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: e.ASOctets})
		if err != nil {
			return fmt.Errorf("%v of AS%v: %w", it.Prefix, e.Peer.ASN, err)
		}
		t.set(e.Peer, it.Prefix, attributes(u))
	}
	return nil
}

func (t table) set(p bgp.Peer, prefix netip.Prefix, a wire.PlainAttributes) {
	if t[p] == nil {
		t[p] = map[netip.Prefix]wire.PlainAttributes{}
	}
	t[p][prefix] = a
}

// hear applies an event: an UPDATE changes the routes of its peer, the end of a session deletes
// them.
func (t table) hear(d *wire.Decoder, e *Event) error {
	const header, typeAt, update = 19, 18, 2
	switch {
	case e.Message == nil:
		if e.State != bgp.Established {
			delete(t, e.Peer)
		}
		return nil
	case len(e.Message) < header || e.Message[typeAt] != update:
		return nil
	}
	u, err := d.DecodeUpdate(e.Message[header:], wire.Options{ASOctets: e.ASOctets})
	if err != nil {
		return fmt.Errorf("a message of AS%v at %v: %w", e.Peer.ASN, e.At, err)
	}
	for _, n := range u.Withdrawn {
		delete(t[e.Peer], n.Prefix)
	}
	for _, n := range u.Announced {
		t.set(e.Peer, n.Prefix, attributes(u))
	}
	return nil
}

func attributes(u *wire.Update) wire.PlainAttributes {
	a := wire.PlainAttributes{
		Origin: u.Attributes.Origin, NextHop: u.Attributes.NextHop,
		NextHop6: u.Attributes.MPNextHop,
	}
	for _, s := range u.Attributes.Path {
		a.Path = append(a.Path, s.ASNs...)
	}
	return a
}

func comparePeers(a, b bgp.Peer) int {
	return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.ASN, b.ASN))
}

// dump returns the table as TABLE_DUMP_V2 (RFC 6396 §4.3).
func (t table) dump(at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := mrt.NewWriter(&b)
	peers := slices.SortedFunc(maps.Keys(t), comparePeers)
	index := make([]mrt.TablePeer, len(peers))
	entries := map[netip.Prefix][]mrt.Entry{}
	for i, p := range peers {
		index[i] = mrt.TablePeer{BGPID: netip.AddrFrom4([4]byte{192, 0, 2, 9}), Address: p.Address, ASN: p.ASN}
		for prefix, a := range t[p] {
			entries[prefix] = append(entries[prefix], mrt.Entry{Peer: uint16(i), Originated: at, Attributes: a})
		}
	}
	w.PeerIndexTable(at, netip.AddrFrom4([4]byte{192, 0, 2, 254}), "", index)
	for i, prefix := range slices.SortedFunc(maps.Keys(entries), netip.Prefix.Compare) {
		w.RIB(at, uint32(i), prefix, entries[prefix])
	}
	return b.Bytes(), w.Err()
}
