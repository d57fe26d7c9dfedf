package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/enrich/lookup"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// lookupsLook is how often up checks whether the geography or the owners have changed. A failed
// fill is tried again then.
const lookupsLook = 30 * time.Second

// lookups keeps the names in the store (the dictionaries) equal to those of the sources.
type lookups struct {
	server  clickhouse.Server
	sources *enrich.Sources
	// simulated marks sources that are made up.
	simulated bool
	log       *slog.Logger
	// say is called with messages on waits, and on names that appear later. Nil: no messages.
	say func(string)
}

// fill writes the names of the sources into the store, unless the store has them already.
func (l lookups) fill(ctx context.Context) ([]clickhouse.FilledLookup, error) {
	places, owners := l.sources.Snapshots()
	filled, err := clickhouse.FillLookups(
		ctx, l.server, "darkmap "+version+", filling in names",
		lookup.Of(places, owners, l.simulated), l.say,
	)
	if err != nil {
		return filled, fmt.Errorf("putting names of ASes, countries and regions into the store: %w", err)
	}
	return filled, nil
}

// Run fills the store at once, and again when the sources have changed, until ctx ends. After a
// failure the store keeps its old names, and Run tries again.
func (l lookups) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookupsLook)
	defer ticker.Stop()
	for held := ""; ; {
		if now := l.sources.Fingerprint(); now != held {
			filled, err := l.fill(ctx)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				l.log.Warn("the store keeps its old names of ASes, countries and regions", "err", err)
			default:
				held = now
			}
			for _, f := range filled {
				l.log.Info("names are in the store", "table", f.Table, "rows", f.Rows)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Ready returns nil, because no stage waits for names.
func (l lookups) Ready() error { return nil }

// begin fills the store in the background of a run that ends. open returns the sources. The
// returned function waits for the end of the fill, and prints its error.
func (l lookups) begin(
	ctx context.Context, g *globals, open func() (*enrich.Sources, error),
) (wait func()) {
	done := make(chan error, 1)
	go func() { // ends with ctx, or when all names are written
		var err error
		if l.sources, err = open(); err == nil {
			_, err = l.fill(ctx)
		}
		done <- err
	}()
	return func() {
		if err := <-done; err != nil && ctx.Err() == nil {
			fmt.Fprintln(g.stderr, "darkmap:", err)
		}
	}
}

// fillLookups fills the store at once, from the configured files, else from data that were fetched
// before. It fetches nothing.
func (g *globals) fillLookups(
	ctx context.Context, server clickhouse.Server, cfg *configuration,
) ([]clickhouse.FilledLookup, error) {
	missing, err := g.chooseHere(cfg)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		fmt.Fprintf(
			g.stderr,
			"darkmap: the store gets no names of ASes or places of prefixes from %s: `darkmap fetch` brings it\n",
			strings.Join(missing, ", "),
		)
	}
	sources, err := enrich.OpenSources(cfg.Enrich, g.log)
	if err != nil {
		return nil, err
	}
	say := func(text string) { fmt.Fprintln(g.stderr, "darkmap:", text) }
	return lookups{server: server, sources: sources, log: g.log, say: say}.fill(ctx)
}
