package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/darkmap/darkmap/ingest/past"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// replayCmd plays files through the real stages.
type replayCmd struct {
	Files     []string `arg:"" optional:"" help:"MRT, RIS Live JSON or raw BMP files: FILE, a folder or a pattern in quotes; NAME=... names the collector; - is standard input. None: what the archives hold from --from to --to." placeholder:"FILE"`
	Format    string   `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
	Dataset   string   `help:"Name of the dataset in the store (default: replay- and a hash of the inputs)." placeholder:"NAME"`
	Replace   bool     `help:"Replace what the dataset holds."`
	Watch     string   `help:"Watch lists that hold from the first record on: a file with a section watch, or a list of lists. DNS is not asked." type:"path" placeholder:"FILE"`
	NoStore   bool     `help:"Leave ClickHouse out."`
	Notify    bool     `help:"Tell the targets of the configuration too, as an exercise. A route has to name the dataset."`
	pastFlags `embed:""`
	filter    `embed:""`
}

// Help returns the long help text. kong calls it.
func (replayCmd) Help() string { return replayHelp }

const replayHelp = `Of a folder every capture in it is played, at any depth. The collector is read
from the path, as RIS and RouteViews lay out their archives (rrc00/2014.12/updates.20141222.0000.gz,
route-views2/bgpdata/2014.12/RIBS/rib.20141222.0000.bz2), else it is local. Hidden and unfinished
files, checksums and texts are left out, which is said.

Without files, --from and --to say what is replayed, any time that the archives hold: for each
collector the newest table before it and the updates from then on are fetched from the public
archives (found through the BGPKIT Broker, in the folder ingest.archive.directory, or in the list
ingest.archive.index) and kept in the cache. Standard error says beforehand how many files and
octets that is. Interrupted, the same command goes on: nothing is fetched twice. 1 is also the end
where a server does not answer; what was fetched is kept.

With files, --from and --to choose which outages are printed. All files are read whatever they say:
what stood before tells what is usual.

Countries and owners are those of the time of the files, where enrich.snapshots.directory or
"darkmap fetch --geo-date" has data of that time; else standard error says how many years newer they
are.

At the end standard error says, for IPv4 and IPv6, in how many minutes a verdict was possible, and
why not in the others; with --format json as an object too.

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 finished, but some input was
damaged; 4 finished, and no verdict was possible in any minute: that no outage is shown then says
nothing; 130 interrupted.`

// Run replays the files.
func (c *replayCmd) Run(ctx context.Context, g *globals) (err error) {
	if err := c.check(); err != nil {
		return usageError(err)
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	lists, err := g.watchFile(c.Watch)
	if err != nil {
		return err
	}
	var fetched *past.Fetched
	if len(c.Files) == 0 {
		if fetched, err = c.fetch(ctx, g, cfg); err != nil || c.DryRun {
			return err
		}
		defer fetched.Release()
	}
	dir, err := g.openDataDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	plan, cleanup, err := c.plan(ctx, g, dir, fetched)
	if err != nil {
		return err
	}
	defer cleanup()
	plan.Watch = lists
	for _, note := range plan.Notes {
		fmt.Fprintf(g.stderr, "darkmap: %s\n", note)
	}
	dataset := c.Dataset
	if dataset == "" {
		dataset = "replay-" + plan.Inputs()[:8]
	}
	if c.Notify {
		if err := cfg.checkExercise(dataset); err != nil {
			return err
		}
	}
	r := &datasetRun{
		g: g, dir: dir, cfg: cfg, plan: plan, watch: c.Watch, dataset: dataset, replace: c.Replace,
		store: !c.NoStore, command: "replay", byDate: true, json: c.Format == "json", notify: c.Notify,
	}
	results, err := r.do(ctx)
	if results == nil {
		return err
	}
	if isUndecided(err) && c.Format == "table" {
		_, printed := fmt.Fprintln(g.stdout, "no verdict was possible")
		return errors.Join(err, printed)
	}
	return errors.Join(err, c.print(g, results))
}

// check fails for impossible values of flags.
func (c *replayCmd) check() error {
	return errors.Join(c.filter.check(), checkDatasetName(c.Dataset), checkPlayed(c.Dataset), c.checkPast())
}

// plan makes the plan of the fetched files, or else of the named ones. cleanup removes copies.
func (c *replayCmd) plan(
	ctx context.Context, g *globals, dir *datadir.Dir, fetched *past.Fetched,
) (plan *playback.Plan, cleanup func(), err error) {
	inputs, missing, cleanup := &playback.Inputs{}, []playback.Missing(nil), func() {}
	if fetched != nil {
		inputs.Files, missing = fetched.Inputs, fetched.Missing
	} else if inputs, cleanup, err = parseInputs(ctx, g, dir.Temp(), c.Files); err != nil {
		return nil, nil, err
	}
	if plan, err = g.look(ctx, inputs.Files, missing); err == nil && fetched != nil {
		more, failed := fetched.More(ctx, plan.Unanswered())
		if failed != nil {
			return nil, nil, failed
		}
		if more {
			plan, err = g.look(ctx, fetched.Inputs, missing)
		}
	}
	if err != nil {
		cleanup()
		return nil, nil, usageError(err)
	}
	plan.LeftOut += inputs.Unread + len(missing)
	return plan, cleanup, nil
}

// look makes the plan of files.
func (g *globals) look(
	ctx context.Context, files []playback.Input, missing []playback.Missing,
) (*playback.Plan, error) {
	defer g.line.Busy("looking at the files")()
	return playback.NewPlan(ctx, files, missing...)
}

// parseInputs parses the arguments. It copies inputs that can be read only once (standard input and
// pipes) to files in tmp. cleanup removes these files.
func parseInputs(
	ctx context.Context, g *globals, tmp string, args []string,
) (inputs *playback.Inputs, cleanup func(), err error) {
	inputs, err = playback.Expand(args)
	if err != nil {
		return nil, nil, usageError(err)
	}
	for _, note := range inputs.Notes {
		fmt.Fprintln(g.stderr, "darkmap:", note)
	}
	var copies []string
	cleanup = func() {
		for _, path := range copies {
			_ = os.Remove(path)
		}
	}
	stdin := false
	for i := range inputs.Files {
		in := &inputs.Files[i]
		if in.Path == playback.Stdin && stdin {
			err = usageError(errors.New("standard input is named twice"))
		}
		stdin = stdin || in.Path == playback.Stdin
		if err == nil && readOnce(in.Path) {
			if in.Title = in.Path; in.Path == playback.Stdin {
				in.Title = "standard input"
			}
			in.Path, err = spool(ctx, g, tmp, in.Path, in.Title)
			copies = append(copies, in.Path)
		}
		if err != nil {
			cleanup()
			return nil, nil, err
		}
	}
	return inputs, cleanup, nil
}

// print writes the result.
func (c *replayCmd) print(g *globals, results *outagelog.Log) error {
	f := c.outages()
	all := results.Select(f)
	if len(all) == 0 {
		return writeNothing(g, results.Tally(f), c.Format)
	}
	if c.Format == "json" {
		return writeJSON(g.stdout, all)
	}
	return c.writeTable(g, all)
}
