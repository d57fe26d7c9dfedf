package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/terminal"
)

const (
	// watchEvery is how often the table is drawn again.
	watchEvery = 2 * time.Second
	// failedLooks is how often the data directory is checked for a successor after reading from the
	// running instance has failed. After that the command ends with that failure.
	failedLooks = 5
)

// feedsCmd shows the states of the feeds.
type feedsCmd struct {
	Format          string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
	Watch           bool   `help:"Draw anew every two seconds until interrupted."`
	PrintConnection bool   `help:"Say how other programs read the topics, and show nothing."`
	Dataset         string `help:"Dataset whose feeds are meant (default: that of what runs, else live)." placeholder:"NAME"`
}

// Run reads bgp.feeds and bgp.panel of the running instance, or of the configured brokers.
func (c *feedsCmd) Run(ctx context.Context, g *globals) error {
	if c.PrintConnection {
		return g.printBrokers(c.Dataset)
	}
	cfg, at, err := g.reachKafka(c.Dataset)
	if err != nil {
		return err
	}
	if at == nil {
		defer g.tellBroker(ctx, cfg)()
	}
	if c.Watch {
		return c.watch(ctx, g, cfg, at)
	}
	t, err := feedlog.Read(ctx, cfg, g.log)
	if err != nil {
		return err
	}
	return c.print(g, t)
}

// watch draws the states of the feeds until ctx ends or the instance has ended. If the instance is
// started again, watch follows it to its new brokers. at is nil if the brokers are configured.
func (c *feedsCmd) watch(ctx context.Context, g *globals, cfg kafka.Config, at *datadir.Run) error {
	for {
		next, err := c.follow(ctx, g, cfg, at)
		if err != nil || next == nil {
			return err
		}
		at, cfg = next, cfg.Through(next.Kafka, next.KafkaCredentials)
	}
}

// follow reads the topics and draws their contents. It returns the instance that runs in the place
// of at, or nil if ctx ends.
func (c *feedsCmd) follow(
	ctx context.Context, g *globals, cfg kafka.Config, at *datadir.Run,
) (*datadir.Run, error) {
	t := feedlog.New()
	ended, stop := tailFeeds(ctx, g, cfg, t)
	defer stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var failed error
	for looks := failedLooks; looks > 0; {
		select {
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // told to end
		case <-tick.C:
		}
		next, err := successor(g.DataDir, at)
		if err != nil || next != nil {
			return next, err
		}
		select {
		case failed = <-ended:
		default:
		}
		if failed != nil { // the running instance may be ending
			if at == nil {
				return nil, failed
			}
			looks--
		}
		if terminal.IsTerminal(g.stdout) {
			fmt.Fprint(g.stdout, "\x1b[H\x1b[2J")
		}
		if err := c.print(g, t); err != nil {
			return nil, err
		}
	}
	return nil, failed
}

// tailFeeds reads the topics into t until stop is called. stop waits for the end of the reader. If
// reading fails, the channel receives the error.
func tailFeeds(
	ctx context.Context, g *globals, cfg kafka.Config, t *feedlog.Table,
) (<-chan error, func()) {
	log := g.log
	if !log.Enabled(ctx, slog.LevelDebug) {
		log = slog.New(slog.DiscardHandler) // the table is drawn over the place of log lines
	}
	reading, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	var done sync.WaitGroup
	done.Go(func() { // ends with reading, or with an error
		if err := t.Follow(reading, cfg, log); err != nil {
			ended <- err
		}
	})
	return ended, func() {
		cancel()
		done.Wait()
	}
}

// successor returns the instance that runs in the place of at. It returns nil while at itself runs,
// while a new instance starts, and if at is nil. It fails if no instance runs any more.
func successor(dir string, at *datadir.Run) (*datadir.Run, error) {
	if at == nil {
		return nil, nil //nolint:nilnil // nobody to look after
	}
	now, err := datadir.ReadRun(dir)
	if err != nil {
		return nil, err
	}
	if now == nil {
		if busy, err := datadir.InUse(dir); err != nil || busy { // an instance is starting
			return nil, err
		}
	}
	switch {
	case now == nil || len(now.Kafka) == 0 || now.Dataset != at.Dataset:
		return nil, fmt.Errorf("darkmap %s has ended", at.Command)
	case now.PID == at.PID && slices.Equal(now.Kafka, at.Kafka) && now.KafkaCredentials == at.KafkaCredentials:
		return nil, nil //nolint:nilnil // it goes on
	}
	return now, nil
}

func (c *feedsCmd) print(g *globals, t *feedlog.Table) error {
	rows, panels := t.Rows(time.Now()), t.Panels(time.Now())
	if c.Format == "json" {
		return writeFeedsJSON(g.stdout, rows, panels)
	}
	lines := append(feedLines(rows, terminal.Width(g.stdout)), panelLines(panels)...)
	if len(rows) == 0 {
		lines = []string{"no feed has said anything in the last two hours"}
	}
	store, err := engineLine(g.DataDir)
	if err != nil {
		return err
	}
	if store != "" {
		lines = append(lines, store)
	}
	return printLines(g.stdout, lines)
}

var errNothingRuns = errors.New(
	"nothing runs on this data directory, and kafka.brokers is empty: start darkmap up, or name the brokers",
)

// reachKafka returns the brokers of the instance that runs on the data directory, else the
// configured ones. An empty dataset means the instance's dataset, else live. The run is nil if the
// brokers are the configured ones.
func (g *globals) reachKafka(dataset string) (kafka.Config, *datadir.Run, error) {
	if dataset != "" && !datasetName.MatchString(dataset) {
		return kafka.Config{}, nil, usageError(fmt.Errorf(
			"--dataset %s: want at most 64 letters, digits, dots, underscores and hyphens", dataset,
		))
	}
	cfg, err := g.configuration()
	if err != nil {
		return kafka.Config{}, nil, err
	}
	running, err := datadir.ReadRun(g.DataDir)
	switch {
	case err != nil:
		return kafka.Config{}, nil, err
	case running != nil && len(running.Kafka) > 0 && (dataset == "" || running.Dataset == dataset):
		return cfg.Kafka.Through(running.Kafka, running.KafkaCredentials).WithDataset(running.Dataset), running, nil
	case len(cfg.Kafka.Brokers) == 0 && running != nil && len(running.Kafka) > 0:
		return kafka.Config{}, nil, fmt.Errorf(
			"what runs on this data directory, darkmap %s, has the dataset %s and not %s",
			running.Command, running.Dataset, dataset,
		)
	case len(cfg.Kafka.Brokers) == 0:
		return kafka.Config{}, nil, errNothingRuns
	}
	return cfg.Kafka.WithDataset(dataset), nil, nil
}
