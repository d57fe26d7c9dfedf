package ingest

import (
	"errors"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/follow"
	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/ingest/routeviews"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.
type Config struct {
	// How many octets a source that can be read again may be ahead of the slowest stage.
	AheadBytes int64 `yaml:"ahead_bytes" min:"1048576"`
	// If the last record of a collector is not older than this, the missed messages are fetched;
	// else its tables. off: always the tables.
	FillLimit config.DurationOrOff `yaml:"fill_limit" min:"1ms"`
	// Time limits for live feeds.
	Stream stream.Config `yaml:"stream"`
	// RIPE NCC's stream.
	RISLive rislive.Config `yaml:"rislive"`
	// The stream of RouteViews' collectors.
	RouteViews routeviews.Config `yaml:"routeviews"`
	// The station for routers.
	BMP bmp.Config `yaml:"bmp"`
	// Whether archives answer gaps: tables at the start, messages that were missed, the daily
	// check. Without, darkmap learns from updates alone.
	Archives bool `yaml:"archives"`
	// Where archives are.
	Archive archive.Config `yaml:"archive"`
	// Waiting for archives.
	Bootstrap bootstrap.Config `yaml:"bootstrap"`
	// Collectors and delay of --follow.
	Follow follow.Config `yaml:"follow"`
}

// DefaultConfig returns the default of each field.
func DefaultConfig() Config {
	ris := rislive.DefaultConfig()
	late := follow.DefaultConfig()
	for _, c := range ris.Collectors {
		late.Collectors = append(late.Collectors, bgp.ProjectRIS+"/"+c)
	}
	return Config{
		AheadBytes: 256 << 20, FillLimit: config.DurationOrOff(2 * time.Hour), Stream: stream.DefaultConfig(),
		RISLive: ris, RouteViews: routeviews.DefaultConfig(),
		BMP: bmp.DefaultConfig(), Archives: true, Archive: archive.DefaultConfig(),
		Bootstrap: bootstrap.DefaultConfig(), Follow: late,
	}
}

// CheckLive reports faults that config.Validate cannot find. With follow it checks for archives
// alone, else for live sources. The faults are: no source to follow, and configured files and
// folders that do not exist.
func (c *Config) CheckLive(follow bool) error {
	var faults []error
	if !follow && !c.RISLive.Enabled && !c.RouteViews.Enabled && len(c.BMP.Routers) == 0 {
		faults = append(faults,
			errors.New("nothing to watch: want ingest.rislive.enabled, ingest.routeviews.enabled, "+
				"or routers in ingest.bmp.routers"))
	}
	if c.Archives || follow {
		faults = append(faults, c.Archive.CheckFiles())
	}
	return errors.Join(append(faults, c.BMP.CheckFiles())...)
}
