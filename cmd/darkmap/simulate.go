package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/darkmap/darkmap/eval/simulate"
)

// simulateCmd writes synthetic feeds with known truth, or a year of results.
type simulateCmd struct {
	Scenario string `arg:"" optional:"" help:"Which one; without it they are listed." placeholder:"NAME"`
	Export   string `help:"Where its MRT files go, with the truth beside them." type:"path" placeholder:"DIR"`

	Store   bool    `help:"Write a simulated year straight into the store instead, for queries to ask (docs/sql.md)."`
	Days    int     `help:"With --store: how long it lasts." default:"365" placeholder:"N"`
	Scale   float64 `help:"With --store: how much there is, from 0.001 to 1. 1 is 80,000 ASes and takes some minutes and 2 GB; 0.01 takes seconds." default:"1" placeholder:"F"`
	Seed    uint64  `help:"With --store: what draws everything that is no story." default:"1" placeholder:"N"`
	Dataset string  `help:"With --store: the name of the dataset; what a replay of the last 30 days would have found is in NAME-replay." default:"year" placeholder:"NAME"`
	Until   string  `help:"With --store: the day after the last, UTC." default:"2026-01-01" placeholder:"DATE"`
	Replace bool    `help:"With --store: replace the dataset where it holds something else."`
}

// scenarios returns all scenarios.
func scenarios() []simulate.Scenario {
	return append(simulate.Scenarios(), simulate.FourWithdrawn(time.Date(2015, 1, 6, 12, 0, 0, 0, time.UTC)))
}

// Run lists the scenarios, writes one of them and prints its truth, or fills the store.
func (c *simulateCmd) Run(ctx context.Context, g *globals) error {
	if c.Store {
		return c.store(ctx, g)
	}
	all := scenarios()
	if c.Scenario == "" {
		return c.list(g, all)
	}
	i := slices.IndexFunc(all, func(s simulate.Scenario) bool { return s.Name == c.Scenario })
	if i < 0 {
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		return usageError(fmt.Errorf(
			"there is no scenario %s%s: there is %s",
			c.Scenario, didYouMean(c.Scenario, names), strings.Join(names, ", "),
		))
	}
	if c.Export == "" {
		return usageError(fmt.Errorf(
			"--export DIR is missing: the folder into which the files of %s are written", c.Scenario,
		))
	}
	world, err := simulate.Build(all[i])
	if err != nil {
		return err
	}
	files, err := world.Export(c.Export)
	if err != nil {
		return err
	}
	fmt.Fprintln(g.stderr, world.Label())
	for _, f := range files {
		if _, err := fmt.Fprintf(g.stdout, "%s\t%d bytes\n", f.Name, f.Bytes); err != nil {
			return err
		}
	}
	for _, line := range world.TruthLines() {
		fmt.Fprintln(g.stderr, "truth:", line)
	}
	fmt.Fprintf(
		g.stderr, "%s has the truth for programs; to find the outages: cd %s and see README.txt\n",
		filepath.Join(c.Export, simulate.TruthFile), c.Export,
	)
	return nil
}

// list prints the scenarios, one a line.
func (c *simulateCmd) list(g *globals, all []simulate.Scenario) error {
	if c.Export != "" {
		return usageError(errors.New("--export needs a scenario: `darkmap simulate` lists them"))
	}
	width := 0
	for _, s := range all {
		width = max(width, len(s.Name))
	}
	for _, s := range all {
		if _, err := fmt.Fprintf(
			g.stdout, "%-*s  %s to %s  %s\n",
			width, s.Name, s.Start.Format("2006-01-02 15:04"), s.End.Format("2006-01-02 15:04"), s.About,
		); err != nil {
			return err
		}
	}
	fmt.Fprintln(
		g.stderr,
		"darkmap simulate NAME --export DIR writes one as MRT files, with the truth beside them; "+
			"darkmap simulate --store fills the store with a year",
	)
	return nil
}

// collector parses a flag that names a collector of the demo.
func collector(flag *kong.DecodeContext, target reflect.Value) error {
	var name string
	known := simulate.CollectorNames()
	if err := flag.Scan.PopValueInto("collector", &name); err != nil {
		return fmt.Errorf("a collector is missing: want one of %s", strings.Join(known, ", "))
	}
	if !slices.Contains(known, name) {
		return fmt.Errorf(
			"no collector is called %q%s: want one of %s",
			name, didYouMean(name, known), strings.Join(known, ", "),
		)
	}
	target.SetString(name)
	return nil
}
