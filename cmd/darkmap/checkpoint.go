package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/detect/checkpoint"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
)

// checkpointCmd groups the commands on the checkpoints of detect.
type checkpointCmd struct {
	List   checkpointListCmd   `cmd:"" help:"List the checkpoints: the state of detect, from which a new start goes on."`
	Verify checkpointVerifyCmd `cmd:"" help:"Read the checkpoints and compare them with their manifests."`
	Drop   checkpointDropCmd   `cmd:"" help:"Remove the checkpoints: the next start of detect reads the log from its beginning. Not while detect runs."`
}

// checkpointFlags are the flags that all of these commands have.
type checkpointFlags struct {
	Dataset string `help:"Dataset whose detector it is (default: that of what runs, else live)." placeholder:"NAME"`
}

// store calls do with the store of the checkpoints of the dataset's detector for detect.families.
func (f checkpointFlags) store(ctx context.Context, g *globals, do func(checkpoint.Store) error) error {
	cfg, running, err := g.reachKafka(f.Dataset)
	if err != nil {
		return err
	}
	families := core.BothFamilies // up has one detector
	if running == nil {
		defer g.tellBroker(ctx, cfg)()
		all, err := g.configuration()
		if err != nil {
			return err
		}
		families = all.Detect.Families
	}
	return do(checkpoint.Store{Kafka: cfg, Log: g.log, Detector: families.Group()})
}

type checkpointListCmd struct {
	checkpointFlags `embed:""`
	Format          string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

// Run lists the checkpoints.
func (c *checkpointListCmd) Run(ctx context.Context, g *globals) error {
	return c.store(ctx, g, func(s checkpoint.Store) error {
		all, err := s.Report(ctx, false)
		if err != nil {
			return err
		}
		return writeCheckpoints(g, all, c.Format, false)
	})
}

type checkpointVerifyCmd struct {
	checkpointFlags `embed:""`
	Format          string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

// errFaulty reports that at least one checkpoint cannot be used.
var errFaulty = errors.New("a checkpoint cannot be used")

// Run compares each checkpoint with its manifest. It fails if one of them cannot be used.
func (c *checkpointVerifyCmd) Run(ctx context.Context, g *globals) error {
	return c.store(ctx, g, func(s checkpoint.Store) error {
		all, err := s.Report(ctx, true)
		if err != nil {
			return err
		}
		if err := writeCheckpoints(g, all, c.Format, true); err != nil {
			return err
		}
		if n := checkpoint.Faulty(all); n > 0 {
			return fmt.Errorf(
				"%w: %d of %d. detect uses the newest that it can, else it reads the log",
				errFaulty, n, len(all),
			)
		}
		return nil
	})
}

func writeCheckpoints(g *globals, all []checkpoint.Listed, format string, whole bool) error {
	if format == formatJSON {
		return json.NewEncoder(g.stdout).Encode(all)
	}
	return checkpoint.WriteTable(g.stdout, all, whole)
}

type checkpointDropCmd struct {
	checkpointFlags `embed:""`
}

// Run removes the checkpoints.
func (c *checkpointDropCmd) Run(ctx context.Context, g *globals) error {
	return c.store(ctx, g, func(s checkpoint.Store) error {
		n, err := s.Remove(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(
			g.stdout, "%s removed. The next start of detect reads the log from its beginning.\n",
			bgp.Count(n, "checkpoint"),
		)
		return err
	})
}
