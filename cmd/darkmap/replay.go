package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/darkmap/darkmap/ingest/file"
	"github.com/darkmap/darkmap/internal/bgp"
)

// replayCmd plays files through the real stages.
type replayCmd struct {
	Files   []string `arg:"" help:"MRT, RIS Live JSON or raw BMP files, FILE or NAME=FILE; - is standard input." placeholder:"FILE"`
	Format  string   `help:"Form of the result." enum:"table,json" default:"table"`
	Dataset string   `help:"Name of the dataset in the store (default: replay- and a hash of the inputs)." placeholder:"NAME"`
	Replace bool     `help:"Replace what the dataset holds."`
	NoStore bool     `help:"Leave ClickHouse out."`
	filter  `embed:""`
}

// Run replays.
func (c *replayCmd) Run(ctx context.Context, g *globals) error {
	if err := c.check(); err != nil {
		return usageError(err)
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	inputs, cleanup, err := parseInputs(g, c.Files)
	if err != nil {
		return err
	}
	defer cleanup()
	plan, err := file.NewPlan(ctx, inputs)
	if err != nil {
		return usageError(err)
	}
	dataset := c.Dataset
	if dataset == "" {
		dataset = "replay-" + plan.Hash[:8]
	}
	r := &datasetRun{g: g, cfg: cfg, plan: plan, dataset: dataset, replace: c.Replace, store: !c.NoStore, command: "replay"}
	results, err := r.do(ctx, nil)
	if results == nil {
		return err
	}
	return errors.Join(err, c.print(g, results.sorted(c.filter)))
}

// check finds what the flags cannot mean.
func (c *replayCmd) check() error {
	var faults []error
	if c.ASN != "" {
		if _, err := bgp.ParseASN(c.ASN); err != nil {
			faults = append(faults, fmt.Errorf("--asn %s: want an AS number", c.ASN))
		}
	}
	if c.Country != "" && len(c.Country) != 2 {
		faults = append(faults, fmt.Errorf("--country %s: want two letters (ISO 3166-1)", c.Country))
	}
	if c.Dataset != "" && !datasetName.MatchString(c.Dataset) {
		faults = append(faults, fmt.Errorf("--dataset %s: want at most 64 letters, digits, dots, underscores and hyphens", c.Dataset))
	}
	if slices.Contains([]string{"live", "demo"}, c.Dataset) {
		faults = append(faults, fmt.Errorf("--dataset %s: the name is taken", c.Dataset))
	}
	return errors.Join(faults...)
}

// parseInputs parses the arguments; standard input is copied to a file, which cleanup removes.
func parseInputs(g *globals, args []string) (inputs []file.Input, cleanup func(), err error) {
	cleanup = func() {}
	for _, arg := range args {
		in, err := file.ParseInput(arg)
		if err != nil {
			return nil, nil, usageError(err)
		}
		inputs = append(inputs, in)
	}
	spooled := false
	for i := range inputs {
		if inputs[i].Path != file.Stdin {
			continue
		}
		if spooled {
			cleanup()
			return nil, nil, usageError(errors.New("standard input is named twice"))
		}
		if inputs[i].Path, cleanup, err = spool(g.stdin); err != nil {
			return nil, nil, err
		}
		spooled = true
	}
	return inputs, cleanup, nil
}

// print writes the result.
func (c *replayCmd) print(g *globals, all []result) error {
	if c.Format == "json" {
		return writeJSON(g.stdout, all)
	}
	return writeTable(g, all)
}

// writeTable prints outages one a line under a heading.
func writeTable(g *globals, all []result) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(g.stdout, "no outages")
		return err
	}
	for _, line := range outageTable(outages(all), terminalWidth(g.stdout)) {
		if _, err := fmt.Fprintln(g.stdout, line); err != nil {
			return err
		}
	}
	return nil
}
