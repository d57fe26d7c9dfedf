package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/querydoor"
	"github.com/darkmap/darkmap/internal/runner"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/schemas"
)

// followDataset is the dataset of archives alone. Archives are always late, and are never mixed
// with live sources.
const followDataset = "follow"

// upCmd watches the live feeds on this machine.
type upCmd struct {
	Follow  bool   `help:"Live from the archives alone, half an hour late, instead of the live sources."`
	Format  string `help:"Form of the events: ${enum}; json is one object a line." enum:"text,json" default:"text"`
	NoStore bool   `help:"Leave ClickHouse out."`
	filter  `embed:""`
	adminFlags
}

// eventIndent is the indentation of an event's further lines on a narrow terminal.
const eventIndent = 4

// upRun is one run of up.
type upRun struct {
	g       *globals
	cfg     *configuration
	lists   *watch.Reader
	dataset string
	id      string // the installation's id
	stages  *runner.Runner
	live    *ingest.Live
	store   *store // nil if there is none
	dir     *datadir.Dir
	events  *events
	// serveKey is the key of the pages if serve.keys names none.
	serveKey string
}

// check fails for impossible values of flags.
func (c *upCmd) check() error {
	if err := c.filter.check(); err != nil {
		return err
	}
	if f := c.outages(); !f.From.IsZero() || !f.To.IsZero() {
		return errors.New(
			"--from and --to choose among past outages, and up shows what happens from now on: leave them out",
		)
	}
	return nil
}

// Run runs every stage until ctx ends. That end is no failure.
func (c *upCmd) Run(ctx context.Context, g *globals) (err error) {
	if err := c.check(); err != nil {
		return usageError(err)
	}
	cfg, lists, err := g.watching()
	if err != nil {
		return err
	}
	defer cfg.memoryLimit(upLeast, upSpare).Hold(ctx, g.log)()
	if err := g.prepareLive(cfg, c.Follow); err != nil {
		return err
	}
	w := &upRun{g: g, cfg: cfg, lists: lists, dataset: kafka.LiveDataset, events: c.events(g)}
	if c.Follow {
		w.dataset = followDataset
	}
	cfg.Kafka = cfg.Kafka.WithDataset(w.dataset)
	dir, err := w.open(ctx)
	if err != nil {
		return unlessTold(ctx, err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	w.announce(c, dir)
	sources, err := g.openSources(ctx, cfg)
	if err != nil {
		return err
	}
	if !c.NoStore {
		err := g.retryWhileDiskFull(ctx, dir.ClickHouse(), func() (err error) {
			w.store, err = openStore(ctx, g, cfg, dir, 0)
			return err
		})
		if err != nil {
			return unlessTold(ctx, err)
		}
		defer func() { err = errors.Join(err, w.store.close()) }()
	}
	defer g.tellBroker(ctx, cfg.Kafka)() // matters for a cluster only
	closeBroker, err := w.broker(ctx, filepath.Join(dir.Kafka(), w.dataset))
	if err != nil {
		return unlessTold(ctx, err)
	}
	defer func() { err = errors.Join(err, closeBroker()) }()
	w.dir = dir
	return w.run(ctx, c, sources)
}

// open opens the data directory, and reads or draws the installation's id. It waits for room on a
// full disk.
func (w *upRun) open(ctx context.Context) (dir *datadir.Dir, err error) {
	err = w.g.retryWhileDiskFull(ctx, w.g.DataDir, func() (err error) {
		if dir, err = w.g.openDataDir(); err != nil {
			return err
		}
		if w.id, err = dir.Installation(); err != nil {
			return errors.Join(err, dir.Close())
		}
		return nil
	})
	return dir, err
}

// unlessTold returns err, or nil if ctx has ended: then the end of ctx is the reason for err.
func unlessTold(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// broker starts the embedded Kafka on the contents of its folder, if no brokers are configured. It
// makes the missing topics.
func (w *upRun) broker(ctx context.Context, dir string) (func() error, error) {
	stop := func() error { return nil }
	if len(w.cfg.Kafka.Brokers) == 0 {
		var b *kafka.Broker
		err := w.g.retryWhileDiskFull(ctx, dir, func() (err error) { // it may have to repair its folder
			b, err = kafka.StartBroker(ctx, kafka.BrokerConfig{Dir: dir, Log: w.g.log})
			return err
		})
		if err != nil {
			return nil, err
		}
		w.cfg.Kafka, stop = b.Use(w.cfg.Kafka), b.Close
	}
	if _, err := kafka.Apply(ctx, w.cfg.Kafka, w.g.log, schemas.Topics); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// run makes the stages and runs them, and reports events.
func (w *upRun) run(ctx context.Context, c *upCmd, sources *enrich.Sources) error {
	reg := telemetry.NewRegistry(version)
	w.stages = runner.New(w.g.log, w.cfg.stageDrain())
	x := consumers{
		cfg: w.cfg, log: w.g.log, reg: reg, dataset: w.dataset, sources: sources,
		store: w.store, persist: true,
	}
	var err error
	if w.cfg.Notify.Enabled() {
		if x.notify, err = w.g.newNotify(w.cfg, instance, reg); err != nil {
			return err
		}
	}
	if err := x.add(w.stages); err != nil {
		return err
	}
	if w.store != nil {
		w.stages.Add("lookups", lookups{server: w.store.server, sources: sources, log: w.g.log})
	}
	if err := w.pages(reg, x.detect.Ask); err != nil {
		return err
	}
	w.live, err = ingest.NewLive(w.cfg.Ingest, ingest.LiveDeps{
		Log: w.g.log, Registerer: reg, Kafka: w.cfg.Kafka, Instance: instance, Installation: w.id,
		Version: version, Now: time.Now, Drain: w.cfg.Drain, Consumers: readings(w.store != nil),
		Follow: c.Follow, Watch: w.lists, Hosts: w.cfg.WatchDNS, Hangup: w.g.hangups(ctx),
	})
	if err != nil {
		return usageError(err)
	}
	w.stages.Add(ingest.Name, w.live)
	key, err := w.doorKey()
	if err != nil {
		return err
	}
	admin := administration{
		flags: c.adminFlags, reg: reg, input: w.live,
		handlers: map[string]http.Handler{querydoor.Path: querydoor.Handler(key, x.detect.Ask)},
		bound:    func(addr string) error { return w.writeRun(ctx, addr, key) },
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan error, 1)
	go func() { told <- w.report(running) }() // ends with running
	err = admin.run(running, w.g, w.stages)
	stop()
	return errors.Join(err, <-told)
}

// doorKey returns the key of the query door: the configured one, else a new one.
func (w *upRun) doorKey() (string, error) {
	key, err := w.cfg.Detect.Door.Key.Read()
	if err != nil {
		return "", usageError(fmt.Errorf("detect.door.key: %w", err))
	}
	return cmp.Or(key, rand.Text()), nil
}

// writeRun writes to run.json the running command and the addresses of the admin server and its
// query door.
func (w *upRun) writeRun(ctx context.Context, admin, key string) error {
	r := runRecord("up", w.dataset, w.cfg.Kafka, w.store)
	r.Admin, r.DoorKey, r.ServeKey = admin, key, w.serveKey
	return unlessTold(ctx, w.g.retryWhileDiskFull(ctx, w.dir.Path(), func() error { return w.dir.WriteRun(r) }))
}
