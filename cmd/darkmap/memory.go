package main

import "github.com/darkmap/darkmap/internal/memlimit"

const (
	// A run of its own uses less than half a gigabyte unless it needs more, as a run with tens of
	// thousands of outages does.
	runLeast, runSpare = 384 << 20, 50
	// up holds the detector of the whole Internet, ClickHouse's engine and all other stages.
	upLeast, upSpare = 1200 << 20, 50
	// A detector process of its own has a limit close to its use.
	detectLeast, detectSpare = 256 << 20, 15
)

// memoryLimit returns the memory limit of a process: detect.memory, or a limit that follows the
// memory in use: sparePercent more than that, and at least least octets.
func (c *configuration) memoryLimit(least, sparePercent int64) memlimit.Limit {
	return memlimit.Limit{
		Fixed: int64(c.Detect.Memory), Key: "detect.memory", Least: least, SparePercent: sparePercent,
	}
}
