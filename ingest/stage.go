package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/schemas"
)

// Name is the stage's name.
const Name = "ingest"

// Deps is what a stage is given.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Kafka      kafka.Config
	// Now is the time of reception.
	Now func() time.Time
	// Drain bounds the last flush. 0 is kafka.DefaultDrain.
	Drain time.Duration
	// Consumers are waited for where the source can be read again; empty is nobody.
	Consumers []kafka.Reading
	// Damaged is told of every part of the input that could not be read, instead of the log; nil: the log is, of some.
	Damaged func(*capture.Damage)
}

// Stage plays files into bgp.updates.v1.
type Stage struct {
	cfg      Config
	d        Deps
	plan     *playback.Plan
	metrics  metrics
	damaged  *telemetry.Limited
	progress atomic.Pointer[playback.Progress]
	done     atomic.Bool
}

// New checks and allocates; nothing runs yet.
func New(cfg Config, plan *playback.Plan, d Deps) (*Stage, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	s := &Stage{cfg: cfg, d: d, plan: plan, metrics: newMetrics(d.Registerer), damaged: telemetry.NewLimited(d.Log, time.Minute, 20)}
	s.progress.Store(&playback.Progress{TotalBytes: plan.Bytes})
	return s, nil
}

// Progress is how far the playing is. It may be called from any goroutine.
func (s *Stage) Progress() playback.Progress { return *s.progress.Load() }

// Ready is nil as soon as the stage exists: reading files needs nobody.
func (s *Stage) Ready() error { return nil }

// Done reports whether everything was written and acknowledged.
func (s *Stage) Done() bool { return s.done.Load() }

// Run plays the files to their end. It returns nil when everything is acknowledged, or ctx has ended.
func (s *Stage) Run(ctx context.Context) error {
	w, err := newWriter(ctx, s)
	if err != nil {
		return err
	}
	defer w.close()
	defer w.producer.EndAfter(ctx, s.d.Drain)()
	src := s.plan.Open()
	defer src.Close() //nolint:errcheck // only read
	for ctx.Err() == nil {
		rec, err := src.Next()
		switch d, damaged := errors.AsType[*capture.Damage](err); {
		case errors.Is(err, io.EOF):
			if err := w.flush(ctx); err != nil {
				return err
			}
			s.note(src)
			s.done.Store(true)
			return nil
		case damaged:
			err = w.deadLetter(ctx, rec.Collector, d)
		case err == nil:
			err = w.write(ctx, rec)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		if w.due() {
			s.note(src)
			if err := w.wait(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// note publishes the progress.
func (s *Stage) note(src *playback.Source) {
	p := src.Progress()
	s.progress.Store(&p)
	s.metrics.eventTime.Set(float64(p.EventTime / 1_000_000))
}

// deadLetter counts a damage, logs it within limits, and keeps its octets where it has any.
func (w *writer) deadLetter(ctx context.Context, collector string, d *capture.Damage) error {
	w.s.metrics.damage(d)
	if w.s.d.Damaged != nil {
		w.s.d.Damaged(d)
	} else {
		w.s.damaged.Warn("passed over damaged input", "file", d.File, "offset", d.Offset, "record", d.Number, "reason", string(d.Reason), "err", d.Err)
	}
	if len(d.Raw) == 0 {
		return nil
	}
	at := &kgo.Record{Topic: filepath.Base(d.File), Offset: d.Offset, Key: []byte(collector), Value: d.Raw}
	// One partition, in order with nothing else: the wait is short and rare.
	if err := w.dead.ProduceSync(ctx, kafka.DeadLetter(w.s.d.Kafka, Name, at, fmt.Sprintf("%s: %v", d.Reason, d.Err))).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s: %w", schemas.TopicDeadLetter, err)
	}
	return nil
}
