package stream

import (
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.stream: the time limits by which ingest judges a feed. Only ingest
// applies them. Each decision travels as a record.
type Config struct {
	// The time between two ticks of a collector, and between two clock records.
	TickInterval time.Duration `yaml:"tick_interval" min:"1ms"`
	// How far a collector's message may be behind the clock when it comes. Beyond it the collector
	// is down (stale).
	StaleTimeout time.Duration `yaml:"stale_timeout" min:"1ms"`
	// A stale collector is up again once it is as near to the clock as this.
	FreshWithin time.Duration `yaml:"fresh_within" min:"1ms"`
	// How far ahead of the clock a timestamp is believed (of a BMP router also how far behind).
	// Beyond it the time of reception is used instead.
	FutureLimit time.Duration `yaml:"future_limit" min:"1ms"`
	// The time between two records of bgp.feeds with the status of a stream. A member that takes
	// over a collector fills from the last one on.
	StatusInterval time.Duration `yaml:"status_interval" min:"1ms"`
	// How far apart the times of one message may be in a stream and in an archive: old archives
	// have whole seconds. A fill reaches beyond the edges of a gap by as much.
	SameMessage time.Duration `yaml:"same_message" min:"1ms"`
}

// DefaultConfig returns the default of each field.
func DefaultConfig() Config {
	return Config{
		TickInterval: time.Second, StaleTimeout: time.Minute, FreshWithin: 10 * time.Second,
		FutureLimit: time.Minute, StatusInterval: 10 * time.Second, SameMessage: time.Second,
	}
}

// Faults reports the faults that struct tags cannot express: FreshWithin above StaleTimeout.
func (c Config) Faults() []config.Fault {
	if c.FreshWithin > c.StaleTimeout {
		return []config.Fault{{Key: "fresh_within", Value: c.FreshWithin, Want: "at most stale_timeout"}}
	}
	return nil
}
