package panel

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

// LeastVoters is the smallest number of voters that a configuration may require. With two voters a
// single vote is half of all. The tag of MinVoters has the same number.
const LeastVoters = 3

// Config is the section detect.panel: who votes.
type Config struct {
	// In a replay, Inputs lists the voters (bgp.PeerKey.Voter) of each collector's files; elsewhere
	// it is nil. With it, a verdict needs fewer voters and collectors if the files have few
	// (Config.Need).
	Inputs map[string][]bgp.PeerKey `yaml:"-"`
	// With fewer voting ASNs no verdict is given.
	MinVoters int `yaml:"min_voters" min:"3" result:"yes"`
	// With voters on fewer collectors no verdict is given.
	MinCollectors int `yaml:"min_collectors" min:"1" result:"yes"`
	// A peer is a full feed when its table has at least this share, in thousandths, of the
	// 95th-percentile table size.
	FullFeedInPermille int `yaml:"full_feed_in_permille" min:"1" max:"1000" result:"yes"`
	// A full feed stays one until its table has less than this share, in thousandths.
	FullFeedOutPermille int `yaml:"full_feed_out_permille" min:"1" max:"1000" result:"yes"`
	// The least number of IPv4 prefixes of a full feed.
	FloorIPv4 config.CountOrOff `yaml:"floor_ipv4" min:"1" result:"yes"`
	// The least number of IPv6 prefixes of a full feed.
	FloorIPv6 config.CountOrOff `yaml:"floor_ipv6" min:"1" result:"yes"`
	// A peer that came up votes after End-of-RIB, or after this time if its table no longer grows.
	TransferTimeout time.Duration `yaml:"transfer_timeout" min:"1s" step:"1s" result:"yes"`
	// A peer that sends nothing for longer than this does not vote. Use it only where sources
	// deliver KEEPALIVEs; elsewhere silence is no sign.
	SilentTimeout config.DurationOrOff `yaml:"silent_timeout" min:"1s" step:"1s" result:"yes"`
	// The time between two decisions on who votes; they fall on its multiples.
	DecideInterval time.Duration `yaml:"decide_interval" min:"1m" step:"1m" result:"yes"`
	// The least number of distinct prefixes by which a table without a state message is recognised,
	// if the peer's table is known.
	TransferPrefixes int `yaml:"transfer_prefixes" min:"1" result:"yes"`
	// The same if the peer's table is not known.
	LearnedTransferPrefixes int `yaml:"learned_transfer_prefixes" min:"1" result:"yes"`
	// Nothing is decided for some minutes after many voters are lost at once, so that the loss of
	// one's own feeds opens no outage.
	Gate bool `yaml:"gate" result:"yes"`
}

// DefaultConfig returns the defaults that docs/detection.md describes.
func DefaultConfig() Config {
	return Config{
		MinVoters: 20, MinCollectors: 3, FullFeedInPermille: 750, FullFeedOutPermille: 700,
		TransferTimeout: 10 * time.Minute, DecideInterval: 15 * time.Minute,
		TransferPrefixes: 256, LearnedTransferPrefixes: 10_000, Gate: true,
	}
}

// Faults returns the faults that the tags cannot express.
func (c Config) Faults() []config.Fault {
	if c.FullFeedOutPermille > c.FullFeedInPermille {
		return []config.Fault{{
			Key: "full_feed_out_permille", Value: c.FullFeedOutPermille, Want: "at most full_feed_in_permille",
		}}
	}
	return nil
}
