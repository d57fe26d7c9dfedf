package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/procfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/eval/simulate/year"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

var (
	benchPairs   = flag.Int("bench-pairs", 0, "how many pairs of stores TestBenchInsert fills: one with the views that copy rows, one without")
	benchWithout = flag.String("bench-without", "", "names of views after a comma: TestBenchInsert measures what these cost; empty: what all cost")
	benchBatch   = flag.Int("bench-batch", sink.DefaultConfig().BatchMaxRows, "sink.batch_max_rows of TestBenchInsert")
)

// TestBenchInsert measures what the views that copy rows cost the sink and the engine, and prints
// it (docs/performance.md). The rows are those of the pipeline over files or a scenario.
func TestBenchInsert(t *testing.T) {
	if *benchPairs == 0 {
		t.Skip("make bench-insert runs it")
	}
	l := readLoad(t, strings.Fields(*benchFiles), *benchScenario, *benchCopies)
	t.Log(l)
	fmt.Println(machine())
	b := newBench(t, l.flags)
	b.input = l.write(t, *benchRecords)
	for _, stage := range []string{ingest.Name, enrich.Name, detect.Name} {
		b.phase([]string{stage})
	}
	x := insertBench{t: t, adm: b.adm, topics: b.cfg, kafka: benchDataset, dataset: benchDataset, quiet: 5 * time.Second}
	if *benchWithout != "" {
		x.without = strings.Split(*benchWithout, ",")
	}
	fmt.Println(x.fillPairs(*benchPairs).report())
}

// insertBench fills new stores with the records of the same topics, again and again.
type insertBench struct {
	t       *testing.T
	adm     *kadm.Client
	topics  kafka.Config
	kafka   string // the dataset of the topics
	dataset string // the dataset of the rows
	// without lists the views that every second store lacks, with their tables. Empty means all.
	without []string
	// quiet is the time without a merge after which no more merges are expected.
	quiet time.Duration
}

// fillings are the measurements, in their order.
type fillings []filling

// filling is the measurement of one store.
type filling struct {
	whole  bool             // the store has all views
	rows   map[string]int64 // rows by table, without the tables that views fill
	copies map[string]int64 // rows by table, of the tables that views fill
	took   time.Duration    // until all rows were inserted
	// CPU seconds. insert is that of the engine without its merges. later is that of merges after the
	// last insert.
	sink, insert, merges, later float64
	peak                        int64 // octets, the most resident memory of the sink
}

// wholeFirst reports whether the n-th store, from 0, has all views. A pair begins with the kind of
// store with which the pair before it ended.
func wholeFirst(n int) bool { return n%4 == 0 || n%4 == 3 }

// fillPairs fills pairs of stores. The stores of all pairs have to hold the same rows.
func (x *insertBench) fillPairs(pairs int) fillings {
	x.t.Helper()
	var all fillings
	for n := range 2 * pairs {
		f := x.fill(wholeFirst(n))
		x.t.Logf("%s: %d rows in %v", f.name(), f.count(), f.took.Round(time.Millisecond))
		if n > 0 && !maps.Equal(f.rows, all[0].rows) {
			x.t.Fatalf("store %d has rows %v, the first one %v", n, f.rows, all[0].rows)
		}
		all = append(all, f)
	}
	return all
}

// fill fills a new store by a sink in a process of its own.
func (x *insertBench) fill(whole bool) filling {
	t := x.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), benchLimit)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "clickhouse")
	e := clickhousetest.StartMigrated(t, clickhouse.EngineConfig{Dir: dir})
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}()
	conn, err := clickhouse.Open(ctx, e.Server())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is empty by then
	if !whole {
		x.drop(ctx, conn, e.Server())
	}
	engine := &metered{group: "ClickHouse", pids: func() []int { return []int{e.PID()} }}
	merging := &threadMeter{pid: e.PID(), name: mergeThreads, cpu: map[int]float64{}}
	engine.look(ctx)
	engine.begin()
	before := merging.look()

	began := time.Now()
	cfg := sink.DefaultConfig()
	cfg.BatchMaxRows = *benchBatch
	c := sinkChild{Sink: cfg, Brokers: x.topics.Brokers, Kafka: x.kafka, ClickHouse: e.Server(), Dataset: x.dataset, ID: "0"}
	child := c.start(t)
	own := &metered{group: sink.Name, pids: func() []int { return []int{child.Process.Pid} }}
	x.drain(ctx, merging)
	f := filling{whole: whole, took: time.Since(began)}
	own.look(ctx)
	engine.look(ctx)
	f.peak = peakMemory(t, child.Process.Pid)
	f.sink, f.merges = own.used(), merging.look()-before
	f.insert = engine.used() - f.merges
	_ = child.Process.Kill()
	_ = child.Wait() // killed is its error

	x.settle(ctx, conn)
	f.later = merging.look() - before - f.merges
	f.rows, f.copies = x.count(ctx, conn, e.Server())
	x.forget(ctx, c.ID)
	return f
}

// peakMemory returns the most resident memory that a process has had, in octets.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	p, err := procfs.NewProc(pid)
	if err != nil {
		t.Fatal(err)
	}
	status, err := p.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	return int64(status.VmHWM)
}

// drop drops the views, and the tables that they fill.
func (x *insertBench) drop(ctx context.Context, conn driver.Conn, s clickhouse.Server) {
	x.t.Helper()
	copyings, err := s.Copyings(ctx, conn)
	if err != nil {
		x.t.Fatal(err)
	}
	var statements []string
	left := slices.Clone(x.without)
	for _, c := range copyings {
		if len(x.without) == 0 || slices.Contains(x.without, c.View) {
			statements = append(statements, "DROP VIEW "+s.Database+"."+c.View+" SYNC", "DROP TABLE "+s.Database+"."+c.To+" SYNC")
			left = slices.DeleteFunc(left, func(name string) bool { return name == c.View })
		}
	}
	if len(statements) == 0 || len(left) > 0 {
		x.t.Fatalf("WITHOUT: there is no view %v: the store has %v", left, copyings)
	}
	for _, sql := range statements {
		if err := conn.Exec(ctx, sql); err != nil {
			x.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// drain waits until the sink has inserted everything.
func (x *insertBench) drain(ctx context.Context, merging *threadMeter) {
	x.t.Helper()
	all := kafka.Reading{Stage: sink.Name, Topics: sink.Topics()}
	for {
		done, err := kafka.Drained(ctx, x.adm, x.topics, kafkatest.Log(), all)
		if err != nil {
			x.t.Fatal(err)
		}
		if done {
			return
		}
		<-time.After(benchLook / 5)
		merging.look()
	}
}

// settle waits until the engine no longer merges parts.
func (x *insertBench) settle(ctx context.Context, conn driver.Conn) {
	x.t.Helper()
	for since := time.Now(); time.Since(since) < x.quiet; <-time.After(benchLook / 5) {
		var merges uint64
		if err := conn.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			x.t.Fatal(err)
		}
		if merges > 0 {
			since = time.Now()
		}
	}
}

// count counts the rows of the tables that the sink writes, and of those that views fill.
func (x *insertBench) count(ctx context.Context, conn driver.Conn, s clickhouse.Server) (rows, copies map[string]int64) {
	x.t.Helper()
	copyings, err := s.Copyings(ctx, conn)
	if err != nil {
		x.t.Fatal(err)
	}
	rows, copies = map[string]int64{}, map[string]int64{}
	for _, p := range storeParts(ctx, x.t, s) {
		switch {
		case slices.ContainsFunc(copyings, func(c clickhouse.Copying) bool { return c.To == p.table }):
			copies[p.table] = p.rows
		case !strings.HasPrefix(p.table, "schema_"):
			rows[p.table] = p.rows
		}
	}
	return rows, copies
}

// forget makes the next sink read from the beginning.
func (x *insertBench) forget(ctx context.Context, instance string) {
	x.t.Helper()
	group := x.topics.Group(sink.Name)
	if _, err := x.adm.LeaveGroup(ctx, kadm.LeaveGroup(group).InstanceIDs(instance)); err != nil {
		x.t.Fatal(err)
	}
	if _, err := x.adm.DeleteGroup(ctx, group); err != nil {
		x.t.Fatal(err)
	}
}

// mergeThreads is the name of the engine's threads that merge parts.
const mergeThreads = "MergeMutate"

// threadMeter meters the threads of a process that have a name.
type threadMeter struct {
	pid  int
	name string
	cpu  map[int]float64 // seconds at the last look, by thread; ended threads stay
}

// look returns the CPU seconds of the threads so far.
func (m *threadMeter) look() (cpu float64) {
	if threads, err := procfs.AllThreads(m.pid); err == nil {
		for _, thread := range threads {
			if stat, err := thread.Stat(); err == nil && stat.Comm == m.name {
				m.cpu[thread.PID] = stat.CPUTime()
			}
		}
	}
	for _, seconds := range m.cpu {
		cpu += seconds
	}
	return cpu
}

func (f *filling) name() string {
	if f.whole {
		return "with the views"
	}
	return "without them"
}

// count returns the number of rows that the sink has inserted.
func (f *filling) count() (n int64) {
	for _, rows := range f.rows {
		n += rows
	}
	return n
}

// rate returns the rows that were inserted in a second.
func (f *filling) rate() float64 { return float64(f.count()) / f.took.Seconds() }

// report returns a table of all stores, and the ratios of the pairs.
func (all fillings) report() string {
	cells := [][]string{{
		"store", "rows/s", "us of CPU a row: sink", "engine without merges", "both", "merges meanwhile", "merges afterwards", "RSS MB of the sink",
	}}
	for i := range all {
		f := &all[i]
		row := []string{f.name(), fmt.Sprintf("%.0f", f.rate())}
		for _, seconds := range []float64{f.sink, f.insert, f.sink + f.insert, f.merges, f.later} {
			row = append(row, perMillion(seconds, f.count()))
		}
		cells = append(cells, append(row, fmt.Sprint(f.peak/1e6)))
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\nrows of a store: %v\nof the tables that views fill: %v\n\n%s\n", all[0].rows, all[0].copies, markdown(cells))
	for _, x := range []struct {
		name string
		of   func(f *filling) float64
	}{
		{"CPU of sink and engine without merges", func(f *filling) float64 { return f.sink + f.insert }},
		{"CPU of merges", func(f *filling) float64 { return f.merges + f.later }},
		{"rows/s", (*filling).rate},
	} {
		ratios := all.ratios(x.of)
		fmt.Fprintf(&out, "%s, with the views over without: median %.2f, lowest %.2f, highest %.2f of %d pairs\n",
			x.name, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], len(ratios))
	}
	return out.String()
}

// ratios returns, of each pair, the value of the store with all views over that of the other store,
// in ascending order.
func (all fillings) ratios(of func(f *filling) float64) (ratios []float64) {
	for pair := range slices.Chunk(all, 2) {
		whole, other := &pair[0], &pair[1]
		if other.whole {
			whole, other = other, whole
		}
		ratios = append(ratios, of(whole)/of(other))
	}
	slices.Sort(ratios)
	return ratios
}

// TestFillPairs: both stores of a pair get the same rows. One has the views and their copies, the
// other has neither.
func TestFillPairs(t *testing.T) {
	t.Parallel()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	topics := b.Use(kafka.DefaultConfig()).WithDataset("pairs")
	if _, err := kafka.Apply(t.Context(), topics, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	adm, err := kafka.NewAdmin(topics, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(adm.Close)
	produceFirst(t, topics, 300)
	x := insertBench{t: t, adm: adm, topics: topics, kafka: "pairs", dataset: "year"}
	all := x.fillPairs(1)
	whole, other := all[0], all[1]
	for _, table := range []string{"route_change_log", "visibility", "prefix_states"} {
		if whole.rows[table] == 0 {
			t.Errorf("%s has no rows: %v", table, whole.rows)
		}
	}
	for _, table := range []string{"prefix_changes", "visibility_hours", "prefix_origins", "prefix_countries"} {
		if whole.copies[table] == 0 {
			t.Errorf("the store with the views has no rows in %s: %v", table, whole.copies)
		}
	}
	if got, want := whole.copies["prefix_changes"], whole.rows["route_change_log"]; got != want {
		t.Errorf("got %d rows in prefix_changes, want the %d of route_change_log", got, want)
	}
	if len(other.copies) > 0 || !whole.whole || other.whole {
		t.Errorf("the store without the views has copies %v", other.copies)
	}
	for _, f := range all {
		if f.sink <= 0 || f.insert <= 0 || f.peak <= 0 {
			t.Errorf("%s: got %v s of CPU and %d octets of the sink, and %v s of the engine", f.name(), f.sink, f.peak, f.insert)
		}
	}
}

// produceFirst writes the first records of each stream of a simulated year.
func produceFirst(t *testing.T, topics kafka.Config, most int) {
	t.Helper()
	y, err := year.New(year.Config{
		Dataset: "year", Until: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Days: year.MinDays, Scale: year.MinScale, Seed: 1, Appended: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kafka.NewClient(topics, kafkatest.Log(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, stream := range y.Streams() {
		if stream.Dataset == y.ReplayDataset() {
			continue
		}
		var batch []*kgo.Record
		for rec, err := range stream.Records {
			if err != nil {
				t.Fatal(err)
			}
			if len(batch) == most {
				break
			}
			batch = append(batch, &kgo.Record{Topic: topics.Topic(stream.Topic), Value: slices.Clone(rec.Value)})
		}
		if err := cl.ProduceSync(t.Context(), batch...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRatios: the stores of a pair are told apart whichever was filled first.
func TestRatios(t *testing.T) {
	t.Parallel()
	var all fillings
	for n := range 6 {
		f := filling{whole: wholeFirst(n), rows: map[string]int64{"visibility": 1_000_000}, took: time.Second, sink: 1, insert: 1, merges: 1}
		if f.whole {
			f.insert, f.later, f.took = 1.5+float64(n)/10, 1, 2*time.Second
		}
		all = append(all, f)
	}
	const order = "[true false false true true false]"
	if got := fmt.Sprint(wholeFirst(0), wholeFirst(1), wholeFirst(2), wholeFirst(3), wholeFirst(4), wholeFirst(5)); "["+got+"]" != order {
		t.Errorf("got the order [%s], want %s", got, order)
	}
	got := all.report()
	for _, want := range []string{
		"| with the views | 500000  | 1.00 ", "| without them   | 1000000 | 1.00 ",
		"CPU of sink and engine without merges, with the views over without: median 1.40, lowest 1.25, highest 1.45 of 3 pairs\n",
		"CPU of merges, with the views over without: median 2.00, lowest 2.00, highest 2.00 of 3 pairs\n",
		"rows/s, with the views over without: median 0.50,",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant in it %q", got, want)
		}
	}
}
