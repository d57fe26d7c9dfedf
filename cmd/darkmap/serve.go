package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/querydoor"
	"github.com/darkmap/darkmap/internal/querystore"
	"github.com/darkmap/darkmap/internal/runner"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/internal/timespan"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/api"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
	"github.com/darkmap/darkmap/serve/page"
)

const serveName = "serve"

// serveCmd serves pages and the API.
type serveCmd struct {
	Dataset string `help:"Dataset that is shown (default: that of what runs, else live)." placeholder:"NAME"`
	At      string `help:"Show how it stood at this time, UTC (2014-12-22T17:00, or a date); of a dataset that has ended the default is its end." placeholder:"TIME"`
	Listen  string `help:"Address of the pages, in the place of serve.listen." placeholder:"HOST:PORT"`
	adminFlags
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, g *globals) error {
	at, _, err := timespan.Parse(c.At)
	if err != nil {
		return usageError(fmt.Errorf("--at %w", err))
	}
	if err := checkDatasetName(c.Dataset); err != nil {
		return usageError(err)
	}
	if c.Listen != "" {
		g.Set = append(g.Set, "serve.listen="+c.Listen)
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	if cfg.Serve.Listen == "" {
		return usageError(errors.New(
			"serve.listen is empty: name the address of the pages there, or with --listen",
		))
	}
	p, closeStore, err := c.site(ctx, g, cfg, at)
	if err != nil {
		return err
	}
	reg := telemetry.NewRegistry(version)
	p.reg = reg
	server, err := p.server(g, serve.Options{Bound: g.tellPages, Key: p.key})
	if err != nil {
		return errors.Join(err, closeStore())
	}
	rights, err := kafka.NewChecked(p.live.Kafka, serveName, "", nil)
	if err != nil {
		return errors.Join(err, closeStore())
	}
	r := runner.New(g.log, cfg.stageDrain())
	r.Add(serveName, server)
	// Beside the pages, which are served even while Kafka does not answer.
	r.Add("rights", rights)
	return errors.Join(administration{flags: c.adminFlags, reg: reg}.run(ctx, g, r), closeStore())
}

// tellPages prints the address of the pages.
func (g *globals) tellPages(url string) { fmt.Fprintf(g.stderr, "the pages are at %s\n", url) }

// site holds the sources of the pages.
type site struct {
	cfg     *configuration
	dataset string
	reg     prometheus.Registerer
	// live configures the present. server fills in Log, Now and Seed.
	live live.Config
	// connect is nil if there is no store. whyNone then names the reason.
	connect history.Connect
	whyNone string
	voters  func(context.Context, query.Question, int) (query.Answer, error)
	key     string // accepted beside serve.keys
}

// site finds the data to show: the present if darkmap runs or brokers are configured, else the
// past.
func (c *serveCmd) site(
	ctx context.Context, g *globals, cfg *configuration, at time.Time,
) (*site, func() error, error) {
	p := &site{cfg: cfg, dataset: c.Dataset}
	running, err := datadir.ReadRun(g.DataDir)
	if err != nil {
		return nil, nil, err
	}
	if running != nil && len(running.Kafka) > 0 && at.IsZero() &&
		(c.Dataset == "" || c.Dataset == running.Dataset) {
		p.dataset = running.Dataset
		p.live = presentOf(cfg, cfg.Kafka.Through(running.Kafka, running.KafkaCredentials), p.dataset)
		p.voters = g.askRunning
	}
	p.dataset = cmp.Or(p.dataset, kafka.LiveDataset)
	if present := collected(p.dataset) && at.IsZero() &&
		len(cfg.Kafka.Brokers) > 0; present && p.voters == nil {
		p.live = presentOf(cfg, cfg.Kafka, p.dataset)
	}
	if running != nil {
		p.key = running.ServeKey
	} else if len(cfg.Serve.Keys) == 0 {
		p.key = rand.Text()
	}
	s := &session{g: g, command: serveName, guest: p.live.Dataset != "", serveKey: p.key}
	store := &storeOf{session: s}
	p.connect = store.connect
	if running != nil && running.ClickHouse == nil && cfg.ClickHouse.Embedded() {
		p.connect, p.whyNone = nil, fmt.Sprintf("darkmap %s runs without a store (--no-store).", running.Command)
	}
	if p.live.Dataset == "" {
		if p.connect == nil {
			return nil, nil, fmt.Errorf("there is nothing to show of %s: %s", p.dataset, p.whyNone)
		}
		if p.live, err = c.past(ctx, g, store, p, at); err != nil {
			return nil, nil, errors.Join(err, s.close(ctx))
		}
	}
	return p, func() error { return s.close(ctx) }, nil
}

// collected reports whether live sources or archives are collected into the dataset. Such a dataset
// has a present.
func collected(dataset string) bool {
	return dataset == kafka.LiveDataset || dataset == followDataset
}

// presentOf returns how the present of a dataset is read.
func presentOf(cfg *configuration, k kafka.Config, dataset string) live.Config {
	c := live.Config{Dataset: dataset, Kafka: k.WithDataset(dataset), Played: !collected(dataset)}
	if dataset == followDataset {
		c.Late = cfg.Ingest.Follow.Delay
	}
	return c
}

// past returns how a time of the past is read: the time at, or the dataset's end if at is zero.
func (c *serveCmd) past(
	ctx context.Context, g *globals, store *storeOf, p *site, at time.Time,
) (live.Config, error) {
	l, err := store.session.lease(ctx)
	if err != nil {
		return live.Config{}, err
	}
	defer l.release() //nolint:errcheck // only read
	s := querystore.New(l.server)
	end, err := s.End(ctx, p.dataset)
	if err != nil {
		return live.Config{}, err
	}
	if end.IsZero() {
		return live.Config{}, noDataset(ctx, s, p.dataset)
	}
	if at.IsZero() || at.After(end) {
		at = end
	}
	_, err = history.New(history.Config{
		Connect: store.connect, Log: g.log,
	}).World(ctx, history.Scope{Dataset: p.dataset}, at)
	if errors.Is(err, history.ErrNotFound) {
		return live.Config{}, fmt.Errorf(
			"the dataset %s holds nothing of that time: it ends at %s",
			p.dataset, end.UTC().Format(time.RFC3339),
		)
	}
	if err != nil {
		return live.Config{}, err
	}
	fmt.Fprintf(
		g.stderr, "darkmap: the dataset %s is shown as it stood at %s\n",
		p.dataset, at.UTC().Format(time.RFC3339),
	)
	return live.Config{Dataset: p.dataset, At: at}, nil
}

// askRunning asks the detector of the instance that runs on the data directory.
func (g *globals) askRunning(ctx context.Context, q query.Question, limit int) (query.Answer, error) {
	client, _, err := g.detector("", "")
	if err != nil {
		return query.Answer{}, err
	}
	return askDetector(ctx, client, q, limit)
}

// server makes the server of a site.
func (p *site) server(g *globals, opt serve.Options) (*serve.Server, error) {
	past := history.New(history.Config{
		Connect: p.connect, WhyNone: p.whyNone, Log: g.log, Registerer: p.reg,
	})
	present := p.live
	present.Log, present.Now = g.log, time.Now
	switch {
	case !present.At.IsZero():
		present.Load = func(ctx context.Context) (*live.Snapshot, error) {
			return past.World(ctx, history.Scope{Dataset: p.dataset, Private: true}, present.At)
		}
	case p.connect != nil:
		present.Seed = func(ctx context.Context, until time.Time) (live.Seed, error) {
			return past.Seed(ctx, p.dataset, until)
		}
	}
	opt.Log, opt.Registerer, opt.Now, opt.Drain = g.log, p.reg, time.Now, p.cfg.Drain
	deps := &serve.Deps{
		Present: live.New(present), History: past, Voters: p.voters, Dataset: p.dataset,
		Version: version, Log: g.log, Now: time.Now,
	}
	pages, err := page.New(p.cfg.Serve.MapFile, func(note string) {
		fmt.Fprintf(g.stderr, "darkmap: serve.map_file: %s\n", note)
	})
	if err != nil {
		return nil, err
	}
	return serve.New(p.cfg.Serve, deps, opt, api.API{}, pages)
}

// pages adds the pages to the stages of up if serve.listen names an address. If the configuration
// names no key, pages draws one.
func (w *upRun) pages(reg prometheus.Registerer, ask querydoor.Ask) error {
	if w.cfg.Serve.Listen == "" {
		return nil
	}
	if len(w.cfg.Serve.Keys) == 0 {
		w.serveKey = rand.Text()
	}
	p := &site{
		cfg: w.cfg, dataset: w.dataset, reg: reg,
		live: presentOf(w.cfg, w.cfg.Kafka, w.dataset), voters: ask,
	}
	p.live.Waits = func() []string { return sentences(waitsFor(w.stages.Ready())) }
	if w.store == nil {
		p.whyNone = "darkmap up runs without a store (--no-store)."
	} else {
		p.connect = w.store.connect
	}
	server, err := p.server(w.g, serve.Options{Key: w.serveKey, Bound: w.g.tellPages, Taken: func(err error) {
		fmt.Fprintf(
			w.g.stderr,
			"darkmap: there are no pages: %v; the rest goes on, and the address is tried again\n", err,
		)
	}})
	if err != nil {
		return usageError(err)
	}
	w.stages.Add(serveName, server) // before the inputs: the runner starts them last
	return nil
}

// sentences returns a sentence for each reason to wait.
func sentences(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = "It waits: " + t + "."
	}
	return out
}

// playWithPages plays the dataset while pages show it, and returns when stay returns.
func (r *datasetRun) playWithPages(ctx context.Context, p *pipeline) (*outagelog.Log, error) {
	if r.cfg.Serve.Listen == "" {
		return nil, usageError(errors.New("serve.listen is empty: name the address of the pages there"))
	}
	s := &site{
		cfg: r.cfg, dataset: r.dataset, live: presentOf(r.cfg, p.cfg.Kafka, r.dataset),
		whyNone: "darkmap " + r.command + " runs without a store (--no-store).",
	}
	if p.store != nil {
		s.connect = p.store.connect
	}
	server, err := s.server(r.g, serve.Options{Bound: r.g.tellPages, Key: r.serveKey})
	if err != nil {
		return nil, err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { // ends with serving, or with an error
		served <- server.Run(serving)
		stop()
	}()
	results, err := r.play(serving, p)
	if results != nil {
		err = errors.Join(err, r.stay(serving, results))
	}
	stop()
	if failed := <-served; failed != nil {
		return nil, failed
	}
	return results, err
}
