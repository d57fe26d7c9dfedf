package core

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/memlimit"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// memoryPrefixes is the number of IPv4 prefixes in BenchmarkMemory's tables unless
	// BENCH_MEMORY_PREFIXES has another number. The Internet has fullPrefixes.
	memoryPrefixes = 12_000
	fullPrefixes   = 1_200_000
	// memoryIPv6Part is the number of IPv4 prefixes for each IPv6 prefix.
	memoryIPv6Part = 5
	// memoryCollectors is the number of collectors, each with memoryPeers with full tables.
	memoryCollectors, memoryPeers = 10, 40
	memorySlots                   = memoryCollectors * memoryPeers
	// memoryChanges is the number of changes in a minute at full size: 12,000 a second.
	memoryChanges = 12_000 * 60
	memoryMinutes = 10
	// memoryChunk is the number of prefixes in a table chunk.
	memoryChunk = 500
	// perOrigin is the number of prefixes of an origin.
	perOrigin = 15
)

// memoryWorld makes tables like those of real feeds. These were measured on route-views2 of May
// 2014 with 30 full feeds, and scaled to 400: the number of (origin, upstream) pairs of a prefix (4
// in the mean), the number of feeds that hold each pair (34 % of the pairs one, 51 % five at most),
// the prefixes that some feed does not hold (10.5 %), and those with two origins (1 %).
type memoryWorld struct {
	*feed
	b        *testing.B
	rng      *rand.Rand
	prefixes [len(bgp.Families)]int
	places   []*pb.Place
	back     []*pb.RouteRecord // announced again in the next minute
}

// memoryRow is a prefix: the pair over which each peer hears it. noPair is the pair of a peer that
// does not hold it.
type memoryRow struct {
	pair  [memorySlots]uint8
	pairs int
}

const noPair = ^uint8(0)

// holeEvery is the number of prefixes of which one is not held by up to 20 peers.
const holeEvery = 12

// row returns prefix i of a family. It is the same each time.
func (w *memoryWorld) row(family bgp.Family, i int, to *memoryRow) {
	rng := rowRand(family, i)
	*to = memoryRow{pairs: pairsOf(rng)}
	for p := 1; p < to.pairs; p++ {
		for range feedsOf(rng) {
			if s := rng.IntN(memorySlots); to.pair[s] == 0 {
				to.pair[s] = uint8(p)
			}
		}
	}
	holes := 0
	switch {
	case i%holeEvery == 0:
		holes = 1 + rng.IntN(20)
	case i%(4*holeEvery) == 1:
		holes = memorySlots - skewed(rng, memorySlots)
	}
	for holes > 0 {
		if s := rng.IntN(memorySlots); to.pair[s] != noPair {
			to.pair[s] = noPair
			holes--
		}
	}
}

// rowRand draws prefix i, its pairs first.
func rowRand(f bgp.Family, i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(f), uint64(i))) }

// pairsOf draws the number of pairs of a prefix.
func pairsOf(rng *rand.Rand) int {
	var n int
	switch x := rng.IntN(1000); {
	case x < 611:
		return 1
	case x < 783:
		n = 2
	case x < 868:
		n = 3
	case x < 901:
		n = 4
	case x < 961:
		n = 5 + rng.IntN(6)
	default:
		n = 11 + rng.IntN(14)
	}
	return 1 + ((n-1)*21+rng.IntN(10))/10 // 2.1 times as many beside the first: the mean of 400 feeds
}

// feedsOf draws the number of feeds that hold a pair that is not the largest of its prefix.
func feedsOf(rng *rand.Rand) int {
	switch x := rng.IntN(100); {
	case x < 45:
		return 1
	case x < 68:
		return 2 + rng.IntN(4)
	}
	return 5 + skewed(rng, memorySlots/4)
}

// skewed draws from 1 to n, each power of two as often as another.
func skewed(rng *rand.Rand, n int) int {
	top := 1 << rng.IntN(10)
	return min(n, 1+rng.IntN(top))
}

// path returns the origin and the upstream of a pair of prefix i.
func (w *memoryWorld) path(i int, pair uint8) (origin, upstream uint32) {
	origin = uint32(100_000 + i/perOrigin)
	if i%100 == 7 && pair == 1 {
		origin = uint32(100_000 + (i*31)%(w.prefixes[0]/perOrigin+1))
	}
	return origin, uint32(1000 + (i/perOrigin*7+int(pair)*13)%5000)
}

// groupEnd returns the first prefix after i of another origin.
func (w *memoryWorld) groupEnd(fi, i int) int {
	return min(i-i%perOrigin+perOrigin, w.prefixes[fi])
}

func memoryPrefix(f bgp.Family, i int) []byte {
	if f == bgp.IPv4 {
		return benchPrefix(i)
	}
	a := [16]byte{0x20, 0x01, 0, byte(i >> 16), byte(i >> 8), byte(i)}
	return codec.AppendPrefix(nil, netip.PrefixFrom(netip.AddrFrom16(a), 48))
}

// memoryPeer returns peer p of collector c. Some ASNs have two peers.
func memoryPeer(c, p int) *pb.Peer {
	asn := 3000 + c*memoryPeers + p
	if c%2 == 1 && p%8 == 0 {
		asn -= memoryPeers
	}
	return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, byte(c), byte(p)}), ASN: bgp.ASN(asn)}, netip.Addr{})
}

func memoryCollector(c int) string { return fmt.Sprint("ris/c", c) }

// tables applies the tables of all collectors.
func (w *memoryWorld) tables() {
	for c := range memoryCollectors {
		w.apply(record(memoryCollector(c), dawn, &pb.GapBegin{Id: "t"}))
	}
	rows := make([]memoryRow, memoryChunk)
	for fi, f := range bgp.Families {
		for from := 0; from < w.prefixes[fi]; from += memoryChunk {
			n := min(memoryChunk, w.prefixes[fi]-from)
			for i := range n {
				w.row(f, from+i, &rows[i])
			}
			for c := range memoryCollectors {
				w.apply(record(memoryCollector(c), dawn, w.chunk(f, c, from, rows[:n])))
			}
		}
	}
	for c := range memoryCollectors {
		w.apply(record(memoryCollector(c), dawn, &pb.GapEnd{Id: "t", Complete: true}))
	}
	w.minute()
}

// chunk returns a part of a collector's table.
func (w *memoryWorld) chunk(f bgp.Family, c, from int, rows []memoryRow) *pb.TableChunk {
	ch := &pb.TableChunk{Id: "t", Family: codec.Family(f), Places: w.places}
	for p := range memoryPeers {
		ch.Peers = append(ch.Peers, memoryPeer(c, p))
	}
	for i := range rows {
		tp := &pb.TablePrefix{Prefix: memoryPrefix(f, from+i), PlaceShares: w.share(from + i)}
		at := map[uint8]*pb.TablePath{}
		for p, pair := range rows[i].pair[c*memoryPeers:][:memoryPeers] {
			if pair == noPair {
				continue
			}
			if at[pair] == nil {
				at[pair] = &pb.TablePath{Peers: make([]byte, memoryPeers/8)}
				at[pair].OriginAs, at[pair].UpstreamAs = w.path(from+i, pair)
				tp.Paths = append(tp.Paths, at[pair])
			}
			at[pair].Peers[p/8] |= 1 << (p % 8)
		}
		ch.Prefixes = append(ch.Prefixes, tp)
	}
	return ch
}

func (w *memoryWorld) share(i int) []uint64 {
	return []uint64{uint64(i * len(w.places) / (w.prefixes[0] + 1)), 256}
}

// minute closes the window.
func (w *memoryWorld) minute() {
	w.close()
	w.outs = nil
}

// live plays a minute of updates. Each message has up to four routes of one peer. Half of the
// routes are of a twentieth of the prefixes. One in twelve messages withdraws, and most of these
// are followed in the next minute by a message that announces the same prefixes again. One in eight
// announces prefixes that the peer did not hold.
func (w *memoryWorld) live() {
	changes := memoryChanges * w.prefixes[0] / fullPrefixes
	for _, r := range w.back {
		r.TimestampUs = w.window * 1e6
		w.apply(r)
	}
	w.back = w.back[:0]
	for n := 0; n < changes; n += 4 {
		fi := 0
		if w.prefixes[1] > 0 && w.rng.IntN(memoryIPv6Part+1) == 0 {
			fi = 1
		}
		f := bgp.Families[fi]
		c, p := w.rng.IntN(memoryCollectors), w.rng.IntN(memoryPeers)
		ch := &pb.RouteChanges{Peer: memoryPeer(c, p), Places: w.places}
		i, gain := w.pick(fi), n/4%8 == 0
		if gain {
			i = w.hole(f, fi, c*memoryPeers+p)
		}
		pair := uint8(w.rng.IntN(pairsOf(rowRand(f, i))))
		ch.OriginAs, ch.UpstreamAs = w.path(i, pair)
		for k := i; k < min(i+4, w.groupEnd(fi, i)); k++ {
			if int(pair) >= pairsOf(rowRand(f, k)) {
				continue
			}
			r := &pb.Route{Prefix: memoryPrefix(f, k), PlaceShares: w.share(i)}
			if n/4%12 == 5 {
				ch.Withdrawn = append(ch.Withdrawn, r)
			} else {
				ch.Announced = append(ch.Announced, r)
			}
		}
		w.apply(record(memoryCollector(c), w.window, ch))
		if len(ch.Withdrawn) > 0 && w.rng.IntN(50) > 0 {
			again := &pb.RouteChanges{Peer: ch.Peer, Places: ch.Places, OriginAs: ch.OriginAs, UpstreamAs: ch.UpstreamAs, Announced: ch.Withdrawn}
			w.back = append(w.back, record(memoryCollector(c), 0, again))
		}
	}
	w.minute()
}

// pick draws a prefix.
func (w *memoryWorld) pick(fi int) int {
	n := w.prefixes[fi]
	if w.rng.IntN(2) == 0 {
		n = max(n/20, 1)
	}
	return w.rng.IntN(n)
}

// hole draws a prefix that a slot did not hold in its table, if there is one among some.
func (w *memoryWorld) hole(f bgp.Family, fi, slot int) (i int) {
	var row memoryRow
	for range 30 {
		i = w.rng.IntN(w.prefixes[fi]/holeEvery) * holeEvery
		if w.row(f, i, &row); row.pair[slot] == noPair {
			break
		}
	}
	return i
}

// day lets a day pass. Each hour has changes of an eighth of the prefixes, in one minute each.
func (w *memoryWorld) day() {
	for range 24 {
		w.window += 3600 - w.window%3600 - 60
		for fi, f := range bgp.Families {
			for range w.prefixes[fi] / 8 / 8 {
				ch := &pb.RouteChanges{Peer: memoryPeer(w.rng.IntN(memoryCollectors), w.rng.IntN(memoryPeers)), Places: w.places}
				i := w.pick(fi)
				ch.OriginAs, ch.UpstreamAs = w.path(i, 0)
				for k := i; k < w.groupEnd(fi, i); k++ {
					ch.Announced = append(ch.Announced, &pb.Route{Prefix: memoryPrefix(f, k), PlaceShares: w.share(i)})
				}
				w.apply(record(memoryCollector(0), w.window, ch))
			}
		}
		w.minute()
		for c := range memoryCollectors { // so that no collector is silent
			for p := range memoryPeers {
				w.apply(record(memoryCollector(c), w.window, &pb.RouteChanges{Peer: memoryPeer(c, p)}))
			}
		}
	}
}

// BenchmarkMemory reports the memory that the detector keeps and the CPU time of a loss of peers,
// with whole tables of both families and 400 feeds. `make bench-memory` runs it at the Internet's
// size.
func BenchmarkMemory(b *testing.B) {
	prefixes := memoryPrefixes
	if s := os.Getenv("BENCH_MEMORY_PREFIXES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			b.Fatalf("BENCH_MEMORY_PREFIXES is %q: it is a number of prefixes, 1000 at least", s)
		}
		prefixes = n
	}
	for _, tt := range []struct {
		name string
		ipv6 int
	}{{"ipv4", 0}, {"both", prefixes / memoryIPv6Part}} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				benchMemory(b, [...]int{prefixes, tt.ipv6})
			}
		})
	}
}

func benchMemory(b *testing.B, prefixes [len(bgp.Families)]int) {
	b.Helper()
	// The memory limit is that of a process with a detector alone.
	defer memlimit.Limit{Least: 64 << 20, SparePercent: 15}.Hold(b.Context(), slog.New(slog.DiscardHandler))()
	debug.FreeOSMemory()
	before := heapLive()
	w := &memoryWorld{feed: newFeed(b, DefaultConfig()), b: b, rng: rand.New(rand.NewPCG(1, 2)), prefixes: prefixes}
	for i := range 200 {
		w.places = append(w.places, &pb.Place{Country: string([]byte{'A' + byte(i/26), 'A' + byte(i%26)})})
	}
	spent := cpu(b)
	w.tables()
	report := func(what string) { b.ReportMetric(float64(heapLive()-before)/1e6, what+"-MB") }
	report("tables")
	b.ReportMetric(float64(cpu(b)-spent)/1e9, "tables-cpu-s")
	spent = cpu(b)
	for range memoryMinutes {
		w.live()
	}
	report("live")
	b.ReportMetric(float64(cpu(b)-spent)/1e9/memoryMinutes, "live-minute-cpu-s")
	w.day()
	w.apply(record(memoryCollector(1), w.window, &pb.GapBegin{Id: "g", SinceUs: w.window*1e6 - 30e6}))
	for range 3 {
		w.live()
	}
	report("day")
	b.ReportMetric(rss(), "rss-MB")
	octets, pairs := 0, 0
	for i, f := range w.detector.families {
		octets += octetsOf(reflect.ValueOf(f.rib).Elem(), rowFields...)
		pairs += w.prefixes[i] * memorySlots
	}
	b.ReportMetric(float64(octets)/float64(pairs), "octets/pair")
	w.losses()
	b.Logf("%d voters", w.detector.families[0].panel.Voters().N)
	if n := w.detector.families[0].panel.Voters().N; n < memorySlots*3/4 {
		b.Fatalf("%d voters", n)
	}
}

// losses reports the user CPU, in milliseconds, of one peer's end and of the close of the window
// after it, and that of 40 peers of a collector. One peer is lost three times, and the median
// counts. It also reports the close of a window without records.
func (w *memoryWorld) losses() {
	for range overdueMinutes {
		w.minute()
	}
	lose := func(c int, peers ...int) (down, after float64) {
		began := cpu(w.b)
		for _, p := range peers {
			w.apply(record(memoryCollector(c), w.window, &pb.PeerDown{Peer: memoryPeer(c, p)}))
		}
		ended := cpu(w.b)
		w.minute()
		if w.detector.families[0].gate.Shut() {
			w.b.Fatal("the gate is shut: the close judged nothing")
		}
		return float64(ended-began) / 1e6, float64(cpu(w.b)-ended) / 1e6
	}
	report := func(name string, down, after []float64) {
		slices.Sort(down)
		slices.Sort(after)
		w.b.ReportMetric(down[len(down)/2], name+"-down-cpu-ms")
		w.b.ReportMetric(after[len(after)/2], name+"-close-cpu-ms")
	}
	runtime.GC()
	_, quiet := lose(0)
	w.b.ReportMetric(quiet, "quiet-close-cpu-ms")
	var down, after [3]float64
	for i := range down {
		down[i], after[i] = lose(2*i+2, 0)
	}
	report("one", down[:], after[:])
	all := make([]int, memoryPeers)
	for i := range all {
		all[i] = i
	}
	d, c := lose(3, all...)
	report("forty", []float64{d}, []float64{c})
}

// overdueMinutes is the number of minutes that it takes to publish the daily records of all
// prefixes: they are due because day passes 24 hours in 24 windows.
const overdueMinutes = 65

// heapLive returns the octets of the heap in use after a collection.
func heapLive() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// rss returns the memory of the process in MB; 0 if that cannot be read.
func rss() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, _ := strconv.ParseFloat(strings.Fields(after + " 0")[0], 64)
	return kb * 1024 / 1e6
}

// rowFields are the fields of rib.Table that keep which slot holds a prefix, and over which pair.
var rowFields = []string{"status", "pairs"}

// octetsOf returns the memory of the slices in fields of a struct, including spare room.
func octetsOf(v reflect.Value, fields ...string) (n int) {
	for _, name := range fields {
		n += sliceOctets(v.FieldByName(name))
	}
	return n
}

// sliceOctets returns the memory of the slices within v.
func sliceOctets(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.Slice:
		n = v.Cap() * int(v.Type().Elem().Size())
		if k := v.Type().Elem().Kind(); k == reflect.Struct || k == reflect.Slice || k == reflect.Pointer {
			for i := range v.Len() {
				n += sliceOctets(v.Index(i))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			n = int(v.Type().Elem().Size()) + sliceOctets(v.Elem())
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			n += sliceOctets(f)
		}
	default:
	}
	return n
}
