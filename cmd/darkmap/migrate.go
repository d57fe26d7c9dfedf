package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// migrateCmd brings the store to this program's schema.
type migrateCmd struct{}

// Run migrates and says how many steps it took.
func (migrateCmd) Run(ctx context.Context, g *globals) (err error) {
	server, stop, err := g.reachStore(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	migrated, err := clickhouse.Migrate(ctx, server)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.stdout, "%d steps\n", migrated.Steps)
	return err
}
