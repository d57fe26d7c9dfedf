package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// migrateCmd brings the store to this program's schema.
type migrateCmd struct {
	DryRun bool `help:"Print the SQL that would run, and how many partitions and rows it would copy; change nothing." xor:"look"`
	Status bool `help:"Print which steps were taken, when and by which darkmap, and what is missing or different; change nothing." xor:"look"`
}

// Run migrates the store, repairs missing and different objects, fills the tables of names, and
// prints its steps. This command also makes a store where none exists, and prints that first.
func (c migrateCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	s := &session{g: g, write: true, create: !c.DryRun && !c.Status, checked: true}
	return s.with(ctx, func(l *lease) error { return c.do(ctx, s, l, cfg) })
}

// do migrates the store of a session.
func (c migrateCmd) do(ctx context.Context, s *session, l *lease, cfg *configuration) error {
	g := s.g
	if s.made {
		fmt.Fprintf(g.stderr, "darkmap: nothing was stored in %s: a new store is made there\n", s.own.dir.Path())
	}
	m := g.migrator(l.server, cfg)
	switch {
	case c.DryRun:
		return c.plan(ctx, g, m)
	case c.Status:
		return c.status(ctx, g, m)
	}
	done, err := m.Migrate(ctx)
	if err == nil || done.Steps > 0 {
		fmt.Fprintf(g.stdout, "%d steps\n", done.Steps) // a write error shows below
	}
	for _, said := range append(done.Repairs, done.Retention...) {
		if _, err := fmt.Fprintln(g.stdout, said); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	filled, err := g.fillLookups(ctx, l.server, cfg)
	for _, f := range filled {
		fmt.Fprintln(g.stdout, f) // a write error showed above
	}
	return err
}

func (c migrateCmd) plan(ctx context.Context, g *globals, m clickhouse.Migrator) error {
	plan, err := m.Plan(ctx)
	if err == nil {
		_, err = io.WriteString(g.stdout, cmp.Or(plan, "-- nothing to do\n"))
	}
	return err
}

// status prints a line for each step, then the missing and different objects.
func (c migrateCmd) status(ctx context.Context, g *globals, m clickhouse.Migrator) error {
	status, err := m.Status(ctx)
	if err != nil {
		return err
	}
	for _, step := range status.Steps {
		name := fmt.Sprintf("%04d_%s", step.Version, step.Name)
		switch {
		case step.Done && step.At.IsZero():
			fmt.Fprintf(g.stdout, "%s: taken; when is not recorded\n", name)
		case step.Done:
			fmt.Fprintf(
				g.stdout, "%s: taken %s by %s\n", name, step.At.UTC().Format("2006-01-02 15:04:05"),
				cmp.Or(step.Program, "an older darkmap"),
			)
		case step.Begun():
			fmt.Fprintf(
				g.stdout, "%s: begun: %d of %s have passed",
				name, step.Passed, bgp.Count(step.Statements, "statement"),
			)
			if step.Partitions > 0 {
				fmt.Fprintf(g.stdout, ", %d of %s are copied", step.Copied, bgp.Count(step.Partitions, "partition"))
			}
			fmt.Fprintln(g.stdout)
		default:
			fmt.Fprintf(g.stdout, "%s: not taken\n", name)
		}
	}
	if status.Holder != "" {
		fmt.Fprintf(g.stdout, "%s is changing the schema now\n", status.Holder)
	}
	for _, said := range append(status.Differences, status.Retention...) {
		fmt.Fprintln(g.stdout, said)
	}
	return nil
}

// migrator returns a migrator to this program's schema and the configured retention.
func (g *globals) migrator(server clickhouse.Server, cfg *configuration) clickhouse.Migrator {
	return clickhouse.Migrator{
		Server: server, Program: "darkmap " + version, Retention: &cfg.ClickHouse.Retention,
		Say: func(text string) { fmt.Fprintln(g.stderr, "darkmap:", text) },
	}
}

// prepareSchema brings a store to this program's schema and prints the repairs.
func (g *globals) prepareSchema(ctx context.Context, server clickhouse.Server, cfg *configuration) error {
	done, err := g.migrator(server, cfg).Migrate(ctx)
	for _, repair := range done.Repairs {
		fmt.Fprintln(g.stderr, "darkmap: the store's schema was mended:", repair)
	}
	if done.Steps == 0 { // a new or migrated store has the configured retention
		for _, said := range done.Retention {
			fmt.Fprintln(g.stderr, "darkmap:", said)
		}
	}
	return err
}
