package panel

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TransferSeconds is TransferTimeout.
func (c *Config) TransferSeconds() int64 { return int64(c.TransferTimeout / time.Second) }

// silentSeconds is SilentTimeout; 0 is never.
func (c *Config) silentSeconds() int64 { return int64(time.Duration(c.SilentTimeout) / time.Second) }

// decideSeconds is DecideInterval.
func (c *Config) decideSeconds() int64 { return int64(c.DecideInterval / time.Second) }

// floor is the family's.
func (c *Config) floor(f bgp.Family) int {
	if f == bgp.IPv4 {
		return int(c.FloorIPv4)
	}
	return int(c.FloorIPv6)
}
