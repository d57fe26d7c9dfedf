package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outagestore"
)

// outagesCmd prints the outages in the store.
type outagesCmd struct {
	Dataset string `help:"Of this dataset (default: that of what runs on the data directory, else live)." placeholder:"NAME"`
	Format  string `help:"Form of the result: ${enum}." enum:"table,json,csv" default:"table"`
	Limit   int    `help:"Show at most so many, those that began last." default:"1000" placeholder:"N"`
	filter  `embed:""`
}

// Run prints the outages.
func (c *outagesCmd) Run(ctx context.Context, g *globals) error {
	if err := c.check(); err != nil {
		return usageError(err)
	}
	return g.withLease(ctx, false, func(l *lease) error { return c.show(ctx, g, l) })
}

func (c *outagesCmd) show(ctx context.Context, g *globals, l *lease) error {
	dataset := c.Dataset
	if dataset == "" {
		dataset = kafka.LiveDataset
		if l.owner != nil && l.owner.Dataset != "" {
			dataset = l.owner.Dataset
		}
	}
	found, err := outagestore.Select(ctx, l.server, dataset, c.outages(), c.Limit)
	if err != nil {
		return err
	}
	if found.Tally.Outages+found.Tally.Hidden == 0 {
		if err := knownDataset(ctx, l, dataset); err != nil {
			return err
		}
	}
	return c.print(g, found)
}

// check fails for impossible values of flags.
func (c *outagesCmd) check() error {
	faults := []error{c.filter.check(), checkDatasetName(c.Dataset)}
	if c.Limit < 1 || c.Limit > outagelog.MaxOutages {
		faults = append(faults, fmt.Errorf("--limit %d: want 1 to %d", c.Limit, outagelog.MaxOutages))
	}
	return errors.Join(faults...)
}

// print writes the result.
func (c *outagesCmd) print(g *globals, found *outagestore.Found) error {
	var err error
	switch {
	case found.Matched == 0:
		if err = writeNothing(g, found.Tally, c.Format); c.Format == formatCSV && err == nil {
			err = outagelog.WriteCSV(g.stdout, nil)
		}
	case c.Format == formatJSON:
		err = writeJSON(g.stdout, found.Entries)
	case c.Format == formatCSV:
		err = outagelog.WriteCSV(g.stdout, found.Entries)
	default:
		err = c.writeTable(g, found.Entries)
	}
	if n := len(found.Entries); n < found.Matched {
		fmt.Fprintf(
			g.stderr, "darkmap: %d outages match; these are the %d that began last (--limit N shows more)\n",
			found.Matched, n,
		)
	}
	return err
}

// knownDataset fails with wrong usage if the store has no such dataset and no process is writing
// it. The error names the existing datasets.
func knownDataset(ctx context.Context, l *lease, name string) error {
	if l.owner != nil && l.owner.Dataset == name {
		return nil
	}
	all, err := clickhouse.Datasets(ctx, l.server)
	if err != nil {
		return err
	}
	return checkKnown(all, name)
}

// checkKnown fails if the list has no such dataset. The error names those in the list.
func checkKnown(all []clickhouse.StoredDataset, name string) error {
	var names []string
	for _, d := range all {
		if d.Name == name {
			return nil
		}
		names = append(names, d.Name)
	}
	if len(names) == 0 {
		return usageError(fmt.Errorf("there is no dataset %s: the store is empty", name))
	}
	return usageError(fmt.Errorf(
		"there is no dataset %s; the store has %s (--dataset NAME)", name, strings.Join(names, ", "),
	))
}
