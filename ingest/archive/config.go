package archive

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// The locations of the public archives and of their index.
const (
	DefaultBroker       = "https://api.bgpkit.com/v3/broker"
	hostRIS             = "data.ris.ripe.net"
	hostRouteViews      = "archive.routeviews.org"
	hostRouteViewsOther = "routeviews.org"
)

// Config is the section ingest.archive: where archives are and how files are fetched.
type Config struct {
	// A folder that holds files as the archives lay them out: rrc00/2026.11/bview.20261124.0800.gz,
	// route-views3/bgpdata/2026.11/RIBS/rib.20261124.0800.bz2. Empty: not used.
	Directory string `yaml:"directory" want:"a folder of this machine, without index"`
	// A file or URL that lists files: collector, rib or updates, begin and end (RFC 3339), URL or
	// path relative to the index, separated by tabs. Empty: not used.
	Index string `yaml:"index"`
	// The BGPKIT Broker's API, used where neither directory nor index is given.
	Broker string `yaml:"broker" form:"a URL of http or https"`
	// The folder in which fetched files are kept. Empty: archive in the folder of fetched data
	// (--cache-dir).
	Cache string `yaml:"cache"`
	// The octets that the folder may hold; files in use are not removed for it.
	CacheBytes int64 `yaml:"cache_bytes" min:"1"`
	// The octets of the largest file that is fetched.
	FileBytes int64 `yaml:"file_bytes" min:"1"`
	// The files that are downloaded from one server at one time.
	Parallel int `yaml:"parallel" min:"1"`
	// How often a request is made before it is given up.
	Attempts int `yaml:"attempts" min:"1"`
	// How long a server may take to begin its answer.
	AnswerTimeout time.Duration `yaml:"answer_timeout" min:"1ms"`
	// How long a server may send nothing, or less than 64 KiB in 30 seconds.
	StallTimeout time.Duration `yaml:"stall_timeout" min:"1ms"`
	// The longest pause that a server may ask for (429 and 503).
	RetryAfterLimit time.Duration `yaml:"retry_after_limit" min:"1ms"`
	// Hosts that a server may redirect to beside itself, with all below them.
	RedirectHosts []string `yaml:"redirect_hosts"`
	// The User-Agent of every request.
	UserAgent string `yaml:"user_agent"`
}

// DefaultConfig returns the default of each field.
func DefaultConfig() Config {
	return Config{
		Broker: DefaultBroker, CacheBytes: 8 << 30, FileBytes: 2 << 30, Parallel: 4, Attempts: 5,
		AnswerTimeout: 30 * time.Second, StallTimeout: 30 * time.Second, RetryAfterLimit: 5 * time.Minute,
		RedirectHosts: []string{hostRIS, hostRouteViews, hostRouteViewsOther}, UserAgent: "darkmap",
	}
}

// Faults reports the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	if c.Directory != "" && (isRemote(c.Directory) || c.Index != "") {
		return []config.Fault{{Key: "directory", Value: c.Directory}}
	}
	if c.Broker == "" && c.Directory == "" && c.Index == "" {
		return []config.Fault{{
			Key: "broker", Value: c.Broker,
			Want: "a URL of http or https, where neither directory nor index is given",
		}}
	}
	return nil
}

// CheckFiles reports a folder or list of this machine that does not exist. It does not check remote
// locations.
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

// Where describes in words the place where files are searched.
func (c *Config) Where() string {
	switch {
	case c.Directory != "":
		return "the folder " + c.Directory
	case c.Index != "":
		return "the list " + Shown(c.Index)
	}
	return "the BGPKIT Broker at " + Shown(c.Broker)
}

// isRemote reports whether a location is a URL for HTTP.
func isRemote(location string) bool {
	u, err := url.Parse(location)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Shown returns a location in the form for messages: a URL without user, password and query, which
// may be secrets. The parameters of the Broker's own searches are not secret, and stay.
func Shown(location string) string {
	u, err := url.Parse(location)
	if err != nil || !isRemote(location) {
		return config.WithoutSecrets(location)
	}
	query := u.Query()
	u.User, u.Fragment, u.RawQuery = nil, "", ""
	switch {
	case len(query) == 0:
		return u.String()
	case query.Has("ts_start") && query.Has("data_type") && strings.HasSuffix(u.Path, "/search"):
		for name := range query {
			if !slices.Contains(searched[:], name) {
				query.Del(name)
			}
		}
		return u.String() + "?" + query.Encode()
	}
	return u.String() + "?..."
}

// Server returns the host that a file is fetched from. It is empty for a file of this machine.
func Server(location string) string {
	if u, err := url.Parse(location); err == nil && isRemote(location) {
		return u.Host
	}
	return ""
}

// local returns the path of a location that is not remote.
func local(location string) string {
	return filepath.FromSlash(strings.TrimPrefix(location, "file://"))
}

// NewFinder returns the Finder for cfg: the directory, else the index, else the Broker. log
// receives the lines of an index that cannot be read. It may be nil.
func NewFinder(cfg Config, log *slog.Logger) (Finder, error) {
	if err := config.Validate(&cfg); err != nil {
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
