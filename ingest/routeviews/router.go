package routeviews

import (
	"context"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// judge decides from the messages after an Initiation whether the router's session is new (RFC 7854
// §4.3). In a new session its peers come up again. The peers that have sent nothing in it are then
// down.
func (s *Source) judge(ctx context.Context, p *partition, offset int64) error {
	if p.doubted == nil {
		return nil
	}
	m := &s.bmp
	_, known := p.doubted[m.Peer.Peer]
	switch m.Type {
	case wire.BMPPeerDown: // a new session may begin with it, too
		delete(p.doubted, m.Peer.Peer)
	case wire.BMPPeerUp:
		if known || p.unheard && len(p.doubted) == 0 {
			delete(p.doubted, m.Peer.Peer)
			return s.ended(ctx, p, offset, p.doubted)
		}
	default:
		if known || !m.Known { // no Peer Up came before it
			p.doubted = nil
		}
	}
	return nil
}

// ended takes down peers after the end of a router's session. If the router may have had other
// peers, only the collector's tables show which ones are left.
func (s *Source) ended(
	ctx context.Context, p *partition, offset int64, gone map[bgp.Peer]*stream.Peer,
) error {
	p.doubted = nil
	for _, k := range slices.SortedFunc(maps.Keys(gone), bgp.Peer.Compare) {
		peer := gone[k]
		delete(p.peers, k)
		p.bmp.Forget(k)
		p.seek(offset)
		if err := p.lane.PeerDown(ctx, peer, s.header.Timestamp, "the router's BMP session ended"); err != nil {
			return err
		}
	}
	if !p.unheard {
		return nil
	}
	p.unheard = false
	if _, err := p.c.stream.BeginGap(
		ctx, 0, "the BMP session of a router ended, and not all of its peers are known",
	); err != nil {
		return err
	}
	s.touch(p.c)
	return nil
}
