package ingest

import "errors"

// Config is the section ingest of the configuration.
type Config struct {
	// AheadBytes is how far a source that can be read again may be ahead of the slowest stage. Default 256 MiB.
	AheadBytes int64 `yaml:"ahead_bytes"`
}

// DefaultConfig is what stands at each field.
func DefaultConfig() Config { return Config{AheadBytes: 256 << 20} }

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	if c.AheadBytes < 1<<20 {
		return errors.New("ingest.ahead_bytes: want at least 1048576")
	}
	return nil
}
