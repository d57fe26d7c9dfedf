package outage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Config holds the constants of docs/detection.md. The zero value of a field means its default.
type Config struct {
	// Family is the address family that this engine decides.
	Family bgp.Family `yaml:"-"`
	// Dataset is written into every outage.
	Dataset string `yaml:"-"`

	// Label goes before every headline, post and summary where the data are not real:
	// Reconstruction, Simulation. At most 24 characters, all of which can be seen. Default empty.
	Label string `yaml:"label"`

	// OpenMinutes is for how many consecutive minutes a loss lasts before an outage opens. Default 5.
	OpenMinutes int `yaml:"open_minutes"`
	// SuspectMinutes is after how many minutes a loss of SuspectPermille on SuspectCollectors collectors is suspected.
	// Defaults 2, 900 and 3.
	SuspectMinutes    int `yaml:"suspect_minutes"`
	SuspectPermille   int `yaml:"suspect_permille"`
	SuspectCollectors int `yaml:"suspect_collectors"`
	// OpenPermille of the baseline must be lost. Default 100.
	OpenPermille int `yaml:"open_permille"`
	// CloseMinutes is how many consecutive quiet minutes close an event. Default 10.
	CloseMinutes int `yaml:"close_minutes"`
	// MergeMinutes is how long after its end an event is opened again by a new loss. Default 30.
	MergeMinutes int `yaml:"merge_minutes"`

	// LargeUnits makes an entity large: then LargePermille, LargeMinUnits and LargeOrigins for LargeMinutes open as well.
	// Defaults 5,000, 20, 256, 2 and 15.
	LargeUnits    int `yaml:"large_units"`
	LargePermille int `yaml:"large_permille"`
	LargeMinUnits int `yaml:"large_min_units"`
	LargeOrigins  int `yaml:"large_origins"`
	LargeMinutes  int `yaml:"large_minutes"`

	// PartialLowPermille and PartialHighPermille bound the share of its usual voters at which a prefix is partial, the upper
	// one excluded; PartialMinutes is for how long. Defaults 200, 800 and 10.
	PartialLowPermille  int `yaml:"partial_low_permille"`
	PartialHighPermille int `yaml:"partial_high_permille"`
	PartialMinutes      int `yaml:"partial_minutes"`
	// MovedMinutes is for how long others originate a prefix before that is an event. Default 5.
	MovedMinutes int `yaml:"moved_minutes"`

	// FlapLosses short losses that begin within FlapMinutes are an intermittent event. Defaults 3 and 60.
	FlapLosses  int `yaml:"flap_losses"`
	FlapMinutes int `yaml:"flap_minutes"`
	// FlapQuietMinutes without a loss end it. Default 60.
	FlapQuietMinutes int `yaml:"flap_quiet_minutes"`

	// FreezeMinutes is how long a baseline stands still at most. Default 10,080 (7 days).
	FreezeMinutes int `yaml:"freeze_minutes"`
	// UpdateMinutes lie at least between two `updated` records of an event, FlapUpdateMinutes between those of an intermittent
	// one. Defaults 5 and 60.
	UpdateMinutes     int `yaml:"update_minutes"`
	FlapUpdateMinutes int `yaml:"flap_update_minutes"`

	// MaxPrefixes, MaxOrigins and MaxNeighbours cap the lists of an event. Defaults 50, 20 and 10.
	MaxPrefixes   int `yaml:"max_prefixes"`
	MaxOrigins    int `yaml:"max_origins"`
	MaxNeighbours int `yaml:"max_neighbours"`
}

// WithDefaults returns c with every zero field set.
func (c Config) WithDefaults() Config {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&c.OpenMinutes, 5},
		{&c.SuspectMinutes, 2},
		{&c.SuspectPermille, 900},
		{&c.SuspectCollectors, 3},
		{&c.OpenPermille, 100},
		{&c.CloseMinutes, 10},
		{&c.MergeMinutes, 30},
		{&c.LargeUnits, 5000},
		{&c.LargePermille, 20},
		{&c.LargeMinUnits, 256},
		{&c.LargeOrigins, 2},
		{&c.LargeMinutes, 15},
		{&c.PartialLowPermille, 200},
		{&c.PartialHighPermille, 800},
		{&c.PartialMinutes, 10},
		{&c.MovedMinutes, 5},
		{&c.FlapLosses, 3},
		{&c.FlapMinutes, 60},
		{&c.FlapQuietMinutes, 60},
		{&c.FreezeMinutes, 7 * 24 * 60},
		{&c.UpdateMinutes, 5},
		{&c.FlapUpdateMinutes, 60},
		{&c.MaxPrefixes, 50},
		{&c.MaxOrigins, 20},
		{&c.MaxNeighbours, 10},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return c
}

// wholePermille is the part of a prefix's usual visibility at which a partial event ends.
func (c *Config) wholePermille() int { return (1000 + c.PartialHighPermille) / 2 }

// Validate reports all faults of a configuration with defaults at once: whole numbers above 0 and not absurd, shares within a
// whole.
func (c Config) Validate() error {
	const week = 7 * 24 * 60
	var faults []error
	between := func(name string, v, low, high int) {
		if v < low || v > high {
			faults = append(faults, fmt.Errorf("outage.%s is %d: want %d to %d", name, v, low, high))
		}
	}
	for name, v := range map[string]int{
		"open_minutes": c.OpenMinutes, "suspect_minutes": c.SuspectMinutes, "close_minutes": c.CloseMinutes, "merge_minutes": c.MergeMinutes,
		"large_minutes": c.LargeMinutes, "partial_minutes": c.PartialMinutes, "moved_minutes": c.MovedMinutes, "flap_minutes": c.FlapMinutes,
		"flap_quiet_minutes": c.FlapQuietMinutes, "freeze_minutes": c.FreezeMinutes, "update_minutes": c.UpdateMinutes, "flap_update_minutes": c.FlapUpdateMinutes,
	} {
		between(name, v, 1, 4*week)
	}
	for name, v := range map[string]int{
		"suspect_permille": c.SuspectPermille, "open_permille": c.OpenPermille, "large_permille": c.LargePermille,
		"partial_low_permille": c.PartialLowPermille, "partial_high_permille": c.PartialHighPermille,
	} {
		between(name, v, 1, 1000)
	}
	for name, v := range map[string]int{
		"suspect_collectors": c.SuspectCollectors, "large_units": c.LargeUnits, "large_min_units": c.LargeMinUnits, "large_origins": c.LargeOrigins,
		"flap_losses": c.FlapLosses, "max_prefixes": c.MaxPrefixes, "max_origins": c.MaxOrigins, "max_neighbours": c.MaxNeighbours,
	} {
		between(name, v, 1, 1_000_000)
	}
	if clean(c.Label) != c.Label || !labelSize.holds(c.Label) {
		faults = append(faults, fmt.Errorf("outage.label is %q: want at most %d characters that can be seen", c.Label, labelSize.graphemes))
	}
	if c.PartialLowPermille >= c.PartialHighPermille {
		faults = append(faults, fmt.Errorf("outage.partial_low_permille is %d: want it below partial_high_permille, %d", c.PartialLowPermille, c.PartialHighPermille))
	}
	slices.SortFunc(faults, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}
