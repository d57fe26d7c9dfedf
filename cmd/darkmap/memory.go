package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// softMemory is from where on the collector of garbage works harder: a run stays below half a gigabyte.
	softMemory = 384 << 20
	// heapLive is what the last collection of garbage found in use.
	heapLive = "/gc/heap/live:bytes"
	// memoryEvery is how often that is asked for.
	memoryEvery = time.Second
)

// limitMemory sets the soft limit until ctx ends. Where a run needs more than that, as one of tens of thousands of outages does, the limit
// follows: the collector would run without end for what it cannot free. GOMEMLIMIT in the environment goes before it.
func limitMemory(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(softMemory)
	debug.SetMemoryLimit(limit)
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	live := []metrics.Sample{{Name: heapLive}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(live)
		if next := memoryLimit(int64(live[0].Value.Uint64())); next > limit {
			limit = next
			debug.SetMemoryLimit(limit)
		}
	}
}

// memoryLimit is the limit for what is in use, both in octets: at least half as much again is left for garbage.
func memoryLimit(live int64) int64 { return max(softMemory, live+live/2) }
