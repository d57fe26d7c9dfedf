package outage

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// Config is the section detect.outage: the constants of docs/detection.md.
type Config struct {
	// Family is the address family that this engine decides.
	Family bgp.Family `yaml:"-"`
	// Dataset is written into every outage.
	Dataset string `yaml:"-"`

	// The text before every headline, post and summary if the data are not real: Reconstruction,
	// Simulation.
	Label string `yaml:"label" want:"at most 24 characters that can be seen" result:"yes"`

	// How long a loss lasts without a break before an outage opens.
	OpenAfter time.Duration `yaml:"open_after" min:"1m" max:"672h" step:"1m" result:"yes"`
	// How long a loss of suspect_permille on suspect_collectors lasts before it is suspected.
	SuspectAfter time.Duration `yaml:"suspect_after" min:"1m" max:"672h" step:"1m" result:"yes"`
	// The part of the baseline, in thousandths, that is lost in a suspected outage.
	SuspectPermille int `yaml:"suspect_permille" min:"1" max:"1000" result:"yes"`
	// The number of collectors that see the loss in a suspected outage.
	SuspectCollectors int `yaml:"suspect_collectors" min:"1" max:"1000000" result:"yes"`
	// The part of the baseline, in thousandths, that must be lost.
	OpenPermille int `yaml:"open_permille" min:"1" max:"1000" result:"yes"`
	// How long an event is quiet without a break before it closes.
	CloseAfter time.Duration `yaml:"close_after" min:"1m" max:"672h" step:"1m" result:"yes"`
	// How long after its end a new loss opens an event again.
	MergeWithin time.Duration `yaml:"merge_within" min:"1m" max:"672h" step:"1m" result:"yes"`

	// The number of /24 (IPv6: /48) that makes an entity large. The loss of large_permille,
	// large_min_units and large_origins for large_after opens an outage of it as well.
	LargeUnits int `yaml:"large_units" min:"1" max:"1000000" result:"yes"`
	// The part of a large entity's baseline, in thousandths, that must be lost.
	LargePermille int `yaml:"large_permille" min:"1" max:"1000" result:"yes"`
	// The number of /24 (IPv6: /48) of a large entity that must be lost.
	LargeMinUnits int `yaml:"large_min_units" min:"1" max:"1000000" result:"yes"`
	// The number of origin ASes of a large entity that must lose prefixes; of an AS, its own loss
	// is enough.
	LargeOrigins int `yaml:"large_origins" min:"1" max:"1000000" result:"yes"`
	// How long such a loss of a large entity lasts before an outage opens.
	LargeAfter time.Duration `yaml:"large_after" min:"1m" max:"672h" step:"1m" result:"yes"`

	// The number of prefixes of an AS whose loss opens an outage of it as well, where as_permille
	// and as_min_units are lost with them.
	ASMinPrefixes int `yaml:"as_min_prefixes" min:"1" max:"1000000" result:"yes"`
	// The part of an AS's usual number of prefixes, in thousandths, that must be lost.
	ASPermille int `yaml:"as_permille" min:"1" max:"1000" result:"yes"`
	// The number of /24 (IPv6: /48) of an AS that must be lost with the prefixes.
	ASMinUnits int `yaml:"as_min_units" min:"1" max:"1000000" result:"yes"`

	// A prefix is partial while the share of its usual voters, in thousandths, is at least this
	// much and below partial_high_permille.
	PartialLowPermille int `yaml:"partial_low_permille" min:"1" max:"1000" result:"yes"`
	// The share of its usual voters, in thousandths, from which on a prefix is partial no more.
	PartialHighPermille int `yaml:"partial_high_permille" min:"1" max:"1000" result:"yes"`
	// How long a prefix is partial before that is an event.
	PartialAfter time.Duration `yaml:"partial_after" min:"1m" max:"672h" step:"1m" result:"yes"`
	// How long others originate a prefix before that is an event.
	MovedAfter time.Duration `yaml:"moved_after" min:"1m" max:"672h" step:"1m" result:"yes"`

	// This many short losses, or returns of an outage, within flap_within are an intermittent event.
	FlapLosses int `yaml:"flap_losses" min:"1" max:"1000000" result:"yes"`
	// The time within which the short losses of an intermittent event begin, or an outage's routes
	// return.
	FlapWithin time.Duration `yaml:"flap_within" min:"1m" max:"672h" step:"1m" result:"yes"`
	// How long there is no loss before an intermittent event closes.
	FlapCloseAfter time.Duration `yaml:"flap_close_after" min:"1m" max:"672h" step:"1m" result:"yes"`

	// How long a loss lasts in an intermittent event that was an outage before it ends that event
	// and opens an outage.
	FlapOutageAfter time.Duration `yaml:"flap_outage_after" min:"1m" max:"672h" step:"1m" result:"yes"`

	// How long an event lasts at most. After that what is left is the new baseline.
	FreezeLimit time.Duration `yaml:"freeze_limit" min:"1m" max:"672h" step:"1m" result:"yes"`
	// The least time between two records `updated` of an event.
	UpdateInterval time.Duration `yaml:"update_interval" min:"1m" max:"672h" step:"1m" result:"yes"`
	// The least time between two records `updated` of an intermittent event.
	FlapUpdateInterval time.Duration `yaml:"flap_update_interval" min:"1m" max:"672h" step:"1m" result:"yes"`

	// The most prefixes that an event lists.
	MaxPrefixes int `yaml:"max_prefixes" min:"1" max:"1000000" result:"yes"`
	// The most origin ASes that an event lists.
	MaxOrigins int `yaml:"max_origins" min:"1" max:"1000000" result:"yes"`
	// The most neighbouring countries or ASes that an event lists.
	MaxNeighbours int `yaml:"max_neighbours" min:"1" max:"1000000" result:"yes"`
}

// DefaultConfig returns the constants of docs/detection.md.
func DefaultConfig() Config {
	return Config{
		OpenAfter: 5 * time.Minute, SuspectAfter: 2 * time.Minute,
		SuspectPermille: 900, SuspectCollectors: 3, OpenPermille: 100,
		CloseAfter: 10 * time.Minute, MergeWithin: 30 * time.Minute,
		LargeUnits: 5000, LargePermille: 20, LargeMinUnits: 256, LargeOrigins: 2, LargeAfter: 15 * time.Minute,
		ASMinPrefixes: 20, ASPermille: 100, ASMinUnits: 20,
		PartialLowPermille: 200, PartialHighPermille: 800, PartialAfter: 10 * time.Minute,
		MovedAfter: 5 * time.Minute,
		FlapLosses: 3, FlapWithin: time.Hour, FlapCloseAfter: time.Hour, FlapOutageAfter: 30 * time.Minute,
		FreezeLimit: 7 * 24 * time.Hour, UpdateInterval: 5 * time.Minute, FlapUpdateInterval: time.Hour,
		MaxPrefixes: 50, MaxOrigins: 20, MaxNeighbours: 10,
	}
}

// Faults returns the faults that the tags of the fields cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if plaintext.Clean(c.Label) != c.Label || !labelSize.Holds(c.Label) {
		faults = append(faults, config.Fault{Key: "label", Value: c.Label})
	}
	if c.PartialLowPermille >= c.PartialHighPermille {
		faults = append(faults, config.Fault{
			Key: "partial_low_permille", Value: c.PartialLowPermille, Want: "less than partial_high_permille",
		})
	}
	return faults
}
