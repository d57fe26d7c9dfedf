package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/internal/runner"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

const (
	// instance is the only member of each group of a run.
	instance = "0"
	// lookEvery is how often a run checks whether all stages are done.
	lookEvery = 50 * time.Millisecond
)

// pipeline runs every stage over one plan, in one process, until all that follows from the input is
// decided and stored.
type pipeline struct {
	cfg     *configuration // Kafka is set to the dataset
	log     *slog.Logger
	dataset string
	plan    *playback.Plan
	sources *enrich.Sources
	// store receives the rows. Nil leaves the sink out.
	store *store
	// line draws the progress. began is when the program was started.
	line    *progress.Line
	began   time.Time
	tracker progress.Tracker

	// damaged is called with every part of the input that could not be read.
	damaged func(*capture.Damage)

	results *outagelog.Log
	ingest  *playback.Stage
	detect  *detect.Stage
}

// readings returns the topics that each stage reads, with the stage whose group commits them.
func readings(stored bool) []kafka.Reading {
	all := []kafka.Reading{
		{Stage: enrich.Name, Topics: []string{schemas.TopicUpdates}},
		{Stage: detect.Name, Topics: []string{schemas.TopicRoutes}},
	}
	if stored {
		all = append(all, kafka.Reading{Stage: sink.Name, Topics: sink.Topics()})
	}
	return all
}

// build makes the stages. It starts none of them.
func (p *pipeline) build() (*runner.Runner, error) {
	r := runner.New(p.log, p.cfg.stageDrain())
	c := consumers{cfg: p.cfg, log: p.log, dataset: p.dataset, sources: p.sources, store: p.store}
	if err := c.add(r); err != nil {
		return nil, err
	}
	p.detect = c.detect
	p.ingest = playback.NewStage(p.plan, playback.Deps{
		Log: p.log, Kafka: p.cfg.Kafka, Stage: ingest.Name, Now: time.Now, Drain: p.cfg.Drain,
		Consumers: readings(p.store != nil), AheadBytes: p.cfg.Ingest.AheadBytes,
		Damaged: p.damaged, Noted: p.noted,
	})
	r.Add(ingest.Name, p.ingest)
	return r, nil
}

// consumers are the stages behind bgp.updates, all in this process.
type consumers struct {
	cfg     *configuration // Kafka is set to the dataset
	log     *slog.Logger
	reg     prometheus.Registerer // nil: no metrics
	dataset string
	sources *enrich.Sources
	store   *store // nil leaves the sink out
	// persist keeps the sink running when the store refuses rows for a reason that waiting does not
	// cure.
	persist bool
	notify  *notify.Stage // nil leaves it out
	detect  *detect.Stage
}

// add makes the stages and adds them to r, outputs first.
func (c *consumers) add(r *runner.Runner) error {
	if c.store != nil && c.store.engine != nil {
		c.store.engine.Register(c.reg)
		r.Add("store", engineStage{c.store.engine})
	}
	if c.store != nil {
		s, err := sink.New(c.cfg.Sink, sink.Deps{
			Log: c.log, Registerer: c.reg, Kafka: c.cfg.Kafka, ClickHouse: c.store.server,
			Persist: c.persist, Dataset: c.dataset, Instance: instance, Drain: c.cfg.Drain,
		})
		if err != nil {
			return err
		}
		r.Add(sink.Name, s)
	}
	if c.notify != nil {
		r.Add(notify.Name, c.notify)
	}
	dc := c.cfg.Detect
	dc.Families = core.BothFamilies
	d, err := detect.New(dc, detect.Deps{
		Log: c.log, Registerer: c.reg, Kafka: c.cfg.Kafka, Instance: instance, Drain: c.cfg.Drain,
		Settings: resultSettings(c.cfg), NewDetector: c.cfg.newDetector(c.dataset, dc.Families),
	})
	if err != nil {
		return err
	}
	r.Add(detect.Name, d)
	c.detect = d
	e, err := enrich.New(c.cfg.Enrich, enrich.Deps{
		Log: c.log, Registerer: c.reg, Kafka: c.cfg.Kafka, Instance: instance, Drain: c.cfg.Drain,
		Sources: c.sources,
	})
	if err != nil {
		return err
	}
	r.Add(enrich.Name, e)
	return nil
}

// run starts with empty topics and runs the stages. It returns when all records are decided and
// stored, or when ctx ends.
func (p *pipeline) run(ctx context.Context, stages *runner.Runner) error {
	if err := p.reset(ctx); err != nil {
		return err
	}
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watched := make(chan error, 3)
	go func() { watched <- p.watch(running, stop) }()  // ends with running
	go func() { watched <- p.follow(running, stop) }() // ends with running
	go func() { watched <- p.drawProgress(running) }() // ends with running
	err := stages.Run(running)
	stop(nil)
	for range cap(watched) {
		err = errors.Join(err, <-watched)
	}
	if err == nil && ctx.Err() == nil {
		err = p.collect(ctx)
	}
	return err
}

// progress returns how much of the input was read.
func (p *pipeline) progress() playback.Progress { return p.ingest.Progress() }

// errDone ends the stages of a run that is complete.
var errDone = errors.New("done")

// reset removes the topics of an earlier run and makes them again.
func (p *pipeline) reset(ctx context.Context) error {
	if err := kafka.Remove(ctx, p.cfg.Kafka, p.log, schemas.Topics); err != nil {
		return err
	}
	_, err := kafka.Apply(ctx, p.cfg.Kafka, p.log, schemas.Topics)
	return err
}

// watch ends the stages when the input was read and every group is at the end of its topics. It
// checks the stages one after the other, because a stage that is not at the end may still write
// records for the next stage.
func (p *pipeline) watch(ctx context.Context, stop context.CancelCauseFunc) error {
	adm, err := kafka.NewAdmin(p.cfg.Kafka, p.log)
	if err != nil {
		stop(err)
		return err
	}
	defer adm.Close()
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	readings := readings(p.store != nil)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if !p.ingest.Done() {
			continue
		}
		done, err := kafka.Drained(ctx, adm, p.cfg.Kafka, p.log, readings[0])
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			stop(err)
			return err
		}
		if done {
			if readings = readings[1:]; len(readings) == 0 {
				stop(errDone)
				return nil
			}
		}
	}
}

// follow counts outages as they arrive.
func (p *pipeline) follow(ctx context.Context, stop context.CancelCauseFunc) error {
	err := kafka.Tail(ctx, p.cfg.Kafka, p.log, []string{schemas.TopicOutages}, func(rec *kgo.Record) error {
		_, err := p.results.Add(rec)
		return err
	})
	if err != nil && ctx.Err() == nil {
		stop(err)
		return fmt.Errorf("reading outages: %w", err)
	}
	return nil
}

// collect reads all outages again when the stages have ended, because follow has not read the last
// of them. Records that results already holds change nothing, so one log is enough. But if results
// has dropped outages, collect fills a new log: which of them were dropped depends on how far
// follow had read.
func (p *pipeline) collect(ctx context.Context) error {
	if p.results.Dropped() {
		p.results = outagelog.New()
	}
	return kafka.ReadToEnd(ctx, p.cfg.Kafka, p.log, schemas.TopicOutages, func(rec *kgo.Record) error {
		_, err := p.results.Add(rec)
		return err
	})
}

// broker starts the embedded Kafka if no brokers are configured. Its folder belongs to the run and
// is emptied first.
func (p *pipeline) broker(ctx context.Context, dir string) (func() error, error) {
	if len(p.cfg.Kafka.Brokers) > 0 {
		return func() error { return nil }, nil
	}
	if !datasetName.MatchString(filepath.Base(dir)) { // the folder removed below is named by the dataset alone
		return nil, fmt.Errorf("a run cannot have its files in %s", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("removing the files of an earlier run: %w", err)
	}
	b, err := kafka.StartBroker(ctx, kafka.BrokerConfig{Dir: dir, Log: p.log})
	if err != nil {
		return nil, err
	}
	p.cfg.Kafka = b.Use(p.cfg.Kafka)
	return func() error {
		return errors.Join(b.Close(), os.RemoveAll(dir))
	}, nil
}
