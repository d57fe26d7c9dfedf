package playback

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// Deps holds the dependencies of a Stage.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Kafka      kafka.Config
	// Stage is the stage's name in dead letters.
	Stage string
	// Now returns the time of reception.
	Now func() time.Time
	// Drain bounds the last flush. 0 means kafka.DefaultDrain.
	Drain time.Duration
	// Consumers are the stages to wait for. Empty: the Stage waits for none. AheadBytes bounds how
	// far reading may be ahead of the slowest of them.
	Consumers  []kafka.Reading
	AheadBytes int64
	// Damaged receives every part of the input that could not be read, instead of the log. nil:
	// some of them are logged.
	Damaged func(*capture.Damage)
	// Noted receives the progress after every few records, in Run's goroutine. nil: it is not
	// called.
	Noted func(Progress)
}

// Stage plays files into bgp.updates.v1.
type Stage struct {
	d        Deps
	plan     *Plan
	metrics  metrics
	damaged  *telemetry.Limited
	progress atomic.Pointer[Progress]
	done     atomic.Bool
}

// NewStage allocates the Stage. It starts nothing.
func NewStage(plan *Plan, d Deps) *Stage {
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	s := &Stage{
		d: d, plan: plan, metrics: newMetrics(d.Registerer),
		damaged: telemetry.NewLimited(d.Log, time.Minute, 20),
	}
	s.progress.Store(&Progress{TotalBytes: plan.Bytes, TotalWork: plan.Work})
	return s
}

// Progress returns the progress of the playback. It may be called from any goroutine.
func (s *Stage) Progress() Progress { return *s.progress.Load() }

// Ready returns nil as soon as the Stage exists: reading files depends on nothing else.
func (s *Stage) Ready() error { return nil }

// Done reports whether everything was written and acknowledged.
func (s *Stage) Done() bool { return s.done.Load() }

// Run plays the files to their end. It returns nil when everything is acknowledged, or ctx has
// ended.
func (s *Stage) Run(ctx context.Context) error {
	w, err := newWriter(ctx, s)
	if err != nil {
		return err
	}
	defer w.close()
	defer w.producer.EndAfter(ctx, s.d.Drain)()
	if err := s.writeFeeds(ctx); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	src := s.plan.Open()
	defer src.Close() //nolint:errcheck // only read
	for ctx.Err() == nil {
		rec, err := src.Next()
		switch d, damaged := errors.AsType[*capture.Damage](err); {
		case errors.Is(err, io.EOF):
			if err := w.flush(ctx); err != nil {
				return err
			}
			s.note(src, w)
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
		note, look := w.due()
		if note {
			s.note(src, w)
		}
		if look {
			if err := w.backlog.Wait(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// note publishes the progress.
func (s *Stage) note(src *Source, w *writer) {
	p := src.Progress()
	p.Written, _ = w.producer.Produced()
	s.progress.Store(&p)
	if s.d.Noted != nil {
		s.d.Noted(p)
	}
	s.metrics.eventTime.Set(float64(p.EventTime / 1_000_000))
}
