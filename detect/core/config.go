package core

import (
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
)

// DefaultConfig is what docs/detection.md says.
func DefaultConfig() Config {
	return Config{Panel: panel.Config{}.WithDefaults(), Outage: outage.Config{}.WithDefaults()}.withDefaults()
}

// withDefaults replaces zeros of what is about feeds.
func (c Config) withDefaults() Config {
	if c.ShortGap == 0 {
		c.ShortGap = time.Minute
	}
	if c.BeaconLate == 0 {
		c.BeaconLate = 20 * time.Minute
	}
	return c
}

// validateFeeds reports the faults of what is about feeds, joined.
func (c Config) validateFeeds() error {
	var faults []error
	if c.ShortGap < 0 {
		faults = append(faults, fmt.Errorf("detector.short_gap: %v: want 0 or more", c.ShortGap))
	}
	if c.BeaconLate < 0 || c.BeaconLate >= beatSeconds*time.Second {
		faults = append(faults, fmt.Errorf("detector.beacon_late: %v: want less than the two hours between two beacons", c.BeaconLate))
	}
	return errors.Join(faults...)
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	return errors.Join(c.Panel.Validate(), c.Outage.Validate(), c.validateFeeds())
}
