package panel

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TransferSeconds returns TransferTimeout in seconds.
func (c *Config) TransferSeconds() int64 { return int64(c.TransferTimeout / time.Second) }

// silentSeconds returns SilentTimeout in seconds; 0 means that the rule is off.
func (c *Config) silentSeconds() int64 { return int64(time.Duration(c.SilentTimeout) / time.Second) }

// decideSeconds returns DecideInterval in seconds.
func (c *Config) decideSeconds() int64 { return int64(c.DecideInterval / time.Second) }

// floor returns the least number of prefixes of a full feed in family f.
func (c *Config) floor(f bgp.Family) int {
	if f == bgp.IPv4 {
		return int(c.FloorIPv4)
	}
	return int(c.FloorIPv6)
}
