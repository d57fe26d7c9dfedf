package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
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
