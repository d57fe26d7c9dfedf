// Package memlimit sets the soft memory limit of the process: the size from which on the garbage
// collector runs more often (GOMEMLIMIT, https://go.dev/doc/gc-guide#Memory_limit). Without a limit
// a process takes twice the memory that it uses.
package memlimit

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// variable is the environment variable that overrides every other limit. The runtime reads it.
	variable = "GOMEMLIMIT"
	// heapLive is the metric of the memory in use at the last garbage collection, in octets.
	heapLive = "/gc/heap/live:bytes"
	// every is the interval at which the metric is read.
	every = 250 * time.Millisecond
	// slight: a new limit within 1/slight of the present one is not set, because each change stops
	// the process for a moment.
	slight = 32
	// fullPercent is the percentage of a fixed limit in use above which the limit is too low: the
	// collector then takes up to half of the CPU time.
	fullPercent = 90
)

// Limit is the soft memory limit of a process.
type Limit struct {
	// Fixed is the limit, in octets. 0: the limit follows the memory in use.
	Fixed int64
	// Key is the configuration key of Fixed, for the log.
	Key string
	// Least is the minimum of a following limit, in octets. SparePercent is its excess over the
	// memory in use.
	Least, SparePercent int64
}

// Hold sets the limit, and lets it follow the memory in use until stop is called or ctx ends. It
// logs the limit at the start, and once if a fixed limit is too low.
func (l Limit) Hold(ctx context.Context, log *slog.Logger) (stop func()) {
	if set := os.Getenv(variable); set != "" {
		log.Info("memory limit", "from", variable, "limit", set)
		return func() {}
	}
	limit := l.of(0)
	if debug.SetMemoryLimit(limit); l.Fixed > 0 {
		log.Info("memory limit", "from", l.Key, "limit_bytes", limit)
	} else {
		log.Info("memory limit", "from", "what is in use", "spare_percent", l.SparePercent, "least_bytes", limit)
	}
	ctx, end := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() { l.follow(ctx, log, limit) }) // ends with ctx
	return func() {
		end()
		following.Wait()
	}
}

// follow lets the limit follow the memory in use until ctx ends.
func (l Limit) follow(ctx context.Context, log *slog.Logger, limit int64) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	warned := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		live := inUse()
		if l.full(live) && !warned {
			warned = true
			log.Warn("the memory limit is too low: the garbage collector slows the process down",
				"key", l.Key, "limit_bytes", limit, "in_use_bytes", live)
		}
		if next := l.of(live); differs(next, limit) {
			limit = next
			debug.SetMemoryLimit(limit)
		}
	}
}

// of returns the limit for live octets in use.
func (l Limit) of(live int64) int64 {
	if l.Fixed > 0 {
		return l.Fixed
	}
	return max(l.Least, live+live/100*l.SparePercent)
}

// full reports whether a fixed limit is too low for live octets.
func (l Limit) full(live int64) bool { return l.Fixed > 0 && live > l.Fixed/100*fullPercent }

// differs reports whether two limits differ by more than 1/slight.
func differs(a, b int64) bool { return max(a, b)-min(a, b) > b/slight }

// inUse returns the memory in use at the last garbage collection, in octets.
func inUse() int64 {
	live := []metrics.Sample{{Name: heapLive}}
	metrics.Read(live)
	return int64(live[0].Value.Uint64())
}
