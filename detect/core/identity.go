package core

import (
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// A collector's peers are identified by address and AS number. An AS number that names no network
// (bgp.ASN.Identifies) does not count: the 0 of some peer index tables, or AS_TRANS in UPDATEs of
// 2-octet AS numbers. Then the address alone identifies the peer within the collector, and its AS
// number is that of the peer with this address that has one. If two peers with this address have an
// AS number, or none has, the peer without one is a peer of its own.

// peer finds or makes a peer. An error wraps codec.ErrInvalid.
func (c *collector) peer(in *pb.Peer) (*peer, error) {
	k, err := codec.ParsePeer(in)
	if err != nil {
		return nil, err
	}
	if p := c.peers[k]; p != nil {
		return p, nil
	}
	if p := c.same[k]; p != nil {
		return p, nil
	}
	if len(c.peers)+len(c.same) >= maxPeers {
		return nil, fmt.Errorf("peer %v: collector %s has %d already: %w",
			k.Address, c.name, maxPeers, codec.ErrInvalid)
	}
	if p := c.alike(k); p != nil {
		c.same[k] = p
		return p, nil
	}
	p := &peer{key: bgp.PeerKey{Collector: c.name, Peer: k}}
	c.peers[k] = p
	c.at[k.WithoutASN()] = append(c.at[k.WithoutASN()], p)
	return p, nil
}

// alike returns the peer that k is under another AS number; nil if k is a new peer, or may be one
// of several. A peer without an AS number gets that of k.
func (c *collector) alike(k bgp.Peer) *peer {
	var nameless, named *peer
	several := false
	for _, p := range c.at[k.WithoutASN()] {
		if p.key.ASN.Identifies() {
			several = several || named != nil
			named = p
		} else {
			nameless = p
		}
	}
	switch {
	case !k.ASN.Identifies() && named != nil && !several:
		return named
	case nameless == nil:
		return nil
	case k.ASN.Identifies():
		delete(c.peers, nameless.key.Peer)
		c.same[nameless.key.Peer] = nameless
		nameless.key.ASN = k.ASN
		c.peers[k] = nameless
	}
	return nameless
}

// peerSet reads a list of peers. An empty list means all, and the result is nil.
func (c *collector) peerSet(in []*pb.Peer) (map[*peer]bool, error) {
	if len(in) == 0 {
		return nil, nil //nolint:nilnil // nil is all
	}
	out := make(map[*peer]bool, len(in))
	for _, x := range in {
		p, err := c.peer(x)
		if err != nil {
			return nil, err
		}
		out[p] = true
	}
	return out, nil
}
