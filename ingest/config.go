package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/stream"
)

// Config is the section ingest of the configuration.
type Config struct {
	// AheadBytes is how far a source that can be read again may be ahead of the slowest stage. Default 256 MiB.
	AheadBytes int64 `yaml:"ahead_bytes"`
	// FillLimit is how old a collector's last word may be for the messages since then to be fetched; beyond it its tables are
	// fetched again. Default 2h.
	FillLimit time.Duration `yaml:"fill_limit"`
	// Stream says how live feeds are judged.
	Stream stream.Config `yaml:"stream"`
	// BMP is the station for routers.
	BMP bmp.Config `yaml:"bmp"`
}

// DefaultConfig is what stands at each field.
func DefaultConfig() Config {
	return Config{AheadBytes: 256 << 20, FillLimit: 2 * time.Hour, Stream: stream.DefaultConfig(), BMP: bmp.DefaultConfig()}
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	var faults []error
	if c.AheadBytes < 1<<20 {
		faults = append(faults, errors.New("ingest.ahead_bytes: want at least 1048576"))
	}
	if c.FillLimit < 0 {
		faults = append(faults, fmt.Errorf("ingest.fill_limit: %v: want 0 or more", c.FillLimit))
	}
	return errors.Join(append(faults, c.Stream.Validate(), c.BMP.Validate())...)
}
