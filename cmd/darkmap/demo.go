package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/terminal"
)

// demoCmd replays the reconstruction of December 2014.
type demoCmd struct {
	Seed    uint64 `help:"Draw another country of the world, and shift all times." placeholder:"N"`
	Export  string `help:"Write the world as MRT files and stop." type:"path" placeholder:"DIR"`
	Late    string `help:"This collector joins two hours late." type:"collector" placeholder:"COLLECTOR"`
	Early   string `help:"This collector ends early." type:"collector" placeholder:"COLLECTOR"`
	Format  string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
	Watch   string `help:"Watch lists that hold from the first record on: a file with a section watch, or a list of lists. DNS is not asked." type:"path" placeholder:"FILE"`
	NoStore bool   `help:"Leave ClickHouse out."`
	Notify  bool   `help:"Tell the targets of the configuration too, as an exercise. A route has to name the dataset."`
	Serve   bool   `help:"Serve pages that show the days as they are played, and stay until Ctrl-C."`
	// Schedule prints the schedule and has no other effect.
	Schedule bool `help:"Print what happens when in the world, which of it was published and where, and stop."`
	filter   `embed:""`
}

// Run makes the world. Then it replays the world, writes it or prints its schedule.
func (c *demoCmd) Run(ctx context.Context, g *globals) (err error) {
	if err := c.check(); err != nil {
		return usageError(err)
	}
	world, err := simulate.December2014(simulate.Config{Seed: c.Seed, Late: c.Late, Early: c.Early})
	if err != nil {
		return usageError(err)
	}
	fmt.Fprintln(g.stderr, world.Label())
	if c.Schedule {
		return printLines(g.stdout, scheduleLines(world, terminal.Width(g.stdout)))
	}
	if c.Export != "" {
		return c.export(g, world)
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	lists, err := g.watchFile(c.Watch)
	if err != nil {
		return err
	}
	if c.Notify {
		if err := cfg.checkExercise(c.dataset()); err != nil {
			return err
		}
	}
	state, err := g.openDataDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	dir := filepath.Join(state.Temp(), "demo")
	defer os.RemoveAll(dir) //nolint:errcheck // the next run removes it too
	files, err := world.Export(dir)
	if err != nil {
		return err
	}
	inputs, cleanup, err := parseInputs(ctx, g, state.Temp(), simulate.Arguments(dir, files))
	if err != nil {
		return err
	}
	defer cleanup()
	plan, err := playback.NewPlan(ctx, inputs.Files)
	if err != nil {
		return err
	}
	plan.Watch = lists
	// The world has its own geography.
	if err := cfg.load(filepath.Join(dir, simulate.ConfigFile), nil); err != nil {
		return err
	}
	r := &datasetRun{
		g: g, dir: state, cfg: cfg, plan: plan, watch: c.Watch, dataset: c.dataset(), replace: true,
		store: !c.NoStore, command: "demo", json: c.Format == "json", notify: c.Notify,
	}
	if c.Serve {
		r.stay = func(ctx context.Context, results *outagelog.Log) error { return c.stay(ctx, g, world, results) }
	}
	results, err := r.do(ctx)
	if results == nil || c.Serve {
		return err
	}
	return errors.Join(err, c.print(g, world, results))
}

// stay prints the results and waits for the end of ctx.
func (c *demoCmd) stay(ctx context.Context, g *globals, world *simulate.World, results *outagelog.Log) error {
	err := c.print(g, world, results)
	if err == nil {
		fmt.Fprintln(g.stderr, "darkmap: the pages stay until Ctrl-C")
		<-ctx.Done()
	}
	return err
}

// dataset returns the name of the dataset: demo, or a name of its own for each seed.
func (c *demoCmd) dataset() string {
	if c.Seed == 0 {
		return "demo"
	}
	return fmt.Sprintf("demo-%d", c.Seed)
}

// export writes the files of the world and prints how to replay them.
func (c *demoCmd) export(g *globals, world *simulate.World) error {
	files, err := world.Export(c.Export)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := fmt.Fprintf(g.stdout, "%s\t%d bytes\n", f.Name, f.Bytes); err != nil {
			return err
		}
	}
	fmt.Fprintf(g.stderr, "to find the outages in them: cd %s and see README.txt\n", c.Export)
	return nil
}
