package routeviews

import (
	"regexp"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.routeviews: the stream of RouteViews' collectors.
type Config struct {
	// Whether the source is followed.
	Enabled bool `yaml:"enabled"`
	// The brokers of RouteViews' cluster.
	Brokers []string `yaml:"brokers" form:"host:port"`
	// The topics that are followed. They have the form routeviews.<collector>.<peer ASN>.bmp_raw.
	Topics string `yaml:"topics" min:"1" want:"a regular expression"`
	// The consumer group's name on that cluster, which the whole world shares: no other
	// installation may have the same. Empty: darkmap- and the installation's id.
	Group string `yaml:"group"`
	// Where a collector begins that was never followed. Topics that appear later beside known ones
	// are read from their start.
	Start string `yaml:"start" min:"1" oneof:"end start"`
	// The time between two looks for new topics.
	RefreshInterval time.Duration `yaml:"refresh_interval" min:"1ms"`
	// The time between two commits of offsets.
	CommitInterval time.Duration `yaml:"commit_interval" min:"1ms"`
	// How long the cluster may be silent (it answers heartbeats every 2 s) before the collectors'
	// clocks stop.
	SuspendTimeout time.Duration `yaml:"suspend_timeout" min:"1ms"`
	// How far a message's own timestamp may be from that of the collector's header. Beyond it the
	// header's counts: a router's table carries the times at which its routes were learned.
	TimestampSlack time.Duration `yaml:"timestamp_slack" min:"1ms"`
	// The ASes of the collectors themselves. They are first in every path and are stripped.
	CollectorASNs []uint32 `yaml:"collector_asns"`
}

// DefaultConfig returns the configuration for the public stream.
func DefaultConfig() Config {
	return Config{
		Enabled: true, Brokers: []string{"stream.routeviews.org:9092"}, Topics: `^routeviews\..+\.bmp_raw$`,
		Start:           startEnd,
		RefreshInterval: 20 * time.Second, CommitInterval: 5 * time.Second, SuspendTimeout: 15 * time.Second,
		TimestampSlack: time.Minute,
		CollectorASNs:  []uint32{6447},
	}
}

const (
	startEnd   = "end"
	startStart = "start"
)

// Faults reports the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if c.Enabled && len(c.Brokers) == 0 {
		faults = append(faults, config.Fault{
			Key: "brokers", Value: c.Brokers, Want: "at least one entry, or ingest.routeviews.enabled: false",
		})
	}
	if _, err := regexp.Compile(c.Topics); err != nil {
		faults = append(faults, config.Fault{Key: "topics", Value: c.Topics})
	}
	return faults
}
