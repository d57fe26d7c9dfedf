package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/internal/retry"
)

// sayAfter is how long a wait may last before it is reported.
const sayAfter = time.Second

// openDataDir opens the data directory, and prints which process it waits for.
func (g *globals) openDataDir() (*datadir.Dir, error) {
	return datadir.OpenTelling(g.DataDir, func(path, who string, limit time.Duration) {
		fmt.Fprintf(
			g.stderr, "darkmap: waiting for the data directory %s: darkmap %s has it; for %v at most\n",
			path, cmp.Or(who, "in another process"), limit.Round(time.Second),
		)
	})
}

// tellBroker prints in the background, after a second and then every minute, that the configured
// brokers do not answer. It ends when they answer, when ctx ends or when stop is called. It does
// nothing for a broker of this process.
func (g *globals) tellBroker(ctx context.Context, cfg kafka.Config) (stop func()) {
	if len(cfg.Brokers) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended, answered := make(chan struct{}), make(chan error, 1)
	go func() { answered <- kafka.Await(ctx, cfg, g.log) }() // ends with ctx, or with an answer
	go func() {                                              // likewise
		defer close(ended)
		began, said := time.Now(), false
		t := time.NewTimer(sayAfter)
		defer t.Stop()
		for {
			select {
			case err := <-answered:
				if said && err == nil {
					fmt.Fprintf(g.stderr, "darkmap: Kafka answers, after %v\n", time.Since(began).Round(time.Second))
				}
				return
			case <-t.C:
				said = true
				fmt.Fprintf(
					g.stderr, "darkmap: waiting for Kafka at %s, which does not answer; until it does: Ctrl-C ends it\n",
					strings.Join(cfg.Brokers, ", "),
				)
				t.Reset(remindEvery)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// awaitSchema calls prepareSchema until ClickHouse answers. After a second and then every minute it
// prints that it waits, and why. It returns the first error that is no sign of an absent server, or
// ctx.Err(). The embedded engine answers as long as it runs, so there nothing is waited for.
func (g *globals) awaitSchema(ctx context.Context, server clickhouse.Server, cfg *configuration) error {
	began := time.Now()
	next, said := began.Add(sayAfter), false
	for wait := (retry.Backoff{}); ; {
		err := g.prepareSchema(ctx, server, cfg)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (server.Embedded || !clickhouse.Unreachable(err)):
			return err
		case err == nil && said:
			fmt.Fprintf(g.stderr, "darkmap: ClickHouse answers, after %v\n", now.Sub(began).Round(time.Second))
			return nil
		case err == nil:
			return nil
		case !now.Before(next):
			next, said = now.Add(remindEvery), true
			fmt.Fprintf(
				g.stderr, "darkmap: waiting for ClickHouse at %s: %s; until it answers: Ctrl-C ends it\n",
				strings.Join(server.Addresses, ", "), neterror.Why(err),
			)
		}
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}
