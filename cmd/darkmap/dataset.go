package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/enrich/dated"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// datasetRun is one run of replay or demo: a plan played into a dataset.
type datasetRun struct {
	g       *globals
	dir     *datadir.Dir
	cfg     *configuration
	plan    *playback.Plan
	watch   string // the file of the plan's watch lists; empty: there is none
	dataset string
	replace bool
	store   bool
	// command is the command's name in run.json.
	command string
	// json also prints the report of the run as an object.
	json bool
	// notify sends the outages to the targets, as an exercise.
	notify bool
	// byDate takes the geography of the time of the files.
	byDate bool
	// data are the chosen files of locations and AS data.
	data dated.Choice
	// stay is called with the results if pages show the dataset as it is played. It returns when
	// the pages may end. Nil: there are no pages.
	stay func(context.Context, *outagelog.Log) error
	// serveKey is the key of the pages if the configuration names none.
	serveKey string
	// entry describes the dataset in the store. It is set when the dataset is claimed.
	entry clickhouse.Dataset
}

// do plays the plan. The results are nil if nothing was played. An error beside results is a fault
// on the way: damaged input or an interruption.
func (r *datasetRun) do(ctx context.Context) (_ *outagelog.Log, err error) {
	defer r.cfg.memoryLimit(runLeast, runSpare).Hold(ctx, r.g.log)()
	present := *r.cfg
	if err := r.chooseData(ctx); err != nil {
		return nil, err
	}
	sources, err := enrich.OpenSources(r.cfg.Enrich, r.g.log)
	if err != nil {
		return nil, err
	}
	r.lowerPanel()
	r.cfg.Kafka = r.cfg.Kafka.WithDataset(r.dataset)
	p := &pipeline{
		cfg: r.cfg, log: r.g.log, dataset: r.dataset, plan: r.plan, sources: sources,
		results: outagelog.New(), line: r.g.line, began: r.g.began,
	}
	if r.store {
		store, err := openStore(ctx, r.g, r.cfg, r.dir, engineEnds)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, store.close()) }()
		if err := r.claim(ctx, store.server, sources); err != nil {
			return nil, err
		}
		p.store = store
		names := lookups{server: store.server, simulated: r.command == "demo", log: r.g.log}
		defer names.begin(ctx, r.g, func() (*enrich.Sources, error) {
			return r.presentSources(&present, sources)
		})()
	}
	defer r.g.tellBroker(ctx, r.cfg.Kafka)() // matters for a cluster only
	closeBroker, err := p.broker(ctx, filepath.Join(r.dir.Kafka(), r.dataset))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeBroker()) }()
	running := runRecord(r.command, r.dataset, p.cfg.Kafka, p.store)
	if r.stay != nil && len(r.cfg.Serve.Keys) == 0 {
		r.serveKey = rand.Text()
		running.ServeKey = r.serveKey
	}
	if err := r.dir.WriteRun(running); err != nil {
		return nil, err
	}
	if r.stay != nil {
		return r.playWithPages(ctx, p)
	}
	return r.play(ctx, p)
}

// presentSources returns the sources of the store's names, which are always those of today. They
// are the sources of the run, unless those are of another day. present is the configuration before
// the files of a day were chosen. Nothing is fetched.
func (r *datasetRun) presentSources(
	present *configuration, sources *enrich.Sources,
) (*enrich.Sources, error) {
	if !r.byDate {
		return sources, nil
	}
	if _, err := r.g.chooseHere(present); err != nil {
		return nil, err
	}
	now, then := present.Enrich, r.cfg.Enrich
	if slices.Equal(now.Geo.Files, then.Geo.Files) && slices.Equal(now.ASN.Files, then.ASN.Files) &&
		now.OriginsApart == then.OriginsApart {
		return sources, nil
	}
	return enrich.OpenSources(now, r.g.log)
}

// chooseData chooses the locations and AS data of the time of the files, and prints the choice.
func (r *datasetRun) chooseData(ctx context.Context) (err error) {
	var first, last time.Time
	if r.byDate {
		first, last = r.plan.RealSpan()
	}
	if r.data, _, err = r.g.chooseData(ctx, r.cfg, first); err != nil {
		return err
	}
	for _, line := range append(r.data.Notes, r.data.Says(first, last)...) {
		fmt.Fprintln(r.g.stderr, "darkmap:", line)
	}
	return nil
}

// play runs the pipeline behind a line of progress.
func (r *datasetRun) play(ctx context.Context, p *pipeline) (*outagelog.Log, error) {
	p.damaged = damagePrinter(r.g.stderr)
	stages, err := p.build()
	if err != nil {
		return nil, err
	}
	err = p.run(ctx, stages)
	end := p.progress()
	undecided := r.tellVerdicts(p.detect.Verdicts())
	r.tellDataset(p)
	p.results.Reached(time.UnixMicro(end.EventTime).UTC())
	if p.results.Dropped() {
		elsewhere := ""
		if p.store != nil {
			elsewhere = "; the store has all"
		}
		fmt.Fprintf(
			r.g.stderr, "darkmap: there are more than %d outages: blips and the oldest are left out here%s\n",
			outagelog.MaxOutages, elsewhere,
		)
	}
	switch {
	case ctx.Err() != nil:
		return p.results, errors.Join(interruptedError{"interrupted, these are the results so far"}, err)
	case err != nil:
		return p.results, err
	}
	if p.store != nil {
		if err := clickhouse.CompleteDataset(ctx, p.store.server, r.entry); err != nil {
			return p.results, err
		}
	}
	undecodable, err := r.tellUndecodable(ctx, p)
	if r.notify {
		err = errors.Join(err, r.g.exercise(ctx, r.cfg, p.cfg.Kafka))
	}
	return p.results, errors.Join(undecided, err, damagedError(end.Damaged+undecodable+uint64(r.plan.LeftOut)))
}

// damagedError returns the error of a run with n damaged parts of input, or nil if n is 0.
func damagedError(n uint64) error {
	if n == 0 {
		return nil
	}
	return &exitError{exitDamaged, errors.New("the input has " + bgp.Count(n, "damaged part"))}
}

// lowerPanel lowers the limits of a verdict to the voters and collectors that the files hold at
// best, and prints that it did. While the files are played, only collectors with voters count
// (panel.Config.Need).
func (r *datasetRun) lowerPanel() {
	c := &r.cfg.Detect.Core.Panel
	c.Inputs = r.plan.Voters
	voters, collectors := map[bgp.PeerKey]bool{}, 0
	for _, name := range slices.Sorted(maps.Keys(c.Inputs)) {
		if len(c.Inputs[name]) == 0 {
			fmt.Fprintf(r.g.stderr, "darkmap: the files of %s name no peer: the collector does not count\n", name)
			continue
		}
		collectors++
		for _, v := range c.Inputs[name] {
			voters[v] = true
		}
	}
	need := c.Need(len(voters), collectors)
	if need.Voters == c.MinVoters && need.Collectors == c.MinCollectors {
		return
	}
	fmt.Fprintf(
		r.g.stderr,
		"darkmap: the files hold peers of %s on %s: here a verdict needs %s on %d at most, not %d on %d\n",
		bgp.Count(len(voters), "network"), bgp.Count(collectors, "collector"),
		bgp.Count(need.Voters, "voter"), need.Collectors, c.MinVoters, c.MinCollectors,
	)
}

// claim reserves the dataset for this run. A dataset holds one set of inputs and settings.
func (r *datasetRun) claim(ctx context.Context, s clickhouse.Server, sources *enrich.Sources) error {
	r.entry = r.describe(sources)
	// Only demos write a dataset with such a name.
	if !demoName.MatchString(r.dataset) {
		if collected, err := clickhouse.Collected(ctx, s, r.dataset); err != nil {
			return err
		} else if collected {
			return usageError(fmt.Errorf(
				"dataset %s holds rows that no replay made, as live sources and archives bring them: "+
					"--dataset NAME names another",
				r.dataset,
			))
		}
	}
	err := clickhouse.ClaimDataset(ctx, s, r.entry, r.replace)
	if errors.Is(err, clickhouse.ErrDatasetTaken) {
		return usageError(fmt.Errorf("%w; --replace replaces it, --dataset NAME names another", err))
	}
	return err
}

// describe returns the description of the dataset: inputs, settings, version, files, collectors.
func (r *datasetRun) describe(sources *enrich.Sources) clickhouse.Dataset {
	d := clickhouse.Dataset{
		Name: r.dataset, Inputs: r.plan.Inputs(), Settings: r.settings(sources), Version: version,
		Files: r.plan.Files(), Collectors: r.plan.Collectors(),
		Changed:       config.Results(r.cfg, defaultConfiguration()),
		GeographyDate: r.data.Places.Day, OwnersDate: r.data.Owners.Day, GeographyFiles: r.data.Files(),
	}
	d.Begins, d.Ends = r.plan.Span()
	if r.watch != "" {
		d.Files = append(d.Files, r.watch)
	}
	return d
}

// tellDataset prints the name of the dataset and the commands that show its results.
func (r *datasetRun) tellDataset(p *pipeline) {
	if p.store == nil {
		return
	}
	fmt.Fprintf(
		r.g.stderr, "darkmap: the results are in dataset %s: `%s` shows them again\n",
		r.dataset, r.g.command("outages", "--dataset", r.dataset),
	)
	look := []string{"serve", "--dataset", r.dataset}
	if r.dataset == "demo" {
		look = append(look, "--at", "2014-12-22T17:00Z") // 45 minutes after the last route went
	}
	fmt.Fprintf(r.g.stderr, "darkmap: `%s` shows them on a map\n", r.g.command(look...))
}

// defaultsEdition counts the changes of defaults that decide results (the keys tagged
// `result:"yes"`). Raise it with each such change. Otherwise a run would go on with a dataset that
// other defaults made. TestDefaultsEdition checks it.
const defaultsEdition = 3

// settings returns a hash of everything but the inputs that decides the result.
func (r *datasetRun) settings(sources *enrich.Sources) string {
	h := sha256.New()
	fmt.Fprintln(h, resultSettings(r.cfg))
	fmt.Fprintln(h, sources.Fingerprint())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// resultSettings returns the part of the configuration that decides results: the edition of the
// defaults and the values that differ from them. So a new key at its default changes no dataset.
func resultSettings(cfg *configuration) string {
	return fmt.Sprintf(
		"defaults %d\n%s", defaultsEdition,
		strings.Join(config.Results(cfg, defaultConfiguration()), "\n"),
	)
}
