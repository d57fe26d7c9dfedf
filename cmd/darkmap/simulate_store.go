package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/enrich/lookup"
	"github.com/darkmap/darkmap/eval/simulate/year"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/timespan"
	"github.com/darkmap/darkmap/sink"
)

// store writes a simulated year into the store. A year that is there and complete is not written
// again. A year that was interrupted is made again.
func (c *simulateCmd) store(ctx context.Context, g *globals) error {
	y, err := c.year(time.Now())
	if err != nil {
		return usageError(err)
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	s := &session{g: g, write: true, create: true}
	return s.with(ctx, func(l *lease) error { return c.fill(ctx, g, cfg, l, y) })
}

// fill writes the year into a store, which may be new.
func (c *simulateCmd) fill(
	ctx context.Context, g *globals, cfg *configuration, l *lease, y *year.Year,
) error {
	if err := g.prepareSchema(ctx, l.server, cfg); err != nil {
		return err
	}
	// The year's ASes have no names.
	if _, err := clickhouse.FillLookups(
		ctx, l.server, "darkmap "+version+", filling in names", lookup.Countries(), nil,
	); err != nil {
		return err
	}
	begin, end := y.Span()
	fmt.Fprintf(
		g.stderr, "A simulation: no row of it is real. Dataset %s, %s to %s: %s\n",
		c.Dataset, begin.Format(time.DateOnly), end.Format(time.DateOnly), y.Size(),
	)
	there, err := c.claim(ctx, l, y)
	if err != nil {
		return err
	}
	if there {
		_, err := fmt.Fprintf(
			g.stdout, "dataset %s is there already, complete: nothing was written\n", c.Dataset,
		)
		return err
	}
	began := time.Now()
	written, err := loadYear(ctx, l.server, y, func(rows int64) {
		g.line.Report(time.Now(), fmt.Sprintf("%d rows written in %v", rows, time.Since(began).Round(time.Second)))
	})
	g.line.Clear()
	if err != nil {
		return fmt.Errorf("%w; the dataset is not complete: the same command makes it from the beginning", err)
	}
	for _, d := range c.entries(y) {
		if err := clickhouse.CompleteDataset(ctx, l.server, d); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(
		g.stdout, "%d rows written into datasets %s and %s in %v\n",
		written, c.Dataset, y.ReplayDataset(), time.Since(began).Round(time.Second),
	)
	return err
}

// year returns the year that the flags describe. Its records are appended to the log at now.
func (c *simulateCmd) year(now time.Time) (*year.Year, error) {
	if c.Scenario != "" || c.Export != "" {
		return nil, errors.New(
			"--store fills the store with a year of its own: it takes no scenario and no --export",
		)
	}
	if err := errors.Join(checkDatasetName(c.Dataset), checkPlayed(c.Dataset)); err != nil || c.Dataset == "" {
		return nil, cmp.Or(err, errors.New("--dataset is empty: name the dataset"))
	}
	until, _, err := timespan.Parse(c.Until)
	if err != nil {
		return nil, fmt.Errorf("--until %w", err)
	}
	return year.New(year.Config{
		Dataset: c.Dataset, Until: until, Days: c.Days, Scale: c.Scale, Seed: c.Seed, Appended: now,
	})
}

// yearEdition counts the changes of eval/simulate/year that change its records.
const yearEdition = 1

// entries returns the descriptions of the year's datasets for the store.
func (c *simulateCmd) entries(y *year.Year) []clickhouse.Dataset {
	settings := fmt.Sprintf(
		"edition %d, days %d, scale %v, seed %d, until %s", yearEdition, c.Days, c.Scale, c.Seed, c.Until,
	)
	hash := sha256.Sum256([]byte(settings))
	d := clickhouse.Dataset{
		Name: c.Dataset, Inputs: "simulate/" + hex.EncodeToString(hash[:8]), Settings: "simulate",
		Version: version, Files: []string{"darkmap simulate --store"},
		Collectors: y.Collectors(), Changed: []string{settings},
	}
	d.Begins, d.Ends = y.Span()
	replay := d
	replay.Name, replay.Begins = y.ReplayDataset(), d.Ends.AddDate(0, 0, -30)
	return []clickhouse.Dataset{d, replay}
}

// claim reserves the year's datasets, and reports whether they are complete already. It deletes the
// rows of an interrupted run.
func (c *simulateCmd) claim(ctx context.Context, l *lease, y *year.Year) (there bool, err error) {
	stored, err := clickhouse.Datasets(ctx, l.server)
	if err != nil {
		return false, err
	}
	entries := c.entries(y)
	complete := 0
	for _, d := range entries {
		if err := l.refuseWritten(d.Name); err != nil {
			return false, fmt.Errorf("%w; nothing was written", err)
		}
		for _, s := range stored {
			switch {
			case s.Name != d.Name:
			case s.Collected:
				return false, usageError(fmt.Errorf(
					"dataset %s holds rows that live sources or archives brought: --dataset NAME names another",
					d.Name,
				))
			case !s.Emptying && s.Inputs != d.Inputs && !c.Replace:
				return false, usageError(fmt.Errorf(
					"dataset %s: %w; --replace replaces it, --dataset NAME names another",
					d.Name, clickhouse.ErrDatasetTaken,
				))
			case s.Inputs == d.Inputs && !s.Completed.IsZero():
				complete++
			}
		}
	}
	if complete == len(entries) && !c.Replace {
		return true, nil
	}
	for _, d := range entries {
		if slices.ContainsFunc(stored, func(s clickhouse.StoredDataset) bool { return s.Name == d.Name }) {
			if err := clickhouse.DropDataset(ctx, l.server, d.Name); err != nil {
				return false, err
			}
		}
		if err := clickhouse.ClaimDataset(ctx, l.server, d, false); err != nil {
			return false, err
		}
	}
	return false, nil
}

// loaders is how many streams are written at a time. While ClickHouse takes a block of one stream,
// the others make theirs.
const loaders = 3

// loadYear writes all streams of the year. It calls tell with the number of rows written so far.
func loadYear(
	ctx context.Context, s clickhouse.Server, y *year.Year, tell func(rows int64),
) (int64, error) {
	var written atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	for _, stream := range y.Streams() {
		group.Go(func() error {
			return loadStream(ctx, s, stream, func(n int64) { tell(written.Add(n)) })
		})
	}
	err := group.Wait()
	return written.Load(), err
}

// loadStream writes one stream. It calls wrote with the number of rows of each block.
func loadStream(
	ctx context.Context, s clickhouse.Server, stream year.Stream, wrote func(rows int64),
) (err error) {
	l, err := sink.NewLoader(s, stream.Dataset, stream.Topic)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	told := 0
	for rec, err := range stream.Records {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.Add(ctx, rec); err != nil {
			return err
		}
		if n := l.Written(); n > told {
			wrote(int64(n - told))
			told = n
		}
	}
	if err := l.Flush(ctx); err != nil {
		return err
	}
	wrote(int64(l.Written() - told))
	return nil
}
