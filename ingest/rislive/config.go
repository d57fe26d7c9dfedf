package rislive

import (
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.rislive: RIPE NCC's stream.
type Config struct {
	// Whether the source is followed.
	Enabled bool `yaml:"enabled"`
	// The address of the service.
	URL string `yaml:"url" min:"1" form:"a URL of ws or wss"`
	// The collectors that are followed.
	Collectors []string `yaml:"collectors" min:"1" want:"a collector of RIS such as rrc00"`
	// The number of connections. With 1 every lost connection may be a gap.
	Connections int `yaml:"connections" min:"1" max:"2"`
	// Whether permessage-deflate (RFC 7692) is requested. It reduces the traffic to a fifth, and
	// costs CPU time.
	Compression bool `yaml:"compression"`
	// The largest message, octets, unpacked.
	ReadLimit int64 `yaml:"read_limit" min:"4096" max:"1048576"`
	// How long a message that only one connection brought is remembered. At least twice lag_limit.
	Hold time.Duration `yaml:"hold" min:"1ms"`
	// The octets of such messages that are remembered at most.
	HoldBytes int64 `yaml:"hold_bytes" min:"1048576"`
	// How far the leading connection may be behind the other one.
	SwitchAfter time.Duration `yaml:"switch_after" min:"1ms"`
	// How long a connection may bring no message, or leave a ping without an answer. Then a new
	// connection replaces it.
	SilentTimeout time.Duration `yaml:"silent_timeout" min:"1ms"`
	// How late messages may be before a new connection replaces the old one. At least switch_after.
	LagLimit time.Duration `yaml:"lag_limit" min:"1ms"`
	// How long both connections may be gone before the collectors are down.
	StaleTimeout time.Duration `yaml:"stale_timeout" min:"1ms"`
	// The time for connecting, and for each write.
	DialTimeout time.Duration `yaml:"dial_timeout" min:"1ms"`
	// The first pause before connecting again; each is up to half longer or shorter at random.
	RetryMin time.Duration `yaml:"retry_min" min:"1ms"`
	// The longest pause before connecting again.
	RetryMax time.Duration `yaml:"retry_max" min:"1ms"`
	// How long a connection lasts before the pauses begin with retry_min again.
	Healthy time.Duration `yaml:"healthy" min:"1ms"`
}

// active lists RIS's collectors. rrc02, rrc08, rrc09 and rrc17 are closed.
var active = []string{
	"rrc00", "rrc01", "rrc03", "rrc04", "rrc05", "rrc06", "rrc07", "rrc10", "rrc11", "rrc12", "rrc13", "rrc14",
	"rrc15", "rrc16", "rrc18", "rrc19", "rrc20", "rrc21", "rrc22", "rrc23", "rrc24", "rrc25", "rrc26",
}

// DefaultConfig returns the default of each field.
func DefaultConfig() Config {
	return Config{
		Enabled: true, URL: "wss://ris-live.ripe.net/v1/ws/", Collectors: append([]string(nil), active...),
		Connections: 2, Compression: true,
		ReadLimit: wire.MaxRISLiveMessage, Hold: time.Minute, HoldBytes: 128 << 20,
		SwitchAfter: 5 * time.Second, SilentTimeout: 20 * time.Second,
		LagLimit: 30 * time.Second, StaleTimeout: time.Minute, DialTimeout: 10 * time.Second,
		RetryMin: time.Second, RetryMax: time.Minute, Healthy: time.Minute,
	}
}

// Faults reports the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	for i, name := range c.Collectors {
		if _, err := canonical(name); err != nil {
			faults = append(faults, config.Fault{Key: fmt.Sprintf("collectors[%d]", i), Value: name})
		}
	}
	if c.RetryMax < c.RetryMin {
		faults = append(faults, config.Fault{Key: "retry_max", Value: c.RetryMax, Want: "at least retry_min"})
	}
	if c.Hold < 2*c.LagLimit {
		faults = append(faults, config.Fault{Key: "hold", Value: c.Hold, Want: "at least twice lag_limit"})
	}
	if c.LagLimit < c.SwitchAfter {
		faults = append(faults, config.Fault{Key: "lag_limit", Value: c.LagLimit, Want: "at least switch_after"})
	}
	return faults
}

// canonical returns the canonical form, ris/rrc00, of a collector's name in any spelling.
func canonical(name string) (string, error) {
	const prefix = bgp.ProjectRIS + "/"
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		name = name[len(prefix):]
	}
	return bgp.CollectorName(bgp.ProjectRIS, name)
}
