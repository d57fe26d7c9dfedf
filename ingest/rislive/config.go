package rislive

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.rislive of the configuration.
type Config struct {
	// Enabled turns the source on. Default true.
	Enabled bool `yaml:"enabled"`
	// URL of the service, ws or wss. Default wss://ris-live.ripe.net/v1/ws/.
	URL string `yaml:"url"`
	// Collectors that are followed, in any spelling. Default: the route collectors of RIS that are active.
	Collectors []string `yaml:"collectors"`
	// Connections is 2, or 1 where every lost connection may be a gap. Default 2.
	Connections int `yaml:"connections"`
	// Compression asks for permessage-deflate (RFC 7692): a fifth of the traffic for more work. Default true.
	Compression bool `yaml:"compression"`
	// ReadLimit caps one message, octets, unpacked. Default 1 MiB, which is also the most.
	ReadLimit int64 `yaml:"read_limit"`
	// Hold is how long what one connection alone has brought is remembered, HoldBytes how much of it. Defaults 60s, 128 MiB.
	Hold      time.Duration `yaml:"hold"`
	HoldBytes int64         `yaml:"hold_bytes"`
	// SwitchAfter is how far the leader may lie behind the follower. Default 5s.
	SwitchAfter time.Duration `yaml:"switch_after"`
	// SilentAfter is after how long without a message, or with an unanswered ping, a connection is made anew. Default 20s.
	SilentAfter time.Duration `yaml:"silent_after"`
	// LagLimit is how late messages may be before the connection is made anew. Default 30s.
	LagLimit time.Duration `yaml:"lag_limit"`
	// StaleAfter is how long both connections may be gone before the collectors are down. Default 60s.
	StaleAfter time.Duration `yaml:"stale_after"`
	// DialTimeout bounds connecting, and each write. Default 10s.
	DialTimeout time.Duration `yaml:"dial_timeout"`
	// RetryMin and RetryMax are the first and the longest pause before connecting again, halved or half as much again at random;
	// the pauses begin anew after a connection that was sound for Healthy. Defaults 1s, 60s, 60s.
	RetryMin time.Duration `yaml:"retry_min"`
	RetryMax time.Duration `yaml:"retry_max"`
	Healthy  time.Duration `yaml:"healthy"`
}

// active are RIS's collectors: rrc02, rrc08, rrc09 and rrc17 are closed.
var active = []string{
	"rrc00", "rrc01", "rrc03", "rrc04", "rrc05", "rrc06", "rrc07", "rrc10", "rrc11", "rrc12", "rrc13", "rrc14",
	"rrc15", "rrc16", "rrc18", "rrc19", "rrc20", "rrc21", "rrc22", "rrc23", "rrc24", "rrc25", "rrc26",
}

// DefaultConfig is what stands at each field.
func DefaultConfig() Config {
	return Config{
		Enabled: true, URL: "wss://ris-live.ripe.net/v1/ws/", Collectors: append([]string(nil), active...), Connections: 2, Compression: true,
		ReadLimit: wire.MaxRISLiveMessage, Hold: time.Minute, HoldBytes: 128 << 20, SwitchAfter: 5 * time.Second, SilentAfter: 20 * time.Second,
		LagLimit: 30 * time.Second, StaleAfter: time.Minute, DialTimeout: 10 * time.Second,
		RetryMin: time.Second, RetryMax: time.Minute, Healthy: time.Minute,
	}
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	faults := config.Durations("ingest.rislive", *c, time.Millisecond)
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("ingest.rislive."+format, args...))
	}
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		fault("url: %q: want ws:// or wss:// and a host", c.URL)
	}
	if len(c.Collectors) == 0 {
		fault("collectors: none")
	}
	for _, name := range c.Collectors {
		if _, err := canonical(name); err != nil {
			fault("collectors: %w", err)
		}
	}
	if c.Connections != 1 && c.Connections != 2 {
		fault("connections: %d: want 1 or 2", c.Connections)
	}
	if c.ReadLimit < 4<<10 || c.ReadLimit > wire.MaxRISLiveMessage {
		fault("read_limit: %d: want 4096 to %d", c.ReadLimit, wire.MaxRISLiveMessage)
	}
	if c.HoldBytes < wire.MaxRISLiveMessage {
		fault("hold_bytes: %d: want at least %d", c.HoldBytes, wire.MaxRISLiveMessage)
	}
	if c.RetryMax < c.RetryMin {
		fault("retry_max: is below retry_min")
	}
	if c.Hold < 2*c.LagLimit || c.LagLimit < c.SwitchAfter {
		fault("hold: want at least twice lag_limit, and that at least switch_after")
	}
	return errors.Join(faults...)
}

// canonical is the one name of a collector, in any spelling: ris/rrc00.
func canonical(name string) (string, error) {
	const prefix = bgp.ProjectRIS + "/"
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		name = name[len(prefix):]
	}
	return bgp.CollectorName(bgp.ProjectRIS, name)
}
