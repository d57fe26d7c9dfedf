package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Where the public archives and their index are.
const (
	DefaultBroker       = "https://api.bgpkit.com/v3/broker"
	hostRIS             = "data.ris.ripe.net"
	hostRouteViews      = "archive.routeviews.org"
	hostRouteViewsOther = "routeviews.org"
)

// Config says where archives are and how files are fetched.
type Config struct {
	// Directory is a folder that holds files as the archives lay them out: rrc00/2026.11/bview.20261124.0800.gz,
	// route-views3/bgpdata/2026.11/RIBS/rib.20261124.0800.bz2. Empty: not used.
	Directory string `yaml:"directory"`
	// Index is a file or URL that lists files: collector, rib or updates, begin and end (RFC 3339), URL or path relative to the
	// index, separated by tabs. Empty: not used. A Directory comes first.
	Index string `yaml:"index"`
	// Broker is the BGPKIT Broker's API, used where neither of the two is given. Default https://api.bgpkit.com/v3/broker.
	Broker string `yaml:"broker"`
	// Cache is the folder in which fetched files are kept. Default: chosen by the command.
	Cache string `yaml:"cache"`
	// CacheBytes is how much the folder may hold; files in use are not removed for it. Default 8 GiB.
	CacheBytes int64 `yaml:"cache_bytes"`
	// FileBytes is the largest file that is fetched. Default 2 GiB.
	FileBytes int64 `yaml:"file_bytes"`
	// Parallel is how many files are downloaded at once. Default 4.
	Parallel int `yaml:"parallel"`
	// Attempts is how often a request is made before it is given up. Default 5.
	Attempts int `yaml:"attempts"`
	// AnswerAfter is how long a server may take to begin its answer, Stalled how long it may send nothing, or less than 64 KiB in 30
	// seconds. Defaults 30s and 30s.
	AnswerAfter time.Duration `yaml:"answer_after"`
	Stalled     time.Duration `yaml:"stalled"`
	// RetryAfter caps how long a server may ask to be left alone (429 and 503). Default 5m.
	RetryAfter time.Duration `yaml:"retry_after"`
	// RedirectHosts are hosts that a server may send us to beside itself, with all below them. Default: RIS' and RouteViews'.
	RedirectHosts []string `yaml:"redirect_hosts"`
	// UserAgent is sent with every request. Default darkmap.
	UserAgent string `yaml:"user_agent"`
}

// DefaultConfig is what stands at each field.
func DefaultConfig() Config {
	return Config{
		Broker: DefaultBroker, CacheBytes: 8 << 30, FileBytes: 2 << 30, Parallel: 4, Attempts: 5,
		AnswerAfter: 30 * time.Second, Stalled: 30 * time.Second, RetryAfter: 5 * time.Minute,
		RedirectHosts: []string{hostRIS, hostRouteViews, hostRouteViewsOther}, UserAgent: "darkmap",
	}
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	faults := config.Durations("ingest.archive", *c, time.Millisecond)
	for _, f := range []struct {
		name  string
		value int64
	}{{"cache_bytes", c.CacheBytes}, {"file_bytes", c.FileBytes}, {"parallel", int64(c.Parallel)}, {"attempts", int64(c.Attempts)}} {
		if f.value < 1 {
			faults = append(faults, fmt.Errorf("ingest.archive.%s: %d: want at least 1", f.name, f.value))
		}
	}
	if c.Directory == "" && c.Index == "" && !isRemote(c.Broker) {
		faults = append(faults, fmt.Errorf("ingest.archive.broker: %q: want an http or https URL", c.Broker))
	}
	if c.Directory != "" && isRemote(c.Directory) {
		faults = append(faults, errors.New("ingest.archive.directory: is a URL; an index may be one"))
	}
	return errors.Join(faults...)
}

// CheckFiles reports a folder or list of this machine that is not there. What is remote is not asked.
func (c *Config) CheckFiles() error {
	switch {
	case c.Directory != "":
		info, err := os.Stat(c.Directory)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no folder", c.Directory)
		}
		if err != nil {
			return fmt.Errorf("ingest.archive.directory: %w", err)
		}
	case c.Index != "" && !isRemote(c.Index):
		info, err := os.Stat(local(c.Index))
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s is a folder", c.Index)
		}
		if err != nil {
			return fmt.Errorf("ingest.archive.index: %w", err)
		}
	}
	return nil
}

// isRemote reports whether a location is a URL that is asked over HTTP.
func isRemote(location string) bool {
	u, err := url.Parse(location)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// local returns the path of a location that is not remote.
func local(location string) string {
	return filepath.FromSlash(strings.TrimPrefix(location, "file://"))
}

// NewFinder returns the finder that cfg asks for: the directory, else the index, else the Broker. log is told what of an index cannot
// be read; it may be nil.
func NewFinder(cfg Config, log *slog.Logger) (Finder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	switch {
	case cfg.Directory != "":
		return NewDirectory(cfg.Directory), nil
	case cfg.Index != "":
		return NewIndex(cfg.Index, cfg, log), nil
	}
	return NewBroker(cfg.Broker, cfg), nil
}
