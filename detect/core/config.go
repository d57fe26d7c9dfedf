package core

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/config"
)

// Config has the keys of the section detect that decide results.
type Config struct {
	// Dataset is written into every outage.
	Dataset string `yaml:"-"`
	// Families are the families of which it takes the routes.
	Families Families `yaml:"-"`
	// When an outage opens, is updated, and closes.
	Outage outage.Config `yaml:"outage"`
	// Who votes.
	Panel panel.Config `yaml:"panel"`
	// When a collector's stream is behind, lacks something, or is degraded.
	Feeds FeedsConfig `yaml:"feeds"`
	// How much of the address space must be known for a verdict on a country, a region or the
	// world.
	Geography GeographyConfig `yaml:"geography"`
	// What opens an event of the kind origin for members of watch lists.
	Watch WatchConfig `yaml:"watch"`
	// Prefixes whose routes come and go on purpose: they and those within them make no outages.
	// RIPE's are always among them.
	Beacons []netip.Prefix `yaml:"beacons" want:"a prefix of /8 to /24 or, IPv6, /16 to /48" result:"yes"`
	// Address space that belongs to no network: prefixes within it have events of their own and are
	// part of no AS, country, region or world. A list that is set replaces the default one. Space for
	// private use, documentation and benchmarking is not in it.
	NotAddressSpace []netip.Prefix `yaml:"not_address_space" want:"a prefix without host bits" result:"yes"`
	// Prefixes that no location file knows are treated in the same way. With RIR statistics these
	// are the ones that no RIR has allocated.
	LeaveOutUnlocated bool `yaml:"leave_out_unlocated" result:"yes"`
}

// GeographyConfig is the section detect.geography. The location files of enrich give the whole
// space. If they are not known, all countries, regions and the world are judged.
type GeographyConfig struct {
	// Known IPv4 space, in thousandths of all that the location files have, from which on
	// countries, regions and the world are judged.
	WorldPermilleIPv4 config.CountOrOff `yaml:"world_permille_ipv4" min:"1" max:"1000" result:"yes"`
	// The same of IPv6. Of a whole table of 2022 it was 316 thousandths; whole tables of the years
	// before have much less.
	WorldPermilleIPv6 config.CountOrOff `yaml:"world_permille_ipv6" min:"1" max:"1000" result:"yes"`
	// Known space of one country or region, in thousandths of its own, from which on it is judged
	// although the world is not.
	PlacePermille int `yaml:"place_permille" min:"1" max:"1000" result:"yes"`
}

// FeedsConfig is the section detect.feeds. All instances use the same values.
type FeedsConfig struct {
	// How far a collector's clock may be behind that of its partition. Beyond it the collector
	// counts as down.
	CollectorTimeout time.Duration `yaml:"collector_timeout" min:"1us" result:"yes"`
	// A collector that counts as down for collector_timeout is up again once it is as near as this.
	BackWithin time.Duration `yaml:"back_within" min:"1us" result:"yes"`
	// How long a gap in a collector's stream may be for its peers to keep their votes until it is
	// filled.
	ShortGap time.Duration `yaml:"short_gap" min:"1us" result:"yes"`
	// How long after its time a RIS beacon may be heard before the feed of a RIS or RouteViews
	// collector that hears them is degraded. Two hours lie between two beacons.
	BeaconLate time.Duration `yaml:"beacon_late" min:"1s" max:"1h59m59s" step:"1s" result:"yes"`
}

// DefaultConfig returns the defaults of docs/detection.md.
func DefaultConfig() Config {
	return Config{
		Outage: outage.DefaultConfig(), Panel: panel.DefaultConfig(),
		Feeds: FeedsConfig{
			CollectorTimeout: clock.DefaultVanished, BackWithin: clock.DefaultBack,
			ShortGap: time.Minute, BeaconLate: 20 * time.Minute,
		},
		Geography:       GeographyConfig{WorldPermilleIPv4: 250, WorldPermilleIPv6: 50, PlacePermille: 500},
		Watch:           WatchConfig{OriginVoters: 3},
		NotAddressSpace: notAddressSpace(),
	}
}

// Faults returns the faults that the tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	for i, p := range c.Beacons {
		if _, _, ok := rib.KeyOf(p.Masked()); !ok {
			faults = append(faults, config.Fault{Key: fmt.Sprintf("beacons[%d]", i), Value: p})
		}
	}
	for i, p := range c.NotAddressSpace {
		if !p.IsValid() || p != p.Masked() {
			faults = append(faults, config.Fault{Key: fmt.Sprintf("not_address_space[%d]", i), Value: p})
		}
	}
	return faults
}

// Faults returns the faults that the tags cannot express.
func (c FeedsConfig) Faults() []config.Fault {
	if c.BackWithin > c.CollectorTimeout {
		return []config.Fault{{Key: "back_within", Value: c.BackWithin, Want: "at most collector_timeout"}}
	}
	return nil
}
