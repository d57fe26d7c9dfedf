package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/eval/simulate"
)

// simulateCmd writes synthetic feeds with known truth.
type simulateCmd struct {
	Scenario string `arg:"" optional:"" help:"Which one; without it they are listed." placeholder:"NAME"`
	Export   string `help:"Where its MRT files go." type:"path" placeholder:"DIR"`
}

// Run lists the scenarios, or writes one and says what happens in it.
func (c *simulateCmd) Run(g *globals) error {
	all := append(simulate.Scenarios(), simulate.FourWithdrawn(time.Date(2015, 1, 6, 12, 0, 0, 0, time.UTC)))
	if c.Scenario == "" {
		for _, s := range all {
			if _, err := fmt.Fprintf(g.stdout, "%s\t%s to %s\n", s.Name, s.Start.Format(time.RFC3339), s.End.Format(time.RFC3339)); err != nil {
				return err
			}
		}
		return nil
	}
	i := slices.IndexFunc(all, func(s simulate.Scenario) bool { return s.Name == c.Scenario })
	if i < 0 {
		return usageError(fmt.Errorf("there is no scenario %s: `darkmap simulate` lists them", c.Scenario))
	}
	if c.Export == "" {
		return usageError(fmt.Errorf("where to? --export DIR"))
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
	for _, e := range world.Truth() {
		fmt.Fprintf(g.stderr, "truth: %s %v of %v in %s, %s to %s\n", e.Kind, e.Family, e.Prefixes, e.Country, e.Start.Format(time.RFC3339), e.End.Format(time.RFC3339))
	}
	return nil
}
