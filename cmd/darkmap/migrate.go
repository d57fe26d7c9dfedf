package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// migrateCmd brings the store to this program's schema.
type migrateCmd struct{}

// Run migrates, mends what was missing or different, and says what it did. It is the command that makes a store where there is none,
// which it says first.
func (migrateCmd) Run(ctx context.Context, g *globals) (err error) {
	s := &session{g: g, write: true, create: true}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	l, err := s.lease(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	if s.made {
		fmt.Fprintf(g.stderr, "darkmap: nothing was stored in %s: a new store is made there\n", s.own.dir.Path())
	}
	done, err := clickhouse.Migrate(ctx, l.server)
	fmt.Fprintf(g.stdout, "%d steps\n", done.Steps) // errors of writing show below
	for _, repair := range done.Repairs {
		if _, err := fmt.Fprintln(g.stdout, repair); err != nil {
			return err
		}
	}
	return err
}

// prepareSchema brings a store to this program's schema and says what was mended.
func (g *globals) prepareSchema(ctx context.Context, server clickhouse.Server) error {
	done, err := clickhouse.Migrate(ctx, server)
	for _, repair := range done.Repairs {
		fmt.Fprintln(g.stderr, "darkmap: the store's schema was mended:", repair)
	}
	return err
}
