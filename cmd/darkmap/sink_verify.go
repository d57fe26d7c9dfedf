package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/timespan"
	"github.com/darkmap/darkmap/sink/verify"
)

// sinkVerifyCmd compares the tables of a dataset with its log.
type sinkVerifyCmd struct {
	Dataset string `help:"Dataset that is compared (default: that of what runs, else live)." placeholder:"NAME"`
	From    string `help:"Leave out what Kafka took before this time." placeholder:"TIME"`
	To      string `help:"Leave out what Kafka took at this time or later." placeholder:"TIME"`
	Format  string `help:"Form of the result: ${enum}." enum:"text,json" default:"text"`
}

// errNotEqual reports that the tables differ from the log.
var errNotEqual = errors.New("the tables do not equal the log")

// Run compares the tables with the log. It fails if a row is missing, doubled or different.
func (c *sinkVerifyCmd) Run(ctx context.Context, g *globals) error {
	from, to, err := timespan.ParseWindow(c.From, c.To, false)
	if err != nil {
		return usageError(err)
	}
	cfg, running, err := g.reachKafka(c.Dataset)
	switch {
	case errors.Is(err, errNothingRuns):
		return fmt.Errorf(
			"%w. The log of a demo or a replay on the embedded Kafka is gone when it ends: only its tables are there",
			err,
		)
	case err != nil:
		return err
	}
	if running == nil {
		defer g.tellBroker(ctx, cfg)()
	}
	dataset := cfg.Dataset()
	return g.withLease(ctx, false, func(l *lease) error {
		r, err := verify.Run(ctx, verify.Deps{
			Log: g.log, Kafka: cfg, ClickHouse: l.full, Dataset: dataset, From: from, To: to,
			Progress: g.reporting(),
		})
		g.line.Clear()
		if err != nil {
			return err
		}
		if err := c.print(g, r); err != nil {
			return err
		}
		if !r.Right() {
			return errNotEqual
		}
		return nil
	})
}

func (c *sinkVerifyCmd) print(g *globals, r *verify.Report) error {
	if c.Format == formatJSON {
		return json.NewEncoder(g.stdout).Encode(r)
	}
	return printLines(g.stdout, r.Lines())
}
