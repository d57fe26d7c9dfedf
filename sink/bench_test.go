package sink

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// world draws route records as on a busy day: 30 peers on 3 collectors, a million prefixes, 70,000
// origins, one withdrawal in ten.
type world struct {
	r     *rand.Rand
	paths [][]uint32
	seq   map[string]uint64
}

func newWorld() *world {
	w := &world{r: rand.New(rand.NewPCG(1, 2)), seq: map[string]uint64{}}
	for range 40_000 {
		path := make([]uint32, 3+w.r.IntN(4))
		for i := range path {
			path[i] = uint32(1 + w.r.IntN(70_000))
		}
		w.paths = append(w.paths, path)
	}
	return w
}

func (w *world) record() (collector string, rec *pb.RouteRecord, rows int) {
	collector = "ris/rrc0" + strconv.Itoa(w.r.IntN(3))
	w.seq[collector]++
	path := w.paths[w.r.IntN(len(w.paths))]
	origin := path[len(path)-1]
	number := w.r.IntN(10)
	peer := bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(number)}), ASN: bgp.ASN(64500 + number)}
	c := &pb.RouteChanges{
		Peer: codec.Peer(peer, netip.Addr{}), OriginAs: origin, UpstreamAs: path[len(path)-2], AsPath: []*pb.PathSegment{{Type: 2, Asns: path}},
		Places: []*pb.Place{{Country: "C" + strconv.Itoa(int(origin)%200)}},
		Owners: []*pb.Owner{{Asn: origin, Name: fmt.Sprintf("EXAMPLE-NETWORK-%d", origin), Organisation: "Example", Country: "XX"}, {Asn: path[len(path)-2], Name: "TRANSIT"}},
	}
	rows = 1 + int(w.r.ExpFloat64()*1.5)
	for range rows {
		n := w.r.IntN(1 << 20)
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + n>>14), byte(n >> 8), byte(n), 0}), 24).Masked()
		route := &pb.Route{Prefix: codec.AppendPrefix(nil, p), PlaceShares: []uint64{0, 256}}
		if w.r.IntN(10) == 0 {
			c.Withdrawn = append(c.Withdrawn, route)
		} else {
			c.Announced = append(c.Announced, route)
		}
	}
	pos := bgp.Position{Collector: collector, Lane: bgp.LaneLive, Epoch: 1_700_000_000_000 << 10, Sequence: w.seq[collector]}
	now := time.Now().UnixMicro()
	return collector, &pb.RouteRecord{Position: codec.Position(pos), TimestampUs: now - 300_000, ReceivedAtUs: now, Body: &pb.RouteRecord_Changes{Changes: c}}, rows
}

// fill produces records until they have the given number of rows.
func (w *world) fill(t testing.TB, k kafka.Config, rows int) int {
	t.Helper()
	cl, err := kafka.NewClient(k, kafkatest.Log(), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var failed kgo.FirstErrPromise
	total := 0
	for total < rows {
		collector, rec, n := w.record()
		cl.Produce(t.Context(), record(t, k, schemas.TopicRoutes, collector, rec), failed.Promise())
		total += n
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := failed.Err(); err != nil {
		t.Fatal(err)
	}
	return total
}

// cpu returns the user and system time of a process so far.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Skip(err)
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func ownCPU(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSink moves rows from an embedded broker in memory, in this process, into an embedded engine.
func BenchmarkSink(b *testing.B) {
	const rows = 1_000_000
	for b.Loop() {
		b.StopTimer()
		e := clickhousetest.StartIn(b, b.TempDir())
		if _, err := clickhouse.Migrate(b.Context(), e.Server()); err != nil {
			b.Fatal(err)
		}
		k := kafkatest.New(b, 4)
		total := newWorld().fill(b, k, rows)
		own, engine, began := ownCPU(b), cpu(b, e.PID()), time.Now()
		b.StartTimer()
		stop := start(b, DefaultConfig(), k, e.Server(), "bench")
		conn := open(b, e.Server())
		drained(b, k)
		b.StopTimer()
		took := time.Since(began)
		b.ReportMetric(float64(total)/took.Seconds(), "rows/s")
		b.ReportMetric(float64((ownCPU(b)-own).Nanoseconds())/float64(total), "sink-ns/row")
		b.ReportMetric(float64((cpu(b, e.PID())-engine).Nanoseconds())/float64(total), "engine-ns/row")
		stop()
		exact(b, conn, "route_change_log", total)
		b.ReportMetric(float64(one[uint64](b, conn, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'route_change_log'"))/float64(total), "disk-bytes/row")
		b.ReportMetric(float64(one[uint64](b, conn, "SELECT count() FROM system.parts WHERE active AND table = 'route_change_log'")), "parts")
		b.StartTimer()
	}
}

// BenchmarkRows decodes and builds blocks, without Kafka and ClickHouse.
func BenchmarkRows(b *testing.B) {
	w := newWorld()
	var records []*kgo.Record
	total := 0
	for total < 65_536 {
		_, rec, n := w.record()
		records = append(records, &kgo.Record{Value: encode(b, rec)})
		total += n
	}
	r := newRouteRows("bench")
	b.ReportAllocs()
	for b.Loop() {
		for _, rec := range records {
			if _, _, err := r.decode(rec); err != nil {
				b.Fatal(err)
			}
			r.add(&kafkaOffset{}, mark{})
		}
		r.reset()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(total), "ns/row")
}

// BenchmarkFill writes ten minutes of three collectors, and then a fill that repeats all of it. It
// measures the cost of a row in both, in CPU time of the sink and the engine.
func BenchmarkFill(b *testing.B) {
	const rows, perSecond = 300_000, 500
	for b.Loop() {
		b.StopTimer()
		e := clickhousetest.StartIn(b, b.TempDir())
		if _, err := clickhouse.Migrate(b.Context(), e.Server()); err != nil {
			b.Fatal(err)
		}
		w, total := newWorld(), 0
		begin := time.Now().Add(-time.Hour).UnixMicro()
		var live, fill []*pb.RouteRecord
		for total < rows {
			_, rec, n := w.record()
			rec.TimestampUs = begin + int64(total)*1e6/perSecond
			total += n
			again := &pb.RouteRecord{
				Position:    codec.Position(bgp.Position{Collector: rec.GetPosition().GetCollector(), Lane: bgp.FillLane("1-1"), Sequence: rec.GetPosition().GetSequence()}),
				TimestampUs: rec.GetTimestampUs(), Body: rec.GetBody(),
			}
			live, fill = append(live, rec), append(fill, again)
		}
		k := kafkatest.New(b, 4)
		stop := start(b, DefaultConfig(), k, e.Server(), "bench")
		conn := open(b, e.Server())
		var perRow [2]float64
		for i, records := range [][]*pb.RouteRecord{live, fill} {
			own, engine := ownCPU(b), cpu(b, e.PID())
			all := make([]*kgo.Record, len(records))
			for j, rec := range records {
				all[j] = record(b, k, schemas.TopicRoutes, rec.GetPosition().GetCollector(), rec)
			}
			b.StartTimer()
			produce(b, k, all...)
			drained(b, k)
			b.StopTimer()
			perRow[i] = float64((ownCPU(b) - own + cpu(b, e.PID()) - engine).Nanoseconds()) / float64(total)
		}
		stop()
		exact(b, conn, "route_change_log", 2*total)
		if n := one[uint64](b, conn, "SELECT count() FROM darkmap.route_changes"); n != uint64(total) {
			b.Fatalf("%d rows are shown, want %d", n, total)
		}
		b.ReportMetric(perRow[0], "live-ns/row")
		b.ReportMetric(perRow[1], "fill-ns/row")
		b.StartTimer()
	}
}
