package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
)

// partsLook is how often watchParts checks whether the engine was restarted. The engine sets
// damaged parts aside when it starts.
const partsLook = time.Second

// furnish adds to an embedded store the reports on damaged parts, the door, and the wait for other
// processes' statements at the end. s.close ends everything that furnish starts.
func (s *store) furnish(ctx context.Context, g *globals, cfg *configuration, dir *datadir.Dir) error {
	e := s.engine
	g.sayParts(ctx, s.server, dir)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	if cfg.ClickHouse.Door.Listen != "" {
		door, err := clickhouse.OpenDoor(ctx, cfg.ClickHouse.Door, s.server, g.log)
		if err != nil {
			end()
			return err
		}
		at := door.Address()
		s.server.Door = &at
		running.Go(func() { // ends with life
			if err := door.Run(life); err != nil {
				g.log.Error("the store's door is closed", "err", err)
			}
		})
	}
	running.Go(func() { g.watchParts(life, e, dir) }) // ends with life
	closeEngine := s.close
	s.close = func() error {
		awaitGuests(ctx, g, dir)
		end()
		running.Wait()
		return closeEngine()
	}
	return nil
}

// watchParts reports the parts that were set aside when the engine was restarted.
func (g *globals) watchParts(ctx context.Context, e *clickhouse.Engine, dir *datadir.Dir) {
	t := time.NewTicker(partsLook)
	defer t.Stop()
	seen := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if state := e.State(); state.Up && state.Restarts != seen {
			seen = state.Restarts
			g.sayParts(ctx, e.Server(), dir)
		}
	}
}

// sayParts names the damaged parts that were set aside since the last call, each once.
func (g *globals) sayParts(ctx context.Context, server clickhouse.Server, dir *datadir.Dir) {
	parts, err := clickhouse.NewlySetAside(ctx, server, filepath.Join(dir.ClickHouse(), "set-aside.json"))
	for _, p := range parts {
		fmt.Fprintln(g.stderr, "darkmap:", p)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		g.log.Warn("it is not known whether damaged parts were set aside", "err", err)
	}
}
