package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

const (
	// feedsBack is how far back bgp.feeds and bgp.panel are read: statuses come every few seconds, panels every quarter hour.
	feedsBack = 2 * time.Hour
	// watchEvery is how often the table is drawn anew.
	watchEvery = 2 * time.Second
)

// feedsCmd shows how the feeds stand.
type feedsCmd struct {
	Format  string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
	Watch   bool   `help:"Draw anew every two seconds until interrupted."`
	Dataset string `help:"Dataset whose feeds are meant (default: that of what runs, else live)." placeholder:"NAME"`
}

// Run reads bgp.feeds and bgp.panel of what runs.
func (c *feedsCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := g.reachKafka(c.Dataset)
	if err != nil {
		return err
	}
	t := newFeedTable()
	topics := []string{schemas.TopicFeeds, schemas.TopicPanel}
	since := time.Now().Add(-feedsBack)
	if c.Watch {
		return c.watch(ctx, g, cfg, t, topics, since)
	}
	for _, topic := range topics {
		if err := kafka.ReadSince(ctx, cfg, g.log, topic, since, t.add); err != nil {
			return err
		}
	}
	return c.print(g, t)
}

// watch follows the topics and draws what they say.
func (c *feedsCmd) watch(ctx context.Context, g *globals, cfg kafka.Config, t *feedTable, topics []string, since time.Time) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	var locked sync.Mutex // t
	add := func(rec *kgo.Record) error {
		locked.Lock()
		defer locked.Unlock()
		return t.add(rec)
	}
	log := g.log
	if !log.Enabled(ctx, slog.LevelDebug) {
		log = slog.New(slog.DiscardHandler) // the table is redrawn over what it would say
	}
	go func() { ended <- kafka.TailSince(reading, cfg, log, topics, since, add) }() // ends with reading, or an error
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return <-ended
		case err := <-ended:
			return err
		case <-tick.C:
		}
		locked.Lock()
		if isTerminal(g.stdout) {
			fmt.Fprint(g.stdout, "\x1b[H\x1b[2J")
		}
		err := c.print(g, t)
		locked.Unlock()
		if err != nil {
			return err
		}
	}
}

func (c *feedsCmd) print(g *globals, t *feedTable) error {
	rows := t.rows(time.Now())
	if c.Format == "json" {
		return writeFeedsJSON(g.stdout, rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(g.stdout, "no feed has said anything in the last two hours")
		return err
	}
	for _, line := range feedLines(rows, terminalWidth(g.stdout)) {
		if _, err := fmt.Fprintln(g.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// reachKafka returns the brokers of the instance that runs on the data directory, else the configured ones. An empty dataset is that
// of what runs, else live.
func (g *globals) reachKafka(dataset string) (kafka.Config, error) {
	if dataset != "" && !datasetName.MatchString(dataset) {
		return kafka.Config{}, usageError(fmt.Errorf("--dataset %s: want at most 64 letters, digits, dots, underscores and hyphens", dataset))
	}
	cfg, err := g.configuration()
	if err != nil {
		return kafka.Config{}, err
	}
	running, err := datadir.ReadRun(g.DataDir)
	switch {
	case err != nil:
		return kafka.Config{}, err
	case running != nil && len(running.Kafka) > 0 && (dataset == "" || running.Dataset == dataset):
		cfg.Kafka.Brokers, dataset = running.Kafka, running.Dataset
	case len(cfg.Kafka.Brokers) == 0 && running != nil && len(running.Kafka) > 0:
		return kafka.Config{}, fmt.Errorf("what runs on this data directory, darkmap %s, has the dataset %s and not %s", running.Command, running.Dataset, dataset)
	case len(cfg.Kafka.Brokers) == 0:
		return kafka.Config{}, errors.New("nothing runs on this data directory, and kafka.brokers is empty: start darkmap up, or name the brokers")
	}
	return cfg.Kafka.WithDataset(dataset), nil
}
