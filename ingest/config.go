package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/follow"
	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/ingest/routeviews"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
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
	// RISLive is RIPE NCC's stream.
	RISLive rislive.Config `yaml:"rislive"`
	// RouteViews is the stream of RouteViews' collectors.
	RouteViews routeviews.Config `yaml:"routeviews"`
	// BMP is the station for routers.
	BMP bmp.Config `yaml:"bmp"`
	// Archives lets archives answer gaps: tables at the start, what was missed, the daily check. Without, darkmap learns from updates
	// alone. Default true.
	Archives bool `yaml:"archives"`
	// Archive says where they are.
	Archive archive.Config `yaml:"archive"`
	// Bootstrap says how they answer.
	Bootstrap bootstrap.Config `yaml:"bootstrap"`
	// Follow says what --follow plays.
	Follow follow.Config `yaml:"follow"`
}

// DefaultConfig is what stands at each field.
func DefaultConfig() Config {
	ris := rislive.DefaultConfig()
	late := follow.Config{Delay: 30 * time.Minute}
	for _, c := range ris.Collectors {
		late.Collectors = append(late.Collectors, bgp.ProjectRIS+"/"+c)
	}
	return Config{
		AheadBytes: 256 << 20, FillLimit: 2 * time.Hour, Stream: stream.DefaultConfig(), RISLive: ris, RouteViews: routeviews.DefaultConfig(),
		BMP: bmp.DefaultConfig(), Archives: true, Archive: archive.DefaultConfig(), Bootstrap: bootstrap.DefaultConfig(), Follow: late,
	}
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
	return errors.Join(append(faults, c.Follow.Validate(), c.Stream.Validate(), c.RISLive.Validate(), c.RouteViews.Validate(), c.BMP.Validate(), c.Archive.Validate(), c.Bootstrap.Validate())...)
}

// CheckLive reports what Validate cannot know, for who follows live sources or, with follow, archives: that there is nothing to watch,
// and files and folders that are named and not there.
func (c *Config) CheckLive(follow bool) error {
	var faults []error
	if !follow && !c.RISLive.Enabled && !c.RouteViews.Enabled && len(c.BMP.Routers) == 0 {
		faults = append(faults, errors.New("nothing to watch: want ingest.rislive.enabled, ingest.routeviews.enabled, or routers in ingest.bmp.routers"))
	}
	if c.Archives || follow {
		faults = append(faults, c.Archive.CheckFiles())
	}
	return errors.Join(append(faults, c.BMP.CheckFiles())...)
}
