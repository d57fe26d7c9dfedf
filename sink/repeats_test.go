package sink

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var rowsSeed = flag.Uint64("rows-seed", 0, "seed of TestRowsOnce; 0 draws one")

// sent is a message of a peer: changes of one or two prefixes.
type sent struct {
	at       time.Duration
	peer     int
	prefixes []int
	withdraw bool
	path     uint32
}

func (m *sent) changes() []string {
	var all []string
	for _, p := range m.prefixes {
		all = append(all, fmt.Sprintf("192.0.2.%d %v 10.0.%d.0/24 %d", m.peer, m.withdraw, p, m.path))
	}
	return all
}

const peers = 4

// drawSent draws the messages of peers within a time: few prefixes and paths, so that many messages
// are equal, some of them within a second. Two equal messages are 50 ms apart: with the same time
// in RIS Live they could be one message that was heard twice. No message comes right after a whole
// second: RIS Live may have rounded its time up, so it could belong to the second before.
func drawSent(r *rand.Rand, n int, within time.Duration) []sent {
	var all []sent
	last := map[string]time.Duration{}
	for range n {
		m := sent{at: time.Duration(r.Int64N(int64(within))) + 1, peer: 1 + r.IntN(peers), prefixes: []int{r.IntN(4)}, withdraw: r.IntN(3) == 0}
		if r.IntN(3) == 0 {
			m.prefixes = append(m.prefixes, 4+r.IntN(2))
		}
		if !m.withdraw {
			m.path = uint32(64500 + r.IntN(3))
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b sent) int { return cmp.Compare(a.at, b.at) })
	return slices.DeleteFunc(all, func(m sent) bool {
		if m.at%time.Second < 20*time.Millisecond {
			return true
		}
		for _, c := range m.changes() {
			if l, ok := last[c]; ok && m.at-l < 50*time.Millisecond {
				return true
			}
		}
		for _, c := range m.changes() {
			last[c] = m.at
		}
		return false
	})
}

// feedLog writes the records of a collector's stream of bgp.routes, in order.
type feedLog struct {
	collector string
	start     time.Time
	seconds   bool // the archive has whole seconds
	records   []*pb.RouteRecord
	sequence  map[source]uint64
}

func (l *feedLog) say(lane bgp.Lane, epoch uint64, messages ...sent) {
	for i := range messages {
		m := &messages[i]
		at := l.start.Add(m.at)
		switch {
		case lane.Kind() != bgp.LaneKindFill:
			at = at.Truncate(10 * time.Millisecond)
		case l.seconds:
			at = at.Truncate(time.Second)
		}
		src := source{lane, epoch}
		l.sequence[src]++
		c := &pb.RouteChanges{Peer: codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(m.peer)}), ASN: 64496}, netip.Addr{})}
		for _, p := range m.prefixes {
			route := &pb.Route{Prefix: codec.AppendPrefix(nil, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(p), 0}), 24))}
			if m.withdraw {
				c.Withdrawn = append(c.Withdrawn, route)
			} else {
				c.Announced = append(c.Announced, route)
			}
		}
		if !m.withdraw {
			c.AsPath, c.OriginAs = []*pb.PathSegment{{Type: 2, Asns: []uint32{64496, m.path}}}, m.path
		}
		l.records = append(l.records, &pb.RouteRecord{
			Position:    codec.Position(bgp.Position{Collector: l.collector, Lane: lane, Epoch: epoch, Sequence: l.sequence[src]}),
			TimestampUs: at.UnixMicro(), Body: &pb.RouteRecord_Changes{Changes: c},
		})
	}
}

// between returns the messages from a time until before another.
func between(all []sent, from, to time.Duration) []sent {
	return slices.DeleteFunc(slices.Clone(all), func(m sent) bool { return m.at < from || m.at >= to })
}

// fill returns the answer of an archive to a gap that begins at since: from a second before until a
// second after each peer's first message of after, by the archive's times.
func (l *feedLog) fill(all, after []sent, since, until time.Duration) []sent {
	first := map[int]time.Duration{}
	for i := range after {
		if _, ok := first[after[i].peer]; !ok {
			first[after[i].peer] = after[i].at
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(m sent) bool {
		at := m.at
		if l.seconds {
			at = l.start.Add(at).Truncate(time.Second).Sub(l.start)
		}
		end, ok := first[m.peer]
		if !ok {
			end = until
		}
		return at < since-time.Second || at > end+time.Second
	})
}

// drawLog draws the log of a collector that is cut off, is taken over while its former owner still
// writes, loses single messages, and starts again on an empty broker.
func drawLog(r *rand.Rand, collector string, start time.Time, all []sent, seconds bool) *feedLog {
	const s = time.Second
	l := &feedLog{collector: collector, start: start, seconds: seconds, sequence: map[source]uint64{}}
	l.say(bgp.LaneLive, 1<<40, between(all, 0, 20*s)...)
	// Both connections are cut for four seconds. The fill arrives while the stream continues.
	heard := between(all, 24*s, 30*s)
	l.say(bgp.LaneLive, 1<<40, heard...)
	l.say(bgp.FillLane("1-1"), 0, l.fill(all, heard, 20*s, 26*s)...)
	// Another process takes over while the former one still runs.
	l.say(bgp.LaneLive, 2<<40, between(all, 29*s+700*time.Millisecond, 33*s)...)
	// Single messages of a second are lost. A gap begins at the first of them, and its fill repeats
	// the rest.
	since, gapAt := 33*s+time.Duration(r.Int64N(int64(s))), 36*s
	after := between(all, gapAt, 42*s)
	l.say(bgp.LaneLive, 2<<40, slices.DeleteFunc(between(all, 33*s, gapAt), func(m sent) bool { return m.at >= since && m.at < since+s && r.IntN(3) == 0 })...)
	l.say(bgp.LaneLive, 2<<40, after[:len(after)/2]...)
	l.say(bgp.FillLane("2-1"), 0, l.fill(all, after, since, 38*s)...)
	l.say(bgp.LaneLive, 2<<40, after[len(after)/2:]...)
	// The process is killed during an answer, and another takes over: the next answer repeats it.
	again := between(all, 45*s, 50*s)
	l.say(bgp.LaneLive, 3<<40, again[:len(again)/2]...)
	answer := l.fill(all, again, 42*s, 47*s)
	l.say(bgp.FillLane("3-1"), 0, answer[:r.IntN(len(answer))]...)
	l.say(bgp.FillLane("3-2"), 0, answer...)
	l.say(bgp.LaneLive, 3<<40, again[len(again)/2:]...)
	// The broker's log is lost: everything since the newest table comes again, some of it late.
	last := between(all, 53*s, 60*s)
	late := between(all, 53*s, 54*s)
	l.say(bgp.LaneLive, 4<<40, last[len(late):]...)
	l.say(bgp.FillLane("4-1"), 0, between(all, 10*s, 56*s)...)
	l.say(bgp.LaneLive, 4<<40, late...)
	return l
}

// TestRowsOnce writes the logs of collectors with all their repetitions. Each message must be in
// route_changes once, each record in route_change_log once, and the rows must be the same at
// whichever place the sink restarts.
func TestRowsOnce(t *testing.T) {
	t.Parallel()
	for _, seconds := range []bool{false, true} {
		t.Run(fmt.Sprintf("seconds=%v", seconds), func(t *testing.T) {
			t.Parallel()
			seed := *rowsSeed
			if seed == 0 {
				seed = uint64(time.Now().UnixNano())
			}
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			s := clickhousetest.Server(t)
			conn := open(t, s)
			start := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
			var logs []*feedLog
			want := map[string][]int64{}
			total := 0
			for i := range 3 {
				collector := fmt.Sprintf("ris/rrc%02d", i)
				all := drawSent(r, 700, time.Minute)
				for _, m := range all {
					for _, c := range m.changes() {
						want[collector+" "+c] = append(want[collector+" "+c], start.Add(m.at).UnixMicro())
					}
				}
				logs = append(logs, drawLog(r, collector, start, all, seconds))
			}
			records := interleave(r, logs)
			for _, rec := range records {
				total += len(rec.GetChanges().Withdrawn) + len(rec.GetChanges().Announced)
			}
			cfg := DefaultConfig()
			cfg.BatchMaxRows = 300
			play(t, cfg, s, records)
			exact(t, conn, "route_change_log", total)
			once(t, conn, want, seconds)
			before := marks(t, conn)
			for range 4 {
				k := r.IntN(len(records))
				if err := conn.Exec(t.Context(), "ALTER TABLE darkmap.route_change_log DELETE WHERE offset >= ? SETTINGS mutations_sync = 2", k); err != nil {
					t.Fatal(err)
				}
				cfg.BatchMaxRows = 1 + r.IntN(1000)
				play(t, cfg, s, records)
				if got := marks(t, conn); got != before {
					t.Errorf("started again at record %d of %d: rows repeat others than in one run", k, len(records))
				}
			}
		})
	}
}

// interleave merges the logs of collectors into the log of one partition.
func interleave(r *rand.Rand, logs []*feedLog) []*pb.RouteRecord {
	var all []*pb.RouteRecord
	for len(logs) > 0 {
		i := r.IntN(len(logs))
		n := min(1+r.IntN(40), len(logs[i].records))
		all = append(all, logs[i].records[:n]...)
		if logs[i].records = logs[i].records[n:]; len(logs[i].records) == 0 {
			logs = slices.Delete(logs, i, i+1)
		}
	}
	return all
}

// play runs a sink on the records, with a separate broker.
func play(t *testing.T, cfg Config, s clickhouse.Server, records []*pb.RouteRecord) {
	t.Helper()
	k := kafkatest.New(t, 1)
	var all []*kgo.Record
	for _, rec := range records {
		all = append(all, record(t, k, schemas.TopicRoutes, rec.GetPosition().GetCollector(), rec))
	}
	produce(t, k, all...)
	stop := start(t, cfg, k, s, "live")
	drained(t, k)
	stop()
}

// once compares the view with the sent messages.
func once(t *testing.T, conn driver.Conn, want map[string][]int64, seconds bool) {
	t.Helper()
	got := map[string][]int64{}
	rows, err := conn.Query(t.Context(), `SELECT concat(collector, ' ', peer_address, ' ', if(type = 'withdraw', 'true', 'false'), ' ', prefix, ' ', toString(origin_as)), timestamp
		FROM darkmap.route_changes ORDER BY timestamp`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var c string
		var at time.Time
		if err := rows.Scan(&c, &at); err != nil {
			t.Fatal(err)
		}
		got[c] = append(got[c], at.UnixMicro())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	tolerance := fineTolerance
	if seconds {
		tolerance = coarseTolerance
	}
	for c, times := range want {
		if len(got[c]) != len(times) {
			t.Errorf("%s: %d rows, want %d: sent %v", c, len(got[c]), len(times), times)
			continue
		}
		for i, at := range times {
			if apart := got[c][i] - at; max(apart, -apart) > tolerance {
				t.Errorf("%s: row %d is %d us off", c, i, apart)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d different changes, want %d", len(got), len(want))
	}
}

// marks returns a hash of the rows that each row repeats.
func marks(t *testing.T, conn driver.Conn) string {
	t.Helper()
	return one[string](t, conn, "SELECT toString(sum(cityHash64(collector, lane, epoch, sequence, idx, repeats))) || ' ' || toString(countIf(repeats != 0)) FROM darkmap.route_change_log")
}

// TestStreamsRunOn checks that uninterrupted parallel streams are not compared with the table, that
// hours of a fill without repetitions are read in few steps, and that the view leaves out every row
// of a fill that repeats everything.
func TestStreamsRunOn(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	k := kafkatest.New(t, 1)
	stage, err := New(DefaultConfig(), Deps{Log: slog.New(slog.DiscardHandler), Kafka: k, ClickHouse: s, Dataset: "live", Instance: "sink-0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- stage.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("sink: %v", err)
		}
	}()
	r := rand.New(rand.NewPCG(3, 1))
	all := drawSent(r, 2000, 8*time.Hour)
	l := &feedLog{collector: "routeviews/route-views2", start: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC), sequence: map[source]uint64{}}
	rows := 0
	play := func(lane func(m *sent) bgp.Lane) {
		l.records = nil
		for _, m := range all {
			l.say(lane(&m), 0, m)
			rows += len(m.prefixes)
		}
		var records []*kgo.Record
		for _, rec := range l.records {
			records = append(records, record(t, k, schemas.TopicRoutes, l.collector, rec))
		}
		produce(t, k, records...)
		drained(t, k)
	}
	play(func(m *sent) bgp.Lane {
		return bgp.RouteViewsLane(fmt.Sprintf("routeviews.route-views2.%d.bmp_raw", m.peer), 0)
	})
	if n := value(t, stage.metrics.windows); n != 0 {
		t.Errorf("streams that run on were compared with the table, in %v steps", n)
	}
	play(func(*sent) bgp.Lane { return bgp.FillLane("1-1") })
	if n := value(t, stage.metrics.windows); n < 1 || n > 30 {
		t.Errorf("a fill of 8 hours was compared in %v steps, want some, at most 30", n)
	}
	exact(t, conn, "route_change_log", rows)
	if n := one[uint64](t, conn, "SELECT count() FROM darkmap.route_changes"); n != uint64(rows/2) {
		t.Errorf("%d rows are shown, want %d", n, rows/2)
	}
	if n := value(t, stage.metrics.repeats); n != float64(rows/2) {
		t.Errorf("rows_repeated_total: %v, want %d", n, rows/2)
	}
	// The column repeats holds a hash of the repeated row's position, which SQL can compute.
	if n := one[uint64](t, conn, `SELECT count() FROM darkmap.route_change_log WHERE repeats != 0 AND repeats NOT IN (SELECT reinterpretAsUInt64(reverse(substring(SHA256(concat(
		collector, '\n', lane, '\n', toString(epoch), '\n', toString(sequence), '\n', toString(idx))), 1, 8))) FROM darkmap.route_changes)`); n != 0 {
		t.Errorf("%d rows repeat rows that are not shown", n)
	}
}
