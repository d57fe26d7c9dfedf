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

// store is a ClickHouse that a run writes to.
type store struct {
	server clickhouse.Server
	// ended is closed when the embedded engine has ended; nil for a configured server.
	ended <-chan struct{}
	// close ends what was started.
	close func() error
}

// openStore returns the store, migrated: the configured one, else the embedded engine, which it starts.
func openStore(ctx context.Context, g *globals, cfg *configuration, dir *datadir.Dir) (*store, error) {
	s := &store{close: func() error { return nil }}
	if cfg.ClickHouse.Embedded() {
		e, err := startEngine(ctx, g, cfg, dir)
		if err != nil {
			return nil, err
		}
		s = &store{server: e.Server(), ended: e.Done(), close: e.Close}
		if err := s.furnish(ctx, g, cfg, dir, e); err != nil {
			return nil, errors.Join(err, s.close())
		}
	} else {
		var err error
		if s.server, err = cfg.ClickHouse.Server(); err != nil {
			return nil, usageError(err)
		}
	}
	if err := g.prepareSchema(ctx, s.server); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
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
