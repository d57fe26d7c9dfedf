package routeviews

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.routeviews of the configuration.
type Config struct {
	// Enabled follows the stream. Default true.
	Enabled bool `yaml:"enabled"`
	// Brokers of RouteViews' cluster, host:port. Default stream.routeviews.org:9092.
	Brokers []string `yaml:"brokers"`
	// Topics is a regular expression of the topics that are followed; they have the form routeviews.<collector>.<peer
	// ASN>.bmp_raw. Default ^routeviews\..+\.bmp_raw$, all of them.
	Topics string `yaml:"topics"`
	// Group is the consumer group's name on that cluster, which the whole world shares: no other installation may have the same.
	// Default empty: darkmap- and the installation's id.
	Group string `yaml:"group"`
	// Start is where a collector begins that was never followed: end (default) or start. Topics that appear later beside known
	// ones are read from their start.
	Start string `yaml:"start"`
	// Refresh is the time between two looks for new topics. Default 20s.
	Refresh time.Duration `yaml:"refresh"`
	// Commit is the time between two commits of offsets. Default 5s.
	Commit time.Duration `yaml:"commit"`
	// SuspendAfter is how long the cluster may be silent (it answers heartbeats every 2 s) before the collectors' clocks stop.
	// Default 15s.
	SuspendAfter time.Duration `yaml:"suspend_after"`
	// Drain is the time for the last acknowledgements when collectors are handed over, or the source ends. Default 5s.
	Drain time.Duration `yaml:"drain"`
	// TimestampSlack is how far a message's own timestamp may be from that of the collector's header; beyond it the header's
	// counts: a router's table carries the times at which its routes were learned. Default 1m.
	TimestampSlack time.Duration `yaml:"timestamp_slack"`
	// CollectorASNs are the ASes of the collectors themselves, which stand first in every path and are stripped. Default 6447.
	CollectorASNs []uint32 `yaml:"collector_asns"`
}

// DefaultConfig is the public stream.
func DefaultConfig() Config {
	return Config{
		Enabled: true, Brokers: []string{"stream.routeviews.org:9092"}, Topics: `^routeviews\..+\.bmp_raw$`, Start: startEnd,
		Refresh: 20 * time.Second, Commit: 5 * time.Second, SuspendAfter: 15 * time.Second, Drain: 5 * time.Second, TimestampSlack: time.Minute,
		CollectorASNs: []uint32{6447},
	}
}

const (
	startEnd   = "end"
	startStart = "start"
)

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	faults := config.Durations("ingest.routeviews", *c, time.Millisecond)
	if c.Enabled && len(c.Brokers) == 0 {
		faults = append(faults, errors.New("ingest.routeviews.brokers: is empty"))
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			faults = append(faults, fmt.Errorf("ingest.routeviews.brokers: %q is not host:port", b))
		}
	}
	if c.Topics == "" {
		faults = append(faults, errors.New("ingest.routeviews.topics: is empty"))
	}
	if _, err := regexp.Compile(c.Topics); err != nil {
		faults = append(faults, fmt.Errorf("ingest.routeviews.topics: %w", err))
	}
	if c.Start != startEnd && c.Start != startStart {
		faults = append(faults, fmt.Errorf("ingest.routeviews.start: %q: want end or start", c.Start))
	}
	return errors.Join(faults...)
}
