package enrich

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// Name is the name of the stage and of its consumer group.
const Name = "enrich"

// Deps are the dependencies of a Stage.
type Deps struct {
	Log *slog.Logger
	// Registerer registers the metrics. If it is nil, they are not published.
	Registerer prometheus.Registerer
	// Kafka is the configuration of the brokers. Instance is the name of this process in the
	// consumer group. It must be the same after a restart.
	Kafka    kafka.Config
	Instance string
	// Drain is the longest time for the last transaction after the stage is stopped. 0 is
	// kafka.DefaultDrain.
	Drain time.Duration
	// Sources has the result of OpenSources. The stage looks for changed files while it runs.
	Sources *Sources
}

// Stage reads bgp.updates.v1 and writes bgp.routes.v1.
type Stage struct {
	cfg     Config
	sources *Sources
	metrics *metrics
	loop    *kafka.Transform
}

// New checks the configuration and allocates the Stage. It starts no goroutine and uses no network.
func New(cfg Config, d Deps) (*Stage, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	if d.Sources == nil || d.Log == nil {
		return nil, errors.New("building enrich: sources and log are needed")
	}
	m := newMetrics(d.Registerer)
	s := &Stage{cfg: cfg, sources: d.Sources, metrics: m}
	s.loop = kafka.NewTransform(d.Kafka, kafka.TransformConfig{
		Stage: Name, Instance: d.Instance, Input: schemas.TopicUpdates, Output: schemas.TopicRoutes, Drain: d.Drain,
	}, newTransformer(d.Sources, m), d.Log, d.Registerer)
	return s, nil
}

// Run blocks until ctx ends and the last transaction is finished. It returns an error only if
// another process runs under the same instance name.
func (s *Stage) Run(ctx context.Context) error {
	var watch sync.WaitGroup
	watching, stop := context.WithCancel(ctx)
	defer watch.Wait()
	defer stop()
	if interval := time.Duration(s.cfg.ReloadInterval); interval > 0 {
		watch.Go(func() { s.sources.Watch(watching, interval, s.reloaded) }) // ends with Run
	}
	return s.loop.Run(ctx)
}

// Ready returns nil while the stage is a member of the group.
func (s *Stage) Ready() error { return s.loop.Ready() }

func (s *Stage) reloaded(changed bool, err error) {
	if changed {
		s.metrics.reloaded.Inc()
	}
	if err != nil {
		s.metrics.kept.Inc()
	}
}

// transformer gives each partition its own Enricher. The loop calls it from one goroutine per
// partition.
type transformer struct {
	sources    *Sources
	metrics    *metrics
	partitions sync.Map // int32 -> *partition, each used by its partition's goroutine alone
}

type partition struct {
	enricher *Enricher
	out      [][]byte
	// busy is still set after a panic of the decoder on the last record. The enricher is discarded
	// then.
	busy bool
}

func newTransformer(s *Sources, m *metrics) *transformer { return &transformer{sources: s, metrics: m} }

// Lost implements kafka.LostTransformer. It writes a record to bgp.routes that marks the lost
// records of bgp.updates.
func (t *transformer) Lost(rec *kgo.Record, l kafka.Lost, emit func(*kgo.Record)) error {
	value, err := codec.RecordsLost(rec.Topic, rec.Partition, l.From, l.To, l.Since, l.Until).MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding that records were lost: %w", err)
	}
	emit(&kgo.Record{Key: []byte{}, Value: value})
	return nil
}

// Transform implements kafka.Transformer.
func (t *transformer) Transform(rec *kgo.Record, emit func(*kgo.Record)) error {
	v, ok := t.partitions.Load(rec.Partition)
	if !ok {
		v, _ = t.partitions.LoadOrStore(rec.Partition, &partition{enricher: NewEnricher(t.sources)})
	}
	p, ok := v.(*partition)
	if !ok || p.busy {
		p = &partition{enricher: NewEnricher(t.sources)}
		t.partitions.Store(rec.Partition, p)
	}
	p.busy = true
	out, err := p.enricher.Transform(p.out[:0], rec.Value)
	p.busy = false
	t.metrics.add(&p.enricher.Counts)
	if err != nil && len(out) > 0 {
		err = kafka.Partly(err)
	}
	for _, value := range out {
		emit(&kgo.Record{Value: value})
	}
	clear(out)
	p.out = out
	return err
}
