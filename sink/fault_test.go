package sink

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
)

// proxy passes connections on. While it breaks, it cuts each after a number of answers.
type proxy struct {
	after   atomic.Int64 // answers of the server until a connection is cut; 0 never
	refuses atomic.Bool
	cuts    atomic.Int64
}

func (p *proxy) pass(client, server net.Conn) {
	if p.refuses.Load() {
		return
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	defer client.Close() //nolint:errcheck // a test's connection
	sending.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	b := make([]byte, 64<<10)
	for answers := int64(1); ; answers++ {
		n, err := server.Read(b)
		if err != nil {
			return
		}
		if limit := p.after.Load(); limit > 0 && answers > limit {
			p.cuts.Add(1)
			return // the answer is lost
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}

// TestOutcomeUnknown loses answers. The sink must find out whether an insert arrived, and every row
// must be stored once.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	p := &proxy{}
	p.refuses.Store(true)
	through := clickhousetest.Proxy(t, s, p.pass)
	k := kafkatest.New(t, 3)
	w := newWorld()
	total := w.fill(t, k, 60_000)

	cfg := DefaultConfig()
	cfg.BatchMaxRows = 3000
	reg := prometheus.NewRegistry()
	stage, err := New(cfg, Deps{Log: slog.New(slog.DiscardHandler), Registerer: reg, Kafka: k, ClickHouse: through, Dataset: "test", Instance: "sink-0"})
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
	waittest.Until(t, time.Minute, "not ready while ClickHouse refuses", func() bool {
		err := stage.Ready()
		return err != nil && strings.Contains(err.Error(), "ClickHouse")
	})
	p.after.Store(7)
	p.refuses.Store(false)
	// Look-ups are cut too, over connections of their own: they alone may be ten. If all rows
	// arrive before that, more follow: an insert's connection is cut by chance.
	waittest.Until(t, time.Minute, "ten cuts, and one of an insert", func() bool {
		if value(t, stage.metrics.rows["route_change_log"]) == float64(total) {
			total += w.fill(t, k, 6_000)
		}
		return p.cuts.Load() >= 10 && value(t, stage.metrics.retries) > 0
	})
	p.after.Store(0)
	drained(t, k)
	if err := stage.Ready(); err != nil {
		t.Errorf("in the end: %v", err)
	}
	exact(t, conn, "route_change_log", total)
	if value(t, stage.metrics.retries) == 0 {
		t.Error("no insert was tried again")
	}
	if got := value(t, stage.metrics.rows["route_change_log"]); got != float64(total) {
		t.Errorf("rows_total: got %v, want %d", got, total)
	}
}

func value(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// TestRebalance adds and removes a member while rows flow.
func TestRebalance(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	k := kafkatest.New(t, 6)
	cfg := DefaultConfig()
	cfg.BatchMaxRows = 1000
	w := newWorld()
	total := w.fill(t, k, 20_000)
	stopFirst := start(t, cfg, k, s, "test")
	total += w.fill(t, k, 20_000)
	second, err := New(cfg, Deps{Log: slog.New(slog.DiscardHandler), Kafka: k, ClickHouse: s, Dataset: "test", Instance: "sink-1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second.Run(ctx) }()
	total += w.fill(t, k, 40_000)
	waittest.Until(t, time.Minute, "the second member's place", func() bool { return second.Ready() == nil })
	total += w.fill(t, k, 40_000)
	stopFirst() // a static member: its partitions move when its session times out
	total += w.fill(t, k, 20_000)
	drained(t, k)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	exact(t, conn, "route_change_log", total)
}

// TestDeadLetter checks that records that cannot be decoded are skipped and stored in the table of
// dead letters.
func TestDeadLetter(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	k := kafkatest.New(t, 1)
	pos := bgp.Position{Collector: "c", Lane: bgp.LaneLive, Epoch: 1, Sequence: 1}
	bad := routeRecord(pos, 0, 2)
	bad.GetChanges().Announced[1].Prefix = []byte{4, 33, 1, 2, 3, 4, 5}
	outage := outageRecord(t, 1, "test")
	outage.Json = []byte("{")
	pos.Sequence = 2
	produce(t, k,
		&kgo.Record{Topic: k.Topic(schemas.TopicRoutes), Key: []byte("c"), Value: []byte("not protobuf")},
		record(t, k, schemas.TopicRoutes, "c", bad), record(t, k, schemas.TopicRoutes, "c", routeRecord(pos, 0, 2)),
		record(t, k, schemas.TopicOutages, "x", outage))
	start(t, DefaultConfig(), k, s, "test")
	drained(t, k)
	exact(t, conn, "route_change_log", 2)
	exact(t, conn, "outage_events", 0)
	exact(t, conn, "deadletter", 3)
	if n := one[uint64](t, conn, "SELECT countIf(reason LIKE '%prefix%' AND headers['darkmap-stage'] = 'sink' AND headers['darkmap-offset'] = '1') FROM darkmap.deadletter"); n != 1 {
		t.Errorf("the bad prefix: got %d letters with reason and origin, want 1", n)
	}
}

// TestTransactionsAndIdle checks that the group's lag soon becomes 0 although the log ends with
// transaction markers.
func TestTransactionsAndIdle(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	k := kafkatest.New(t, 1)
	start(t, DefaultConfig(), k, s, "test")
	cl, err := kafka.NewClient(k, kafkatest.Log(), kgo.TransactionalID("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm, err := kafka.NewAdmin(k, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	for i := range uint64(6) {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		rec := record(t, k, schemas.TopicRoutes, "c", routeRecord(bgp.Position{Collector: "c", Lane: bgp.LaneLive, Epoch: 1, Sequence: i + 1}, 0, 1))
		if err := cl.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(t.Context(), kgo.TransactionEndTry(i%2 == 0)); err != nil { // every other is aborted
			t.Fatal(err)
		}
		began := time.Now()
		waittest.Until(t, time.Minute, "lag 0", func() bool {
			lags, err := kafka.Lag(t.Context(), adm, k, kafka.Reading{Stage: Name, Topics: []string{schemas.TopicRoutes}})
			return err == nil && lags[0].Records == 0
		})
		t.Logf("lag 0 after %v", time.Since(began))
		exact(t, conn, "route_change_log", int(i/2)+1)
	}
}

// TestPartitionOfTable checks that a batch ends where the table's partition changes, so that each
// insert is one part.
func TestPartitionOfTable(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	k := kafkatest.New(t, 1)
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	var records []*kgo.Record
	for i := range uint64(10) {
		r := record(t, k, schemas.TopicRoutes, "c", routeRecord(bgp.Position{Collector: "c", Lane: bgp.LaneLive, Epoch: 1, Sequence: i + 1}, 0, 3))
		r.Timestamp = midnight.Add(time.Duration(int(i)-5) * time.Second)
		records = append(records, r)
	}
	produce(t, k, records...)
	start(t, DefaultConfig(), k, s, "test")
	drained(t, k)
	exact(t, conn, "route_change_log", 30)
	if got := one[string](t, conn, "SELECT formatRow('TSV', groupArray((rows, level))) FROM (SELECT rows, level FROM system.parts WHERE active AND database = 'darkmap' AND table = 'route_change_log' ORDER BY partition)"); got != "[(15,0),(15,0)]\n" {
		t.Errorf("parts (rows, merges): got %s, want one of 15 rows for each day", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	if err := config.Validate(&cfg); err != nil {
		t.Errorf("the default: %v", err)
	}
	err := config.Validate(&Config{BatchMaxRows: -1, FlushInterval: time.Hour})
	for _, want := range []string{"batch_max_rows: got -1, want 1 to 500000", "flush_interval: got 1h, want 1ms to 1m"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a fault of %s", err, want)
		}
	}
	if _, err := New(DefaultConfig(), Deps{}); err == nil {
		t.Error("no dependencies: got no error")
	}
}
