package core

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// specifics is a world of one AS with n /24s that six voters hold, with or without an aggregate of
// the same origin.
type specifics struct {
	n       int
	covered bool
}

// octets returns the i-th /24, from 11.0.0.0 on.
func (s specifics) octets(i int) []byte {
	a := uint32(11<<24) + uint32(i)<<8
	return codec.AppendPrefix(nil, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), 0}), 24))
}

// start plays the tables.
func (s specifics) start(tb testing.TB) *feed {
	tb.Helper()
	f := newFeed(tb, small())
	for c := range 3 {
		name := collectorName(c)
		f.apply(record(name, dawn, &pb.GapBegin{Id: "t"}))
		ch := &pb.TableChunk{Id: "t", Family: pb.Family_FAMILY_IPV4, Places: []*pb.Place{{Country: "AA"}}, Peers: []*pb.Peer{benchPeer(c, 0), benchPeer(c, 1)}}
		add := func(prefix []byte, origin uint32, space uint64) {
			ch.Prefixes = append(ch.Prefixes, &pb.TablePrefix{
				Prefix: prefix, PlaceShares: []uint64{0, space}, Paths: []*pb.TablePath{{OriginAs: origin, UpstreamAs: 10, Peers: []byte{3}}},
			})
		}
		if s.covered {
			add(codec.AppendPrefix(nil, netip.MustParsePrefix("10.0.0.0/7")), 64500, 1<<25)
		}
		for i := range s.n {
			add(s.octets(i), 64500, 256)
		}
		f.apply(record(name, dawn, ch))
		f.apply(record(name, dawn, &pb.GapEnd{Id: "t", Complete: true}))
	}
	f.close()
	return f
}

// play withdraws every /24 within a minute and announces all of them again 15 minutes later.
func (s specifics) play(f *feed) {
	for _, back := range []bool{false, true} {
		for c := range 3 {
			for p := range 2 {
				for i := 0; i < s.n; i += 500 {
					ch := &pb.RouteChanges{Peer: benchPeer(c, p)}
					for j := i; j < min(i+500, s.n); j++ {
						r := &pb.Route{Prefix: s.octets(j)}
						if back {
							ch.OriginAs, ch.UpstreamAs = 64500, 10
							ch.Announced = append(ch.Announced, r)
						} else {
							ch.Withdrawn = append(ch.Withdrawn, r)
						}
					}
					f.apply(record(collectorName(c), f.window, ch))
				}
			}
		}
		f.until(f.window + 15*60)
	}
}

// BenchmarkCovered withdraws more-specifics in a minute and announces them again. Under an
// aggregate it takes about as much as without one, and ten times as many take ten times as much.
func BenchmarkCovered(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		for _, covered := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/covered=%v", n, covered), func(b *testing.B) {
				spent := int64(0)
				for b.Loop() {
					b.StopTimer()
					s := specifics{n, covered}
					f := s.start(b)
					began := cpu(b)
					b.StartTimer()
					s.play(f)
					spent += cpu(b) - began
				}
				b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
			})
		}
	}
}
