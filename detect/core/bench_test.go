package core

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	benchPrefixes   = 600_000
	benchCollectors = 10
	benchPeers      = 4 // of each collector
)

// benchPrefix returns a /24, and for every sixteenth i a /20 above sixteen of them.
func benchPrefix(i int) []byte {
	a := uint32(1<<24) + uint32(i)<<8
	p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), 0}), 24)
	if i%16 == 0 {
		p = netip.PrefixFrom(p.Addr(), 20)
	}
	return codec.AppendPrefix(nil, p)
}

func benchPeer(c, p int) *pb.Peer {
	return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, byte(c), byte(p)}), ASN: bgp.ASN(100 + c*16 + p)}, netip.Addr{})
}

// benchWorld returns a detector with full tables of 40 peers and its first window closed.
func benchWorld(b *testing.B) *feed {
	b.Helper()
	f := newFeed(b, DefaultConfig())
	var places []*pb.Place
	for i := range 200 {
		places = append(places, &pb.Place{Country: string([]byte{'A' + byte(i/26), 'A' + byte(i%26)})})
	}
	for c := range benchCollectors {
		name := fmt.Sprint("file/c", c)
		f.apply(record(name, dawn, &pb.GapBegin{Id: "t"}))
		for i := 0; i < benchPrefixes; i += 2000 {
			ch := &pb.TableChunk{Id: "t", Family: pb.Family_FAMILY_IPV4, Places: places}
			for p := range benchPeers {
				ch.Peers = append(ch.Peers, benchPeer(c, p))
			}
			for j := i; j < min(i+2000, benchPrefixes); j++ {
				ch.Prefixes = append(ch.Prefixes, &pb.TablePrefix{
					Prefix: benchPrefix(j), PlaceShares: []uint64{uint64(j / 3000), 256},
					Paths: []*pb.TablePath{{OriginAs: uint32(1000 + j/8), UpstreamAs: 10, Peers: []byte{0b0101}}, {OriginAs: uint32(1000 + j/8), UpstreamAs: 11, Peers: []byte{0b1010}}},
				})
			}
			f.apply(record(name, dawn, ch))
		}
		f.apply(record(name, dawn, &pb.GapEnd{Id: "t", Complete: true}))
	}
	f.outs = nil
	return f
}

// cpu returns the process's user time in nanoseconds, without the time of other processes.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano()
}

// BenchmarkClose closes windows over 600,000 prefixes and 40 peers.
func BenchmarkClose(b *testing.B) { benchClose(b, benchWorld(b)) }

// BenchmarkCloseWatched does the same with 10,000 members in 200 watch lists.
func BenchmarkCloseWatched(b *testing.B) {
	f := benchWorld(b)
	for _, r := range benchLists() {
		f.apply(r)
	}
	benchClose(b, f)
}

// benchLists returns 200 watch lists of 50 members each: 40 prefixes, of which 35 have routes of
// their own, 5 ASes, a country and 4 hosts.
func benchLists() (out []*pb.RouteRecord) {
	for i := range 200 {
		l := &pb.WatchList{Name: fmt.Sprint("list-", i)}
		add := func(m *pb.WatchMember) { l.Members = append(l.Members, m) }
		for j := range 35 {
			add(&pb.WatchMember{Member: &pb.WatchMember_Prefix{Prefix: benchPrefix(i*3000 + j*80 + 1)}, Origins: []uint32{uint32(1000 + (i*3000+j*80+1)/8)}})
		}
		for j := range 5 { // more specific than a /20, and not announced
			add(&pb.WatchMember{Member: &pb.WatchMember_Prefix{Prefix: codec.AppendPrefix(nil, netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(i), byte(j), 0}), 24))}})
			add(&pb.WatchMember{Member: &pb.WatchMember_Asn{Asn: uint32(1000 + i*370 + j)}})
		}
		add(&pb.WatchMember{Member: &pb.WatchMember_Country{Country: "TO"}})
		for j := range 4 {
			host := fmt.Sprintf("h%d.example.net", j)
			add(&pb.WatchMember{Member: &pb.WatchMember_Host{Host: host}})
			at := netip.MustParsePrefix("1.0.0.0/24").Addr().As4()
			at[1], at[2], at[3] = byte(i%9), byte(j*16+1), 7
			out = append(out, record("", dawn, &pb.HostAddresses{List: l.Name, Host: host, Addresses: [][]byte{at[:]}, ResolvedAtUs: 1}))
		}
		out = append(out, record("", dawn, l))
	}
	return out
}

func benchClose(b *testing.B, f *feed) {
	b.Helper()
	began := cpu(b)
	f.close()
	b.Logf("first window, tables of 24 M routes: %d ms", (cpu(b)-began)/1e6)
	began = cpu(b)
	for range 60 { // every prefix has a record
		f.close()
	}
	b.Logf("a window of the hour after it: %d ms, %d records", (cpu(b)-began)/60e6, len(f.outs)/60)
	f.outs = nil
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("heap: %d kB", m.HeapAlloc/1000)
	change := func(n int) {
		for i := range n {
			c, p := i%benchCollectors, i/benchCollectors%benchPeers
			f.apply(record(fmt.Sprint("file/c", c), f.window, &pb.RouteChanges{Peer: benchPeer(c, p), Withdrawn: []*pb.Route{{Prefix: benchPrefix(i / 40 * 7)}}}))
		}
	}
	gone := func(from, to int) { // 8 are an AS, 3000 a country
		for c := range benchCollectors {
			for p := range benchPeers {
				ch := &pb.RouteChanges{Peer: benchPeer(c, p)}
				for i := from; i < to; i++ {
					ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: benchPrefix(i)})
				}
				f.apply(record(fmt.Sprint("file/c", c), f.window, ch))
			}
		}
	}
	for _, tt := range []struct {
		name string
		do   func(i int)
	}{
		{"idle", func(int) {}},
		{"20000 withdrawals", func(int) { change(20_000) }},
		{"a peer down or up", func(i int) {
			if i%2 == 0 {
				f.apply(record("file/c0", f.window, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE}))
			} else {
				f.apply(record("file/c0", f.window, &pb.CollectorUp{}))
			}
		}},
		{"an hour", func(int) { f.window += 3600 - f.window%3600 - 60 }},
		{"an AS more, of 20000 lost prefixes", func(i int) {
			if i == 0 {
				gone(0, 20_000)
				for range 20 {
					f.close()
				}
				f.outs = nil
			}
			gone(20_000+8*i, 20_008+8*i)
		}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			spent, i := int64(0), 0
			for b.Loop() {
				b.StopTimer()
				tt.do(i)
				i++
				b.StartTimer()
				began := cpu(b)
				f.close()
				spent += cpu(b) - began
				f.outs = nil
			}
			b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// BenchmarkApply applies messages of four announcements and one withdrawal.
func BenchmarkApply(b *testing.B) { benchApply(b, benchWorld(b)) }

// BenchmarkApplyWatched does the same with 10,000 members in 200 watch lists.
func BenchmarkApplyWatched(b *testing.B) {
	f := benchWorld(b)
	for _, r := range benchLists() {
		f.apply(r)
	}
	benchApply(b, f)
}

func benchApply(b *testing.B, f *feed) {
	b.Helper()
	f.close()
	rng := rand.New(rand.NewPCG(1, 1))
	var recs []*pb.RouteRecord
	for range 20_000 {
		c, p, i := rng.IntN(benchCollectors), rng.IntN(benchPeers), rng.IntN(benchPrefixes/8)*8
		ch := &pb.RouteChanges{Peer: benchPeer(c, p), OriginAs: uint32(1000 + i/8), UpstreamAs: uint32(10 + rng.IntN(2)), Places: []*pb.Place{{Country: "AA"}}}
		for j := range 4 {
			ch.Announced = append(ch.Announced, &pb.Route{Prefix: benchPrefix(i + j), PlaceShares: []uint64{0, 256}})
		}
		ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: benchPrefix(i + 5)})
		recs = append(recs, record(fmt.Sprint("file/c", c), f.window, ch))
	}
	spent, began, i := int64(0), cpu(b), 0
	for b.Loop() {
		if err := f.detector.Apply(recs[i%len(recs)], f.window*1e6); err != nil {
			b.Fatal(err)
		}
		if i++; i%len(recs) == 0 {
			b.StopTimer()
			spent += cpu(b) - began
			f.close()
			began = cpu(b)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(spent+cpu(b)-began)/float64(b.N)/5, "cpu-ns/change")
}

// BenchmarkTables applies the tables of the whole Internet: 1.2 million prefixes of 40 full feeds
// on 4 collectors, with all gaps open at once, and closes the window after it. heap-MB is the heap
// in use then, with the bits of the gaps before they end.
func BenchmarkTables(b *testing.B) {
	const prefixes, collectors, peers, perChunk = 1_200_000, 4, 10, 4000
	var places []*pb.Place
	for i := range 200 {
		places = append(places, &pb.Place{Country: string([]byte{'A' + byte(i/26), 'A' + byte(i%26)})})
	}
	for b.Loop() {
		f := newFeed(b, DefaultConfig())
		heap := heapInUse()
		for c := range collectors {
			f.apply(record(fmt.Sprint("ris/c", c), dawn, &pb.GapBegin{Id: "t"}))
		}
		took := int64(0)
		for i := 0; i < prefixes; i += perChunk {
			for c := range collectors {
				ch := &pb.TableChunk{Id: "t", Family: pb.Family_FAMILY_IPV4, Places: places}
				for p := range peers {
					ch.Peers = append(ch.Peers, benchPeer(c, p))
				}
				for j := i; j < i+perChunk; j++ {
					ch.Prefixes = append(ch.Prefixes, &pb.TablePrefix{
						Prefix: benchPrefix(j), PlaceShares: []uint64{uint64(j / 6000), 256}, Paths: []*pb.TablePath{
							{OriginAs: uint32(1000 + j/15), UpstreamAs: 10, Peers: []byte{0b01010101, 0b01}},
							{OriginAs: uint32(1000 + j/15), UpstreamAs: 11, Peers: []byte{0b10101010, 0b10}},
						},
					})
				}
				r := record(fmt.Sprint("ris/c", c), dawn, ch)
				began := cpu(b)
				f.apply(r)
				took += cpu(b) - began
			}
		}
		b.ReportMetric(float64(heapInUse()-heap)/1e6, "heap-MB")
		began := cpu(b)
		for c := range collectors {
			f.apply(record(fmt.Sprint("ris/c", c), dawn, &pb.GapEnd{Id: "t", Complete: true}))
		}
		b.ReportMetric(float64(cpu(b)-began)/1e9, "end-cpu-s")
		b.ReportMetric(float64(took)/1e9, "chunks-cpu-s")
		f.close()
		if n := f.detector.family(bgp.IPv4).panel.Voters().N; n != collectors*peers {
			b.Fatalf("%d voters, want %d", n, collectors*peers)
		}
		b.ReportMetric(float64(heapInUse()-heap)/1e6, "heap-after-MB")
		runtime.KeepAlive(f)
	}
}

// heapInUse returns the heap in use after a collection.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
