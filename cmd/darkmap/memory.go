package main

import "github.com/darkmap/darkmap/internal/memlimit"

const (
	// A run of its own stays below half a gigabyte unless it needs more, as one of tens of thousands of outages does.
	runLeast, runSpare = 384 << 20, 50
	// up has the detector of the whole Internet, ClickHouse's engine beside it, and everything else.
	upLeast, upSpare = 1200 << 20, 50
	// A detector of its own: what it takes is close to what it uses.
	detectLeast, detectSpare = 256 << 20, 15
)

// memoryLimit is the limit of a process: detect.memory, or one that follows what is in use, sparePercent more and least octets at least.
func (c *configuration) memoryLimit(least, sparePercent int64) memlimit.Limit {
	return memlimit.Limit{Fixed: int64(c.Detect.Memory), Key: "detect.memory", Least: least, SparePercent: sparePercent}
}
