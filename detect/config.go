package detect

import (
	"errors"
	"fmt"
	"time"
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
}

const (
	defaultPollRecords = 10_000
	defaultBufferBytes = 16 << 20
	defaultDrain       = 10 * time.Second
)

// DefaultConfig is for a single process.
func DefaultConfig() Config {
	return Config{Instance: "0", PollMaxRecords: defaultPollRecords, BufferMaxBytes: defaultBufferBytes, Drain: defaultDrain}
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
	return c
}
