package panel

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
)

// LeastVoters is below what no configuration may go: one vote in two proves nothing.
const LeastVoters = 3

// Config holds the limits of the panel. A zero field takes the default, except where zero has a meaning of its own.
type Config struct {
	// MinVoters is below how many ASNs no verdict is given. Default 20, at least 3.
	MinVoters int `yaml:"min_voters"`
	// MinCollectors is on how many collectors they must be. Default 3, at least 1.
	MinCollectors int `yaml:"min_collectors"`
	// FullFeedInPermille of the 95th percentile table makes a peer a full feed; below FullFeedOutPermille it is one no more.
	// Defaults 750 and 700.
	FullFeedInPermille  int `yaml:"full_feed_in_permille"`
	FullFeedOutPermille int `yaml:"full_feed_out_permille"`
	// FloorIPv4 and FloorIPv6 are the prefixes that a full feed has at least. 0 is no floor.
	FloorIPv4 int `yaml:"floor_ipv4"`
	FloorIPv6 int `yaml:"floor_ipv6"`
	// TransferSeconds is how long a peer that came up does not vote unless it sends End-of-RIB. Default 600.
	TransferSeconds int64 `yaml:"transfer_seconds"`
	// SilentSeconds without a message mask a peer. 0 is never: only where sources deliver KEEPALIVEs is silence a sign.
	SilentSeconds int64 `yaml:"silent_seconds"`
	// DecideSeconds is the time between decisions, which fall on its multiples. Default 900.
	DecideSeconds int64 `yaml:"decide_seconds"`
	// TransferPrefixes is how many distinct prefixes a transfer without a state message has at least, when the peer's table
	// is known; LearnedTransferPrefixes when it is not. Defaults 256 and 10,000.
	TransferPrefixes        int `yaml:"transfer_prefixes"`
	LearnedTransferPrefixes int `yaml:"learned_transfer_prefixes"`
}

// WithDefaults returns c with every zero field set.
func (c Config) WithDefaults() Config {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&c.MinVoters, 20},
		{&c.MinCollectors, 3},
		{&c.FullFeedInPermille, 750},
		{&c.FullFeedOutPermille, 700},
		{&c.TransferPrefixes, 256},
		{&c.LearnedTransferPrefixes, 10_000},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if c.TransferSeconds == 0 {
		c.TransferSeconds = 600
	}
	if c.DecideSeconds == 0 {
		c.DecideSeconds = 900
	}
	return c
}

// Validate reports all faults of a configuration with defaults at once.
func (c Config) Validate() error {
	var errs []error
	if c.MinVoters < LeastVoters {
		errs = append(errs, fmt.Errorf("panel.min_voters is %d: at least %d", c.MinVoters, LeastVoters))
	}
	if c.MinCollectors < 1 {
		errs = append(errs, fmt.Errorf("panel.min_collectors is %d: at least 1", c.MinCollectors))
	}
	if c.FullFeedOutPermille > c.FullFeedInPermille || c.FullFeedInPermille > 1000 || c.FullFeedOutPermille < 0 {
		errs = append(errs, fmt.Errorf("full feed in at %d and out at %d permille: in is above out, both within 0 to 1000", c.FullFeedInPermille, c.FullFeedOutPermille))
	}
	if c.FloorIPv4 < 0 || c.FloorIPv6 < 0 || c.TransferSeconds < 0 || c.SilentSeconds < 0 || c.DecideSeconds < 60 {
		errs = append(errs, errors.New("panel: floors and times are not negative, and a decision takes at least 60 seconds"))
	}
	return errors.Join(errs...)
}

// floor is the family's.
func (c Config) floor(f bgp.Family) int {
	if f == bgp.IPv4 {
		return c.FloorIPv4
	}
	return c.FloorIPv6
}
