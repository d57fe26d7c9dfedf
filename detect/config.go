package detect

import (
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/detect/clock"
)

// Config of the stage's shell: how it reads and commits. What it decides by is the operator's configuration.
type Config struct {
	// Instance is this process among those of the stage; it stays over restarts and no two share one. Default "0".
	Instance string `yaml:"instance"`
	// PollMaxRecords bounds one transaction. Default 10,000; 0 is the default.
	PollMaxRecords int `yaml:"poll_max_records"`
	// BufferMaxBytes bounds the records that wait for their window, as encoded. Default 16 MiB; 0 is the default.
	BufferMaxBytes int `yaml:"buffer_max_bytes"`
	// Drain bounds the last transaction when the stage is told to end. Default 10s; 0 is the default.
	Drain time.Duration `yaml:"drain"`
	// VanishedAfter is how far a collector's clock may lie behind its partition's before the collector counts as down: whoever
	// read it is gone. It is up again once it is within BackWithin. Both go by the times in the records and decide what is found:
	// all instances have the same. Defaults 60s and 10s; 0 is the default.
	VanishedAfter time.Duration `yaml:"vanished_after"`
	BackWithin    time.Duration `yaml:"back_within"`
}

const (
	defaultPollRecords = 10_000
	defaultBufferBytes = 16 << 20
	defaultDrain       = 10 * time.Second
)

// DefaultConfig is for a single process.
func DefaultConfig() Config {
	return Config{Instance: "0"}.withDefaults()
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	var faults []error
	if c.Instance == "" {
		faults = append(faults, errors.New("detect.instance: is empty"))
	}
	if c.PollMaxRecords < 0 || c.PollMaxRecords > 1_000_000 {
		faults = append(faults, fmt.Errorf("detect.poll_max_records: %d: want 0 to 1000000", c.PollMaxRecords))
	}
	if c.BufferMaxBytes < 0 {
		faults = append(faults, fmt.Errorf("detect.buffer_max_bytes: %d: want 0 or more", c.BufferMaxBytes))
	}
	if c.Drain < 0 {
		faults = append(faults, fmt.Errorf("detect.drain: %v: want 0 or more", c.Drain))
	}
	if c.VanishedAfter < 0 || c.BackWithin < 0 {
		faults = append(faults, fmt.Errorf("detect.vanished_after, detect.back_within: %v, %v: want 0 or more", c.VanishedAfter, c.BackWithin))
	}
	if d := c.withDefaults(); d.BackWithin > d.VanishedAfter {
		faults = append(faults, errors.New("detect.back_within: is above vanished_after"))
	}
	return errors.Join(faults...)
}

// withDefaults replaces zeros.
func (c Config) withDefaults() Config {
	if c.PollMaxRecords == 0 {
		c.PollMaxRecords = defaultPollRecords
	}
	if c.BufferMaxBytes == 0 {
		c.BufferMaxBytes = defaultBufferBytes
	}
	if c.Drain == 0 {
		c.Drain = defaultDrain
	}
	if c.VanishedAfter == 0 {
		c.VanishedAfter = clock.DefaultVanished
	}
	if c.BackWithin == 0 {
		c.BackWithin = clock.DefaultBack
	}
	return c
}
