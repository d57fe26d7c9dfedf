package core

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestRoutersAlone: three routers that send their tables in sessions, without any archive, are
// enough for a verdict if the configuration needs so few voters.
func TestRoutersAlone(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Panel.DecideInterval, cfg.Panel.TransferTimeout = time.Minute, time.Minute
	f := newFeed(t, cfg)
	peer := func(i int) *pb.Peer {
		return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), ASN: bgp.ASN(64500 + i)}, netip.Addr{})
	}
	// Each sends messages for every peer of every router: the neighbours of one are the other two.
	each := func(first func(c string), say func(c string, p *pb.Peer)) {
		for i := 1; i <= 3; i++ {
			c := fmt.Sprintf("bmp/r%d", i)
			first(c)
			for j := 1; j <= 3; j++ {
				if j != i {
					say(c, peer(j))
				}
			}
		}
	}
	nothing := func(string) {}
	prefix := func(k int) []byte { return octets(t, fmt.Sprintf("10.102.%d.0/24", k)) }
	each(func(c string) {
		f.apply(record(c, dawn, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST}))
		f.apply(record(c, dawn, &pb.CollectorUp{}))
	}, func(c string, p *pb.Peer) {
		f.apply(record(c, dawn, &pb.PeerUp{Peer: p}))
		for k := range 8 {
			f.apply(record(c, dawn, &pb.RouteChanges{Peer: p, OriginAs: 64501, UpstreamAs: 64502, Announced: []*pb.Route{{Prefix: prefix(k)}}}))
		}
	})
	for range 9 {
		f.close()
	}
	each(nothing, func(c string, p *pb.Peer) {
		f.apply(record(c, dawn+540, &pb.RouteChanges{Peer: p, Withdrawn: []*pb.Route{{Prefix: prefix(0)}}}))
	})
	for range 8 {
		f.close()
	}
	if got := told(f, single); len(got) != 1 || got[0] != "10.102.0.0/24 outage open 9-open" {
		t.Errorf("got %q, want the prefix that was taken back", got)
	}
}
