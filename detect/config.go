package detect

import (
	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/core"
)

// Config is the section detect.
type Config struct {
	// What it decides by.
	Core core.Config `yaml:",inline"`
	// The most records of one transaction.
	PollMaxRecords int `yaml:"poll_max_records" min:"1" max:"1000000"`
	// The most octets, as encoded, of records that wait for their minute.
	BufferMaxBytes int `yaml:"buffer_max_bytes" min:"1"`
}

// DefaultConfig is what docs/detection.md says.
func DefaultConfig() Config {
	return Config{Core: core.DefaultConfig(), PollMaxRecords: 10_000, BufferMaxBytes: clock.DefaultBufferBytes}
}
