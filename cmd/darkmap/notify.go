package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/internal/timespan"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/report"
)

// notifyCmd groups the stage notify and the commands about it.
type notifyCmd struct {
	Run     notifyRunCmd     `cmd:"" default:"withargs" help:"Run the stage: send messages to the configured targets when outages begin, change and end."`
	Test    notifyTestCmd    `cmd:"" help:"Send a test message to targets, now."`
	Check   notifyCheckCmd   `cmd:"" help:"Show the messages that past outages would have caused. Nothing is sent."`
	Explain notifyExplainCmd `cmd:"" help:"Explain which route took an outage, or why none did, and what each target answered."`
	Status  notifyStatusCmd  `cmd:"" help:"Show for each target its open incidents, waiting messages and last error."`
	Parked  notifyParkedCmd  `cmd:"" help:"Show messages that were given up, or send them again."`
	Silence silenceCmd       `cmd:"" help:"Hold messages back for a while."`
}

type notifyRunCmd struct {
	stageFlags `embed:""`
}

// Run runs the stage, which sends messages to the targets.
func (c *notifyRunCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := c.prepare(g)
	if err != nil {
		return err
	}
	if !cfg.Notify.Enabled() {
		return usageError(errors.New(
			"there is nothing to do: notify.targets and notify.routes, which choose the recipients of outages, " +
				"and notify.heartbeat, which names the destination of the heartbeat, are all empty",
		))
	}
	reg := telemetry.NewRegistry(version)
	s, err := g.newNotify(cfg, c.Instance, reg)
	if err != nil {
		return err
	}
	g.announceNotify(cfg)
	return c.run(ctx, g, cfg, notify.Name, reg, s)
}

// openDeps returns the dependencies of targets. own are the pipeline's brokers.
func (g *globals) openDeps(own kafka.Config) notify.OpenDeps {
	return notify.OpenDeps{Kafka: own, Log: g.log, Version: version, Now: time.Now}
}

// newNotify makes the stage with its targets.
func (g *globals) newNotify(
	cfg *configuration, instance string, reg prometheus.Registerer,
) (*notify.Stage, error) {
	places, err := cfg.Notify.Open(g.openDeps(cfg.Kafka))
	if err != nil {
		return nil, usageError(err)
	}
	heart, err := cfg.Notify.OpenHeart(g.openDeps(cfg.Kafka), places)
	if err != nil {
		return nil, usageError(errors.Join(err, notify.Close(places)))
	}
	s, err := notify.New(cfg.Notify, notify.Deps{
		Kafka: cfg.Kafka, Log: g.log, Instance: instance, Drain: cfg.Drain, Registerer: reg,
		Targets: places, Heart: heart, Now: time.Now,
	})
	if err != nil {
		return nil, usageError(errors.Join(err, notify.Close(places)))
	}
	return s, nil
}

// announceNotify prints the routes: which target receives which outages.
func (g *globals) announceNotify(cfg *configuration) {
	for _, line := range cfg.Notify.Describe() {
		fmt.Fprintln(g.stderr, "  "+line)
	}
}

// deskFlags are the flags of the commands that read the state of notify.
type deskFlags struct {
	Dataset string `help:"Dataset that is meant (default: that of what runs, else live)." placeholder:"NAME"`
}

// deskForm is the flag for their output format.
type deskForm struct {
	Format string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

func (f deskForm) form(g *globals) report.Form {
	return report.Form{JSON: f.Format == formatJSON, Width: terminal.Width(g.stdout), Now: time.Now()}
}

// deps returns the dependencies of a desk: the brokers of the running instance or the configured
// ones, and the targets that can be opened. done closes them.
func (f deskFlags) deps(
	ctx context.Context, g *globals,
) (cfg notify.Config, d notify.Deps, done func(), err error) {
	k, at, err := g.reachKafka(f.Dataset)
	if err != nil {
		return cfg, d, nil, err
	}
	whole, err := g.configuration()
	if err != nil {
		return cfg, d, nil, err
	}
	told := func() {}
	if at == nil {
		told = g.tellBroker(ctx, k)
	}
	d = notify.Deps{Kafka: k, Log: g.log, Now: time.Now, Targets: map[string]*notify.Place{}}
	for _, name := range slices.Sorted(maps.Keys(whole.Notify.Targets)) {
		places, err := whole.Notify.Open(g.openDeps(k), name)
		if err != nil {
			fmt.Fprintf(g.stderr, "darkmap: going on without a target: %v\n", err)
			continue
		}
		d.Targets[name] = places[name]
	}
	return whole.Notify, d, func() {
		told()
		_ = notify.Close(d.Targets) // no target has sent a message
	}, nil
}

// with calls fn with a desk.
func (f deskFlags) with(ctx context.Context, g *globals, fn func(*notify.Desk) error) error {
	cfg, d, done, err := f.deps(ctx, g)
	if err != nil {
		return err
	}
	defer done()
	desk, err := notify.OpenDesk(ctx, cfg, d)
	if err != nil {
		return err
	}
	return fn(desk)
}

type notifyTestCmd struct {
	Targets []string `arg:"" name:"target" help:"Names of notify.targets."`
}

// Run sends a test message to each target.
func (c *notifyTestCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	places, err := cfg.Notify.Open(g.openDeps(cfg.Kafka), c.Targets...)
	if err != nil {
		return usageError(err)
	}
	var faults []error
	for _, name := range c.Targets {
		if err := notify.Test(ctx, cfg.Notify, places[name], time.Now()); err != nil {
			faults = append(faults, fmt.Errorf("%s has not taken the test message: %w", name, err))
		} else {
			fmt.Fprintf(g.stdout, "%s has taken the test message\n", name)
		}
	}
	return errors.Join(append(faults, notify.Close(places))...)
}

type notifyCheckCmd struct {
	Since     string `help:"How far to look back (default ${default})." default:"7d" placeholder:"LENGTH"`
	deskFlags `embed:""`
	deskForm  `embed:""`
}

// Run prints the messages that would have been sent.
func (c *notifyCheckCmd) Run(ctx context.Context, g *globals) error {
	length, err := timespan.ParseLength(c.Since)
	if err != nil {
		return usageError(fmt.Errorf("--since %w", err))
	}
	cfg, d, done, err := c.deps(ctx, g)
	if err != nil {
		return err
	}
	defer done()
	if len(cfg.Routes) == 0 {
		return usageError(errors.New("nothing can be sent: the configuration has no notify.routes"))
	}
	attempts, err := notify.Check(ctx, cfg, d, time.Now().Add(-length))
	if err != nil {
		return err
	}
	return report.Messages(g.stdout, attempts, c.form(g))
}

type notifyExplainCmd struct {
	ID        string `arg:"" help:"Id of an outage, as show and outages --wide print it."`
	deskFlags `embed:""`
	deskForm  `embed:""`
}

// Run prints what happened to an outage: its routes and the answers of the targets.
func (c *notifyExplainCmd) Run(ctx context.Context, g *globals) error {
	return c.with(ctx, g, func(k *notify.Desk) error {
		verdicts, err := k.Explain(ctx, c.ID)
		if err != nil {
			return err
		}
		return report.Explain(g.stdout, c.ID, verdicts, c.form(g))
	})
}

type notifyStatusCmd struct {
	deskFlags `embed:""`
	deskForm  `embed:""`
}

// Run prints the state of each target.
func (c *notifyStatusCmd) Run(ctx context.Context, g *globals) error {
	return c.with(ctx, g, func(k *notify.Desk) error {
		return report.Status(g.stdout, k.Status(), c.form(g))
	})
}

type notifyParkedCmd struct {
	Retry     []string `help:"Send this one again; may be repeated." placeholder:"ID" sep:"none"`
	deskFlags `embed:""`
	deskForm  `embed:""`
}

// Run lists the messages that were given up. With --retry it has some of them sent again.
func (c *notifyParkedCmd) Run(ctx context.Context, g *globals) error {
	return c.with(ctx, g, func(k *notify.Desk) error {
		for _, id := range c.Retry {
			if err := k.Retry(ctx, id); err != nil {
				return err
			}
			fmt.Fprintf(g.stdout, "%s is sent again within seconds, or when notify starts\n", id)
		}
		if len(c.Retry) > 0 {
			return nil
		}
		return report.Parked(g.stdout, k.Parked(), c.form(g))
	})
}

// silenceCmd groups the commands on silences.
type silenceCmd struct {
	Begin silenceBeginCmd `cmd:"" default:"withargs" help:"Begin a silence."`
	List  silenceListCmd  `cmd:"" help:"List the silences that hold."`
	End   silenceEndCmd   `cmd:"" help:"End a silence."`
}

type silenceBeginCmd struct {
	Watch     []string `help:"Of members of this watch list." placeholder:"LIST"`
	Code      []string `help:"Of the entity with this code: KP, AS131279, 175.45.176.0/24." placeholder:"CODE"`
	Type      []string `help:"Of entities of this type: prefix, as, country, region, world, watch." placeholder:"TYPE" enum:"prefix,as,country,region,world,watch"`
	Route     []string `help:"Of outages that this route takes." placeholder:"ROUTE"`
	All       bool     `help:"Of everything."`
	For       string   `help:"How long: 2h, 90m, 1d." required:"" placeholder:"LENGTH"`
	Reason    string   `help:"Why, for those who see it later." placeholder:"TEXT"`
	deskFlags `embed:""`
}

// Run begins a silence.
func (c *silenceBeginCmd) Run(ctx context.Context, g *globals) error {
	length, err := timespan.ParseLength(c.For)
	if err != nil {
		return usageError(fmt.Errorf("--for %w", err))
	}
	if named := len(c.Watch)+len(c.Code)+len(c.Type)+len(c.Route) > 0; named == c.All {
		return usageError(errors.New(
			"choose the outages to silence: --watch, --code, --type or --route, or --all for everything",
		))
	}
	codes, err := entityCodes(c.Code)
	if err != nil {
		return usageError(err)
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	s := incident.Silence{
		Watch: c.Watch, Codes: codes, Types: c.Type, Routes: c.Route,
		From: now, Until: now.Add(length), Reason: c.Reason,
	}
	if u, err := user.Current(); err == nil {
		s.Who = u.Username
	}
	for _, line := range cfg.Notify.Unknown(s, cfg.lists()) {
		fmt.Fprintln(g.stderr, "darkmap:", line)
	}
	return c.with(ctx, g, func(k *notify.Desk) error {
		s, err := k.Silence(ctx, s)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(
			g.stdout, "silent until %s UTC: %s (id %s). Outages that still last then are told.\n",
			s.Until.UTC().Format(time.DateTime), report.Of(s), s.ID,
		)
		return err
	})
}

// entityCodes returns codes of entities in the form that outages have: AS64496 for 64496. The error
// names the accepted forms.
func entityCodes(all []string) (codes []string, err error) {
	for _, text := range all {
		q, err := query.Parse(text)
		t, ok := q.Type()
		switch {
		case strings.EqualFold(text, bgp.EntityWorld.String()):
			q.Code = bgp.EntityWorld.String()
		case err == nil && ok && t == bgp.EntityWatch:
			return nil, fmt.Errorf("--code %s: a watch list is named by --watch", text)
		case err != nil || !ok:
			return nil, fmt.Errorf(
				"--code %.100q: want the code of an entity: KP, KP-01, AS64496, 192.0.2.0/24 or world", text,
			)
		}
		codes = append(codes, q.Code)
	}
	return codes, nil
}

type silenceListCmd struct {
	deskFlags `embed:""`
	deskForm  `embed:""`
}

// Run lists the silences that are in force.
func (c *silenceListCmd) Run(ctx context.Context, g *globals) error {
	return c.with(ctx, g, func(k *notify.Desk) error {
		return report.Silences(g.stdout, k.Silences(), c.form(g))
	})
}

type silenceEndCmd struct {
	ID        []string `arg:"" help:"Ids, as silence list prints them."`
	deskFlags `embed:""`
}

// Run ends silences.
func (c *silenceEndCmd) Run(ctx context.Context, g *globals) error {
	return c.with(ctx, g, func(k *notify.Desk) error {
		for _, id := range c.ID {
			if err := k.EndSilence(ctx, id); err != nil {
				return err
			}
			fmt.Fprintf(g.stdout, "the silence %s is over\n", id)
		}
		return nil
	})
}

// exercise sends the outages of a dataset to the targets, and prints how many messages each target
// has taken. k are the brokers of the run.
func (g *globals) exercise(ctx context.Context, cfg *configuration, k kafka.Config) error {
	places, err := cfg.Notify.Open(g.openDeps(k))
	if err != nil {
		return usageError(err)
	}
	told, err := notify.Exercise(ctx, cfg.Notify, notify.Deps{
		Kafka: k, Log: g.log, Now: time.Now, Targets: places,
	})
	err = errors.Join(err, notify.Close(places))
	if told == nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		if slices.Contains(told.LiveOnly, name) {
			fmt.Fprintf(
				g.stderr, "darkmap: %s is told nothing: the data are not live, and it hears of live data alone\n",
				name,
			)
			continue
		}
		fmt.Fprintf(g.stderr, "darkmap: %s has taken %s\n", name, bgp.Count(told.Sent[name], "message"))
		if n := told.Failed[name]; n > 0 {
			err = errors.Join(err, fmt.Errorf(
				"%s has not taken %s: %w", name, bgp.Count(n, "message"), told.Errors[name],
			))
		}
	}
	return err
}

// checkExercise fails if the outages of the dataset cannot be sent to the targets.
func (c *configuration) checkExercise(dataset string) error {
	switch {
	case len(c.Notify.Targets) == 0:
		return usageError(errors.New("--notify: notify.targets is empty, so no target can be notified"))
	case !c.Notify.Names(dataset):
		return usageError(fmt.Errorf(
			"--notify: no route of notify.routes names the dataset %s, so no target is notified: "+
				"write `match: {datasets: [%s]}`",
			dataset, dataset,
		))
	}
	return nil
}
