package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

// measurement is one measurement of stages, from measure to finish.
type measurement struct {
	b      *bench
	ctx    context.Context //nolint:containedctx // of the one run
	stages []string
	all    []*running
	began  time.Time
	took   time.Duration
	// Records of bgp.updates and octets, at the begin and at the end.
	updates [2]int64
	octets  [2]map[string]int64
	lag     map[string]int64 // by stage, when ingest had ended or the time was over
	idles   map[string]float64
	rows    []benchRow
}

// benchRow is one row of the table.
type benchRow struct {
	name      string
	processes int
	records   int64   // 0 for what is no stage
	changes   int64   // route changes
	cpu       float64 // seconds
	idle      float64 // seconds of CPU a second without input, or unmeasured
	rss       int64   // the highest sum over its processes
	in, out   int64   // octets
	lag       int64
	aborted   int64    // transactions, which were repeated
	growth    [2]usage // the second quarter and the last, of the process that has grown most
}

const unmeasured = -1

// measure begins a measurement.
func (b *bench) measure(ctx context.Context, stages []string, all []*running) *measurement {
	b.t.Helper()
	m := &measurement{b: b, ctx: ctx, stages: stages, all: all, idles: map[string]float64{}}
	m.look()
	for _, x := range m.meters() {
		x.begin()
	}
	m.updates[0], m.octets[0] = b.ends(ctx), b.octets(ctx)
	m.began = time.Now()
	return m
}

func (m *measurement) meters() []*metered { return append(meteredOf(m.all), m.b.others...) }

func (m *measurement) look() {
	for _, x := range m.meters() {
		x.look(m.ctx)
	}
}

// untilDrained looks at the processes until ingest has ended and each stage has read everything.
func (m *measurement) untilDrained(pending []kafka.Reading) {
	m.b.t.Helper()
	for {
		m.look()
		playing := false
		for _, r := range m.all {
			switch {
			case r.stage == ingest.Name:
				playing = r.running()
			case !r.running():
				m.b.t.Fatalf("%s ended: %s", r.name, r.said())
			}
		}
		if !playing && m.lag == nil {
			m.lag = m.b.lag(m.ctx, m.stages)
		}
		for !playing && len(pending) > 0 {
			done, err := kafka.Drained(m.ctx, m.b.adm, m.b.cfg, kafkatest.Log(), pending[0])
			if err != nil {
				m.b.t.Fatal(err)
			}
			if !done {
				break
			}
			pending = pending[1:]
		}
		if !playing && len(pending) == 0 {
			return
		}
		m.pause(benchLook)
	}
}

// untilOver looks at the processes for a time. All stages have to run to its end.
func (m *measurement) untilOver(d time.Duration) {
	m.b.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); m.pause(benchLook) {
		m.look()
		for _, r := range m.all {
			if !r.running() {
				m.b.t.Fatalf("%s ended: %s", r.name, r.said())
			}
		}
	}
	m.lag = m.b.lag(m.ctx, m.stages)
}

func (m *measurement) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-m.ctx.Done():
		m.b.t.Fatalf("the run takes longer than %v", benchLimit)
	}
}

// finish ends the measurement and computes the rows.
func (m *measurement) finish() {
	m.b.t.Helper()
	m.took = time.Since(m.began)
	m.look()
	m.updates[1], m.octets[1] = m.b.ends(m.ctx), m.b.octets(m.ctx)
	if slices.Contains(m.stages, enrich.Name) {
		m.b.changes = m.sum(enrich.Name, "darkmap_enrich_route_changes_total")
	}
	for _, s := range m.stages {
		row := m.row(s, m.records(s))
		if row.changes = m.b.changes; row.changes == 0 {
			row.changes = m.b.input.changes // enrich has not run yet: as counted in the files
		}
		row.in, row.out = m.traffic(s)
		row.lag = m.lag[s]
		row.aborted = m.sum(s, "darkmap_"+s+"_transactions_aborted_total")
		m.rows = append(m.rows, row)
	}
	for _, o := range m.b.others {
		m.rows = append(m.rows, m.row(o.group, 0))
	}
}

// row sums the processes of a group.
func (m *measurement) row(group string, records int64) benchRow {
	row := benchRow{name: group, records: records, idle: unmeasured}
	var sums []int64
	for _, x := range m.meters() {
		if x.group != group {
			continue
		}
		first := row.processes == 0
		row.processes += max(1, len(x.pids()))
		row.cpu += x.used()
		for i, u := range x.seen {
			if i == len(sums) {
				sums = append(sums, 0)
			}
			sums[i] += u.bytes
		}
		if second, last := growth(x.seen); first || last.bytes-second.bytes > row.growth[1].bytes-row.growth[0].bytes {
			row.growth = [2]usage{second, last}
		}
	}
	for _, s := range sums {
		row.rss = max(row.rss, s)
	}
	return row
}

// sum returns by how much a metric of a stage's processes has grown.
func (m *measurement) sum(stage, metric string) (n int64) {
	for _, r := range m.all {
		if r.stage == stage {
			n += r.counted(metric)
		}
	}
	return n
}

// records returns how many records a stage has read; for ingest, how many it has written.
func (m *measurement) records(stage string) int64 {
	if stage == ingest.Name {
		return m.updates[1] - m.updates[0]
	}
	return m.sum(stage, "darkmap_"+stage+"_records_in_total")
}

// benchDetected lists the topics that detect writes besides its checkpoints.
var benchDetected = []string{
	schemas.TopicVisibility, schemas.TopicPrefixes, schemas.TopicPanel, schemas.TopicOutages, schemas.TopicOutagesJSON,
}

// traffic returns the octets that a stage has read and written: those on Kafka's disk, of the
// files, and of ClickHouse's parts.
func (m *measurement) traffic(stage string) (in, out int64) {
	grown := func(names ...string) (n int64) {
		for _, name := range names {
			n += m.octets[1][name] - m.octets[0][name]
		}
		return n
	}
	read := func(from string, names ...string) int64 {
		if slices.Contains(m.stages, from) {
			return grown(names...)
		}
		n := int64(0) // all was written before
		for _, name := range names {
			n += m.octets[1][name]
		}
		return n
	}
	switch stage {
	case ingest.Name:
		if in = m.sum(ingest.Name, "darkmap_ingest_rislive_received_bytes_total"); in == 0 {
			in = m.b.input.bytes
		}
		return in, grown(schemas.TopicUpdates)
	case enrich.Name:
		return read(ingest.Name, schemas.TopicUpdates), grown(schemas.TopicRoutes)
	case detect.Name:
		return read(enrich.Name, schemas.TopicRoutes), grown(benchDetected...)
	default:
		return read(enrich.Name, sink.Topics()...), grown(storeOctets)
	}
}

// idle measures the processes without input.
func (m *measurement) idle() {
	m.look()
	before := map[*metered]float64{}
	for _, x := range m.meters() {
		before[x] = x.last.cpu
	}
	if *benchIdle == 0 {
		return
	}
	began := time.Now()
	m.pause(time.Duration(*benchIdle) * time.Second)
	m.look()
	for _, x := range m.meters() {
		m.idles[x.group] += (x.last.cpu - before[x]) / time.Since(began).Seconds()
	}
	for i := range m.rows {
		m.rows[i].idle = m.idles[m.rows[i].name]
	}
}

// storeOctets is the name of ClickHouse's parts in octets.
const storeOctets = "store"

// octets returns the size of each topic without replicas, and of the store.
func (b *bench) octets(ctx context.Context) map[string]int64 {
	b.t.Helper()
	dirs, err := b.adm.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	names := map[string]string{}
	for _, t := range schemas.Topics {
		names[b.cfg.Topic(t.Name)] = t.Name
	}
	type partition struct {
		topic string
		n     int32
	}
	largest := map[partition]int64{}
	for _, d := range dirs.Sorted() {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if name, ok := names[p.Topic]; ok {
				at := partition{name, p.Partition}
				largest[at] = max(largest[at], p.Size)
			}
		})
	}
	out := map[string]int64{}
	for p, size := range largest {
		out[p.topic] += size
	}
	for _, t := range storeParts(ctx, b.t, b.store) {
		out[storeOctets] += t.octets
	}
	return out
}

// storePart is a table's size.
type storePart struct {
	table        string
	rows, octets int64
}

// storeParts returns the sizes of a store's tables with rows, the largest first.
func storeParts(ctx context.Context, t *testing.T, s clickhouse.Server) (out []storePart) {
	t.Helper()
	conn, err := clickhouse.Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // only read
	rows, err := conn.Query(ctx, `SELECT table, toInt64(sum(rows)), toInt64(sum(bytes_on_disk)) AS octets FROM system.parts
		WHERE active AND database = '`+s.Database+`' AND rows > 0 GROUP BY table ORDER BY octets DESC, table`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var p storePart
		if err := rows.Scan(&p.table, &p.rows, &p.octets); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
