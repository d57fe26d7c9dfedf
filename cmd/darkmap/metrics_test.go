package main

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/follow"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/ingest/routeviews"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/runner"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/serve"
)

const metricsPage = "../../docs/metrics.md"

// metricSections are the sections of the page. A metric belongs to the section with the longest
// matching prefix.
var metricSections = []struct{ prefix, title string }{
	{"darkmap_", "Every process"},
	{"darkmap_ingest_", "ingest: all sources"},
	{"darkmap_ingest_rislive_", "ingest: RIS Live"},
	{"darkmap_ingest_routeviews_", "ingest: RouteViews"},
	{"darkmap_ingest_bmp_", "ingest: routers"},
	{"darkmap_ingest_archive_", "ingest: files fetched from archives"},
	{"darkmap_ingest_bootstrap_", "ingest: tables, fills and checks"},
	{"darkmap_ingest_follow_", "ingest: archives alone (`--follow`)"},
	{"darkmap_ingest_playback_", "ingest: files (`ingest FILE`)"},
	{"darkmap_enrich_", "enrich"},
	{"darkmap_detect_", "detect"},
	{"darkmap_sink_", "sink"},
	{"darkmap_notify_", "notify"},
	{"darkmap_serve_", "serve"},
	{"darkmap_store_", "The embedded ClickHouse"},
}

const metricsHead = `# Metrics

Generated from the code by ` + "`make gen`" + `: do not edit.

` + "`/metrics`" + ` of the admin server (` + "`--admin-addr`" + `) serves them in Prometheus' text format. A process serves the metrics of the stages that it
runs; ` + "`darkmap up`" + ` runs all of them, but those for files and, without ` + "`--follow`" + `, those for archives alone.

Every process also serves the metrics of the Go runtime (prefix ` + "`go_`" + `), of the process (` + "`process_`" + `), and of its Kafka clients (` + "`darkmap_kafka_`" + `,
label ` + "`client`" + `; franz-go's plugin kprom makes them).

Names end with their unit. The time of a ` + "`_timestamp_seconds`" + ` is in seconds since 1970, UTC.
`

// TestMetricsPage compares docs/metrics.md with the metrics that the stages register. `make gen`
// writes it.
func TestMetricsPage(t *testing.T) {
	t.Parallel()
	all := everyMetric(t)
	rows := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		rows[metricSection(name)] += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, m.kind, labels, tableCell(m.help))
	}
	page := metricsHead
	for _, s := range metricSections {
		if rows[s.prefix] == "" {
			t.Errorf("no metric begins with %s", s.prefix)
		}
		page += fmt.Sprintf("\n## %s\n\n| name | type | labels | meaning |\n|---|---|---|---|\n%s", s.title, rows[s.prefix])
	}
	generated(t, metricsPage, page)
}

// metricSection returns the prefix of a metric's section.
func metricSection(name string) string {
	best := ""
	for _, s := range metricSections {
		if strings.HasPrefix(name, s.prefix) && len(s.prefix) > len(best) {
			best = s.prefix
		}
	}
	return best
}

// TestMetricRules checks names and help texts by Prometheus' rules, as promlint knows them, and by
// ours.
func TestMetricRules(t *testing.T) {
	t.Parallel()
	var families []*dto.MetricFamily
	for name, m := range everyMetric(t) {
		families = append(families, &dto.MetricFamily{Name: &name, Help: &m.help, Type: &m.family})
		if metricSection(name) == "" {
			t.Errorf("%s has none of the prefixes", name)
		}
		if !strings.HasSuffix(m.help, ".") || strings.Contains(m.help, ". ") {
			t.Errorf("%s: the help text %q is not one sentence with a full stop", name, m.help)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestLibraryMetrics checks that the metrics of libraries have the prefixes that the page names.
func TestLibraryMetrics(t *testing.T) {
	t.Parallel()
	families, err := telemetry.NewRegistry("test").Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if name := f.GetName(); !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") && name != "darkmap_build_info" {
			t.Errorf("the page does not name the prefix of %s", name)
		}
	}
	clients := metricRecorder{}
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{"127.0.0.1:1"}}, slog.New(slog.DiscardHandler), kafka.Metrics(clients, "test"))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if len(clients) == 0 {
		t.Error("a Kafka client has no metrics")
	}
	for name := range clients {
		if !strings.HasPrefix(name, "darkmap_kafka_") {
			t.Errorf("the page does not name the prefix of %s", name)
		}
	}
}

// everyMetric makes every part that registers metrics, and returns the metrics by name.
// TestMetricsAreMade finds missing ones.
func everyMetric(t *testing.T) metricRecorder {
	t.Helper()
	reg, log := metricRecorder{}, slog.New(slog.DiscardHandler)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	families, err := telemetry.NewRegistry("test").Gather()
	check(err)
	for _, f := range families {
		if name := f.GetName(); strings.HasPrefix(name, "darkmap_") {
			reg[name] = recordedMetric{kindOf(f.GetType()), f.GetType(), f.GetHelp(), []string{f.GetMetric()[0].GetLabel()[0].GetName()}}
		}
	}
	cfg := defaultConfiguration()
	sources, err := enrich.OpenSources(cfg.Enrich, log)
	check(err)
	c := consumers{
		cfg: cfg, log: log, reg: reg, dataset: "test", sources: sources,
		store: &store{server: clickhouse.Server{Embedded: true}, engine: &clickhouse.Engine{}},
	}
	check(c.add(runner.New(log, time.Second)))
	playback.NewStage(&playback.Plan{}, playback.Deps{Log: log, Registerer: reg})
	_, err = ingest.NewLive(cfg.Ingest, ingest.LiveDeps{Log: log, Registerer: reg})
	check(err)
	streams, err := stream.NewSet(cfg.Ingest.Stream, stream.Deps{Log: log, Registerer: reg, Now: time.Now})
	check(err)
	_, err = rislive.New(cfg.Ingest.RISLive, rislive.Deps{Log: log, Registerer: reg, Streams: streams})
	check(err)
	_, err = routeviews.New(cfg.Ingest.RouteViews, routeviews.Deps{Log: log, Registerer: reg, Streams: streams, Installation: "test"})
	check(err)
	_, err = bmp.New(cfg.Ingest.BMP, bmp.Deps{Log: log, Registerer: reg, Streams: streams})
	check(err)
	_, err = bootstrap.New(cfg.Ingest.Bootstrap, bootstrap.Deps{Log: log, Registerer: reg})
	check(err)
	_, err = follow.New(cfg.Ingest.Follow, follow.Deps{Registerer: reg, Streams: streams})
	check(err)
	lists, err := watch.Open(func() (watch.Loaded, error) { return watch.Loaded{}, nil })
	check(err)
	watch.NewSource(lists, watch.Deps{Log: log, Registerer: reg})
	_, err = notify.New(cfg.Notify, notify.Deps{Log: log, Registerer: reg, Instance: "test", Now: time.Now, Targets: map[string]*notify.Place{"test": {}}})
	check(err)
	p := &site{cfg: cfg, dataset: "test", reg: reg}
	_, err = p.server(&globals{log: log}, serve.Options{})
	check(err)
	fetched := cfg.Ingest.Archive
	fetched.Cache = t.TempDir()
	_, err = archive.NewFetcher(fetched, reg)
	check(err)
	return reg
}

// recordedMetric is a collector's description of a metric.
type recordedMetric struct {
	kind   string // type, as in the page
	family dto.MetricType
	help   string
	labels []string
}

// metricRecorder is a Registerer that records the registered metrics by name. A metric may be
// registered twice.
type metricRecorder map[string]recordedMetric

// descForm matches the text of a prometheus.Desc, which cannot be read in another way.
var descForm = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), unit: "[^"]*", constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

// Register records the metrics of a collector.
func (r metricRecorder) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() { // ends when the collector has described itself
		defer close(descs)
		c.Describe(descs)
	}()
	var err error
	for d := range descs {
		if e := r.note(c, d); e != nil {
			err = e
		}
	}
	return err
}

func (r metricRecorder) note(c prometheus.Collector, d *prometheus.Desc) error {
	part := descForm.FindStringSubmatch(d.String())
	if part == nil {
		return fmt.Errorf("reading %v", d)
	}
	name, err := strconv.Unquote(part[1])
	if err != nil {
		return err
	}
	m := recordedMetric{}
	if m.help, err = strconv.Unquote(part[2]); err != nil {
		return err
	}
	if part[3] != "" {
		m.labels = strings.Split(part[3], ",")
	}
	if m.family, err = familyOf(c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m.kind = kindOf(m.family)
	if other, ok := r[name]; ok && !reflect.DeepEqual(m, other) {
		return fmt.Errorf("%s is registered as %v and as %v", name, m, other)
	}
	r[name] = m
	return nil
}

// MustRegister registers several collectors.
func (r metricRecorder) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister does nothing.
func (metricRecorder) Unregister(prometheus.Collector) bool { return false }

// familyOf returns the type of a collector: of a vector by its Go type, of others by the metrics
// that they collect.
func familyOf(c prometheus.Collector) (dto.MetricType, error) {
	switch c.(type) {
	case *prometheus.CounterVec:
		return dto.MetricType_COUNTER, nil
	case *prometheus.GaugeVec:
		return dto.MetricType_GAUGE, nil
	case *prometheus.HistogramVec:
		return dto.MetricType_HISTOGRAM, nil
	}
	one := make(chan prometheus.Metric, 1)
	c.Collect(one)
	var m dto.Metric
	if err := (<-one).Write(&m); err != nil {
		return 0, err
	}
	switch {
	case m.Counter != nil:
		return dto.MetricType_COUNTER, nil
	case m.Gauge != nil:
		return dto.MetricType_GAUGE, nil
	case m.Histogram != nil:
		return dto.MetricType_HISTOGRAM, nil
	}
	return 0, fmt.Errorf("the type of %T is not known", c)
}

func kindOf(t dto.MetricType) string { return strings.ToLower(t.String()) }
