package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/detect/core"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/querydoor"
	"github.com/darkmap/darkmap/internal/runner"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

// memberFlags are the flags of the commands that run one stage. Such a stage needs configured
// brokers.
type memberFlags struct {
	Instance string `help:"Name of this member of the stage's group; stable over restarts, different in each process (default ${default})." default:"0" placeholder:"NAME"`
	adminFlags
}

// adminFlags are the flags of the commands with an admin server.
type adminFlags struct {
	AdminAddr adminAddr `help:"Where /livez, /readyz and /metrics are served (default ${default})." default:"${admin_addr}" placeholder:"HOST:PORT"`
	Pprof     bool      `help:"Serve /debug/pprof/ there too: it shows the program's memory to all who reach the address."`
}

// stageFlags are the flags of a stage that reads the topics of another stage.
type stageFlags struct {
	Dataset     string `help:"Dataset whose topics are read and written (default ${default})." default:"live" placeholder:"NAME"`
	memberFlags `embed:""`
}

// prepare reads the configuration for the flags' dataset.
func (f stageFlags) prepare(g *globals) (*configuration, error) {
	return prepareStage(g, f.Dataset)
}

// adminAddr is HOST:PORT. An empty host means every address, port 0 a free port.
type adminAddr string

// Validate checks the address. kong calls it.
func (a adminAddr) Validate() error {
	_, port, err := net.SplitHostPort(string(a))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no address: want one such as %s", string(a), telemetry.DefaultAdminAddr)
	}
	return nil
}

// prepareStage reads the configuration for a stage in a process of its own.
func prepareStage(g *globals, dataset string) (*configuration, error) {
	cfg, err := g.configuration()
	if err != nil {
		return nil, err
	}
	return cfg, cfg.forStage(dataset)
}

// forStage prepares the configuration for a stage in a process of its own, with a dataset.
func (c *configuration) forStage(dataset string) error {
	if !datasetName.MatchString(dataset) {
		return usageError(fmt.Errorf(
			"--dataset %s: want at most 64 letters, digits, dots, underscores and hyphens", dataset,
		))
	}
	if len(c.Kafka.Brokers) == 0 {
		return usageError(errors.New(
			"kafka.brokers is empty: a stage of its own needs a Kafka that others reach too " +
				"(the embedded one lives within up, replay and demo)",
		))
	}
	c.Kafka = c.Kafka.WithDataset(dataset)
	return nil
}

// run runs one stage with its admin server until ctx ends.
func (f memberFlags) run(
	ctx context.Context, g *globals, cfg *configuration, name string,
	reg *prometheus.Registry, s runner.Stage,
) error {
	defer g.tellBroker(ctx, cfg.Kafka)()
	checked, err := kafka.NewChecked(cfg.Kafka, name, f.Instance, s)
	if err != nil {
		return err
	}
	r := runner.New(g.log, cfg.stageDrain())
	r.Add(name, checked)
	return administration{flags: f.adminFlags, reg: reg, input: s}.run(ctx, g, r)
}

// runDetect runs the detector until ctx ends. Its admin server has the query door.
func (f memberFlags) runDetect(
	ctx context.Context, g *globals, cfg *configuration, reg *prometheus.Registry, s *detect.Stage,
) error {
	key, err := cfg.Detect.Door.Key.Read()
	if err != nil {
		return usageError(fmt.Errorf("detect.door.key: %w", err))
	}
	checked, err := kafka.NewChecked(cfg.Kafka, detect.Name, f.Instance, s)
	if err != nil {
		return err
	}
	r := runner.New(g.log, cfg.stageDrain())
	r.Add(detect.Name, checked)
	return administration{
		flags: f.adminFlags, reg: reg, input: s,
		handlers: map[string]http.Handler{querydoor.Path: querydoor.Handler(key, s.Ask)},
	}.run(ctx, g, r)
}

// alive is a stage that reports whether its loop still runs.
type alive interface{ Alive() error }

// administration is the admin server of stages.
type administration struct {
	flags adminFlags
	reg   *prometheus.Registry
	// input is the stage that the others get their records from.
	input runner.Stage
	// handlers are served beside /livez, /readyz and /metrics.
	handlers map[string]http.Handler
	// bound, if it is not nil, is called with the server's address before the stages run.
	bound func(addr string) error
}

// run runs stages with an admin server until ctx ends.
func (a administration) run(ctx context.Context, g *globals, r *runner.Runner) error {
	ac := telemetry.AdminConfig{
		Addr: string(a.flags.AdminAddr), Gatherer: a.reg, Ready: r.Ready,
		Pprof: a.flags.Pprof, Handlers: a.handlers,
	}
	if x, ok := a.input.(alive); ok {
		ac.Live = x.Alive
	}
	admin, err := telemetry.NewAdmin(ctx, ac, g.log)
	if err != nil {
		return unlessTold(ctx, fmt.Errorf("%w (--admin-addr names another address)", err))
	}
	if a.bound != nil {
		if err := a.bound(admin.Addr()); err != nil {
			return errors.Join(err, admin.Close())
		}
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx)) // the admin server ends last
	served := make(chan error, 1)
	go func() { served <- admin.Run(serving) }() // ends when stop is called below
	err = r.Run(ctx)
	stop()
	return errors.Join(err, <-served)
}

type ingestCmd struct {
	Files       []string `arg:"" optional:"" help:"MRT, RIS Live JSON or raw BMP files, FILE or NAME=FILE; without any, the live sources." placeholder:"FILE"`
	Follow      bool     `help:"Without files: live from archives alone, late, into a dataset of its own."`
	Dataset     string   `help:"Dataset whose topics are written (default live; with --follow, follow; files need one of their own)." placeholder:"NAME"`
	memberFlags `embed:""`
}

// dataset returns the dataset of the flag, else live or follow.
func (c *ingestCmd) dataset() string {
	switch {
	case c.Dataset != "":
		return c.Dataset
	case c.Follow:
		return followDataset
	}
	return kafka.LiveDataset
}

// Run plays files into bgp.updates, or follows live sources.
func (c *ingestCmd) Run(ctx context.Context, g *globals) error {
	if len(c.Files) == 0 {
		return c.live(ctx, g)
	}
	cfg, err := prepareStage(g, c.dataset())
	if err != nil {
		return err
	}
	if c.Follow {
		return usageError(errors.New("--follow and files do not go together"))
	}
	if c.Dataset == "" {
		return usageError(errors.New("files need a dataset of their own: --dataset NAME"))
	}
	if err := checkPlayed(c.Dataset); err != nil {
		return usageError(err)
	}
	inputs, cleanup, err := parseInputs(ctx, g, "", c.Files)
	if err != nil {
		return err
	}
	defer cleanup()
	plan, err := playback.NewPlan(ctx, inputs.Files)
	if err != nil {
		return usageError(err)
	}
	plan.LeftOut += inputs.Unread
	for _, note := range plan.Notes {
		g.log.Warn("the times of the files", "note", note)
	}
	reg := telemetry.NewRegistry(version)
	consumers := []kafka.Reading{{Stage: enrich.Name, Topics: []string{schemas.TopicUpdates}}}
	s := playback.NewStage(plan, playback.Deps{
		Log: g.log, Registerer: reg, Kafka: cfg.Kafka, Stage: ingest.Name, Now: time.Now,
		Drain: cfg.Drain, Consumers: consumers, AheadBytes: cfg.Ingest.AheadBytes,
	})
	if err := c.run(ctx, g, cfg, ingest.Name, reg, s); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return damagedError(s.Progress().Damaged + uint64(plan.LeftOut))
}

// live follows the live sources, or the archives.
func (c *ingestCmd) live(ctx context.Context, g *globals) error {
	cfg, lists, err := g.watching()
	if err != nil {
		return err
	}
	if err := cfg.forStage(c.dataset()); err != nil {
		return err
	}
	if err := checkCollected(c.Follow, c.dataset()); err != nil {
		return usageError(err)
	}
	if err := g.prepareLive(cfg, c.Follow); err != nil {
		return err
	}
	reg := telemetry.NewRegistry(version)
	consumers := []kafka.Reading{{Stage: enrich.Name, Topics: []string{schemas.TopicUpdates}}}
	s, err := ingest.NewLive(cfg.Ingest, ingest.LiveDeps{
		Log: g.log, Registerer: reg, Kafka: cfg.Kafka, Instance: c.Instance, Version: version,
		Now: time.Now, Drain: cfg.Drain, Consumers: consumers, Follow: c.Follow,
		Watch: lists, Hosts: cfg.WatchDNS, Hangup: g.hangups(ctx),
	})
	if err != nil {
		return usageError(err)
	}
	return c.run(ctx, g, cfg, ingest.Name, reg, s)
}

type enrichCmd struct {
	GeoDate    string `help:"Take the geography that was in force on this day, and keep it (default: the newest, and newer ones as they come)." placeholder:"DATE"`
	stageFlags `embed:""`
}

// Run decodes and enriches bgp.updates into bgp.routes.
func (c *enrichCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := c.prepare(g)
	if err != nil {
		return err
	}
	sources, err := g.openSourcesOf(ctx, cfg, c.GeoDate)
	if err != nil {
		return err
	}
	reg := telemetry.NewRegistry(version)
	s, err := enrich.New(cfg.Enrich, enrich.Deps{
		Log: g.log, Registerer: reg, Kafka: cfg.Kafka, Instance: c.Instance, Drain: cfg.Drain,
		Sources: sources,
	})
	if err != nil {
		return err
	}
	return c.run(ctx, g, cfg, enrich.Name, reg, s)
}

type detectCmd struct {
	stageFlags `embed:""`
}

// Run finds outages in bgp.routes.
func (c *detectCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := c.prepare(g)
	if err != nil {
		return err
	}
	reg := telemetry.NewRegistry(version)
	s, err := detect.New(cfg.Detect, detect.Deps{
		Log: g.log, Registerer: reg, Kafka: cfg.Kafka, Instance: c.Instance, Drain: cfg.Drain,
		Settings: resultSettings(cfg), NewDetector: cfg.newDetector(c.Dataset, cfg.Detect.Families),
	})
	if err != nil {
		return err
	}
	defer cfg.memoryLimit(detectLeast, detectSpare).Hold(ctx, g.log)()
	return c.runDetect(ctx, g, cfg, reg, s)
}

// newDetector returns a function that makes the dataset's detector of some families.
func (c *configuration) newDetector(
	dataset string, families core.Families,
) func() (detect.Detector, error) {
	cfg := c.Detect.Core
	cfg.Dataset, cfg.Families = dataset, families
	return func() (detect.Detector, error) { return core.New(cfg) }
}

// sinkCmd groups the stage sink and the command that checks its tables.
type sinkCmd struct {
	Run    sinkRunCmd    `cmd:"" default:"withargs" help:"Run the stage: write the topics into ClickHouse."`
	Verify sinkVerifyCmd `cmd:"" help:"Compare the tables with the log: what is missing, doubled or different."`
}

type sinkRunCmd struct {
	stageFlags `embed:""`
}

// Run writes the topics into ClickHouse.
func (c *sinkRunCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := c.prepare(g)
	if err != nil {
		return err
	}
	server, err := cfg.ClickHouse.Server()
	if err != nil {
		return usageError(err)
	}
	if err := g.awaitSchema(ctx, server, cfg); err != nil {
		return unlessTold(ctx, err)
	}
	reg := telemetry.NewRegistry(version)
	s, err := sink.New(cfg.Sink, sink.Deps{
		Log: g.log, Registerer: reg, Kafka: cfg.Kafka, ClickHouse: server, Persist: true,
		Dataset: c.Dataset, Instance: c.Instance, Drain: cfg.Drain,
	})
	if err != nil {
		return err
	}
	return c.run(ctx, g, cfg, sink.Name, reg, s)
}
