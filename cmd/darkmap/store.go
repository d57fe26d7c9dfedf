package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/fetch"
)

// openStore returns the store, migrated: the configured one, else the embedded engine, which it starts.
func openStore(ctx context.Context, g *globals, cfg *configuration, dir *datadir.Dir) (s clickhouse.Server, stop func() error, err error) {
	stop = func() error { return nil }
	if cfg.ClickHouse.Embedded() {
		e, err := startEngine(ctx, g, cfg, dir)
		if err != nil {
			return s, nil, err
		}
		s, stop = e.Server(), e.Close
	} else if s, err = cfg.ClickHouse.Server(); err != nil {
		return s, nil, usageError(err)
	}
	if _, err := clickhouse.Migrate(ctx, s); err != nil {
		return s, nil, errors.Join(err, stop())
	}
	return s, stop, nil
}

// startEngine starts the embedded engine on the data directory, fetching its library if it has to.
func startEngine(ctx context.Context, g *globals, cfg *configuration, dir *datadir.Dir) (*clickhouse.Engine, error) {
	item, ok := fetch.Engine()
	if !ok {
		return nil, errors.New("there is no embedded ClickHouse for this platform: set clickhouse.addresses, or use --no-store")
	}
	library, err := fetch.Ensure(ctx, g.CacheDir, item, g.stderr)
	if err != nil {
		return nil, fmt.Errorf("%w (or set clickhouse.addresses, or use --no-store)", err)
	}
	return clickhouse.StartEngine(ctx, clickhouse.EngineConfig{
		Dir: dir.ClickHouse(), Library: filepath.Join(library, item.Files[0].Name), Database: cfg.ClickHouse.Database, MemoryBytes: cfg.ClickHouse.EngineMemoryBytes,
	})
}
