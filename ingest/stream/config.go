package stream

import (
	"errors"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config holds the times by which a feed is judged. They are the edge's: what is decided here travels as a record.
type Config struct {
	// Tick is the time between two ticks of a collector, and between two clock records. Default 1s.
	Tick time.Duration `yaml:"tick"`
	// StaleAfter is how far a collector's last message may lie behind the clock when it comes. Beyond it the collector is down
	// (stale) until it is within FreshWithin again. Defaults 60s and 10s.
	StaleAfter  time.Duration `yaml:"stale_after"`
	FreshWithin time.Duration `yaml:"fresh_within"`
	// FutureLimit is how far ahead of the clock a timestamp is believed (and, of a BMP router, how far off at all); beyond it the
	// time of reception stands in its place. Default 60s.
	FutureLimit time.Duration `yaml:"future_limit"`
	// Status is the time between two records of bgp.feeds that say how a stream stands; whoever takes a
	// collector over fills from the last one on. Default 10s.
	Status time.Duration `yaml:"status"`
	// SameMessage is how far apart the times of one message may be in a stream and in an archive: old archives have whole seconds.
	// A fill reaches beyond a gap's edges by as much: what it says again there changes nothing. Default 1s.
	SameMessage time.Duration `yaml:"same_message"`
}

// DefaultConfig is what stands at each field.
func DefaultConfig() Config {
	return Config{Tick: time.Second, StaleAfter: time.Minute, FreshWithin: 10 * time.Second, FutureLimit: time.Minute, Status: 10 * time.Second, SameMessage: time.Second}
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	faults := config.Durations("ingest.stream", *c, time.Millisecond)
	if c.FreshWithin > c.StaleAfter {
		faults = append(faults, errors.New("ingest.stream.fresh_within: is above stale_after"))
	}
	return errors.Join(faults...)
}
