package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/fetch"
	"github.com/darkmap/darkmap/internal/kafka"
)

// engineEnds is how often in a row the embedded engine may end before a run that has an end of its
// own gives up.
const engineEnds = 10

// store is a ClickHouse that a run writes to.
type store struct {
	server clickhouse.Server
	// engine is the embedded engine. It is nil for a configured server.
	engine *clickhouse.Engine
	// close ends everything that openStore has started.
	close func() error
}

// openStore returns the store, migrated: the configured server, else the embedded engine, which
// openStore starts. After giveUpAfter ends in a row the engine is not started again; 0 means never
// give up.
func openStore(
	ctx context.Context, g *globals, cfg *configuration, dir *datadir.Dir, giveUpAfter int,
) (*store, error) {
	s := &store{close: func() error { return nil }}
	if cfg.ClickHouse.Embedded() {
		e, err := startEngine(ctx, g, cfg, dir, giveUpAfter)
		if err != nil {
			return nil, err
		}
		s = &store{server: e.Server(), engine: e, close: e.Close}
		if err := s.furnish(ctx, g, cfg, dir); err != nil {
			return nil, errors.Join(err, s.close())
		}
	} else {
		var err error
		if s.server, err = cfg.ClickHouse.Server(); err != nil {
			return nil, usageError(err)
		}
	}
	if err := g.awaitSchema(ctx, s.server, cfg); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// startEngine starts the embedded engine on the data directory. It fetches the engine's library if
// that is missing. giveUpAfter has the meaning of clickhouse.EngineConfig.GiveUpAfter.
func startEngine(
	ctx context.Context, g *globals, cfg *configuration, dir *datadir.Dir, giveUpAfter int,
) (*clickhouse.Engine, error) {
	item, ok := fetch.Engine()
	if !ok {
		return nil, errors.New(
			"there is no embedded ClickHouse for this platform: set clickhouse.addresses, or use --no-store",
		)
	}
	library, err := fetch.Ensure(ctx, g.CacheDir, item, g.line)
	if err != nil {
		return nil, fmt.Errorf("%w (or set clickhouse.addresses, or use --no-store)", err)
	}
	return clickhouse.StartEngine(ctx, clickhouse.EngineConfig{
		Dir: dir.ClickHouse(), Library: filepath.Join(library, item.Files[0].Name),
		Database: cfg.ClickHouse.Database, MemoryBytes: cfg.ClickHouse.EngineMemoryBytes,
		GiveUpAfter: giveUpAfter, Log: g.log,
	})
}

// runRecord returns the contents of run.json for a run with a Kafka and, unless s is nil, a store.
func runRecord(command, dataset string, k kafka.Config, s *store) datadir.Run {
	r := datadir.Run{Command: command, Dataset: dataset, Kafka: k.Brokers, KafkaCredentials: k.Credentials()}
	if s != nil {
		r.ClickHouse = &s.server
	}
	return r
}

// engineStage makes the state of the embedded engine part of a run. The engine restarts itself. The
// stage fails when the engine gives up.
type engineStage struct{ engine *clickhouse.Engine }

// Run waits for the end of ctx, or of the engine.
func (s engineStage) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.engine.Done():
		return fmt.Errorf("%w; run it again", s.engine.Err())
	}
}

// Ready returns nil while the engine serves.
func (s engineStage) Ready() error { return s.engine.Ready() }

// engineLine describes the embedded engine of the instance that runs on the data directory, if the
// engine is down or was restarted. Otherwise the line is empty.
func engineLine(dataDir string) (string, error) {
	running, err := datadir.ReadRun(dataDir)
	if err != nil || running == nil || running.ClickHouse == nil || !running.ClickHouse.Embedded {
		return "", err
	}
	s, ok, err := clickhouse.ReadEngineState(filepath.Dir(running.ClickHouse.Socket))
	since := s.Since.UTC().Format("2006-01-02 15:04:05")
	switch {
	case err != nil || !ok || s.Up && s.Restarts == 0:
		return "", err
	case s.Up:
		return fmt.Sprintf("store: up since %s after %d restarts; it had ended: %s", since, s.Restarts, s.Why), nil
	}
	return fmt.Sprintf(
		"store: down since %s, it is being started again; rows wait in Kafka: %s", since, s.Why,
	), nil
}
