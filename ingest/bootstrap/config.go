package bootstrap

import (
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config says how archives are waited for.
type Config struct {
	// Parallel is how many dumps are read at once, and how many files of updates. Default 2.
	Parallel int `yaml:"parallel"`
	// Poll is the time between two questions for a file that is not there yet, or while the archives cannot be reached. Default 30s.
	Poll time.Duration `yaml:"poll"`
	// PublishedWithin is how long after its first moment a file of updates is waited for, and how long a file that its server answers
	// with an error. Default 45m.
	PublishedWithin time.Duration `yaml:"published_within"`
	// DumpWithin is the same for the dump of a check. Default 3h.
	DumpWithin time.Duration `yaml:"dump_within"`
	// DumpAge is how old a dump may be to begin with. Default 26h.
	DumpAge time.Duration `yaml:"dump_age"`
	// LongestFill is the longest gap that is filled with updates alone; a longer one begins with a dump again. Default 6h.
	LongestFill time.Duration `yaml:"longest_fill"`
	// Overlap is how far beyond a gap's end updates are waited for and said: clocks differ. Default 1m; 0 is to the end by our clock.
	Overlap time.Duration `yaml:"overlap"`
	// LeastPercent of the dump before has to be in a dump, or it counts as cut short, until another is as small. Default 60.
	LeastPercent int `yaml:"least_percent"`
	// Again is the time between two looks for a newer dump after an incomplete answer. Default 5m.
	Again time.Duration `yaml:"again"`
	// CheckEvery is the time between two checks of a collector; 0 is never. Default 24h.
	CheckEvery time.Duration `yaml:"check_every"`
	// CheckLead is how long before the nominal time of its dump a check begins. Default 2m. At least a minute, which detect expects, and
	// Poll, or none could begin in time; without checks it means nothing.
	CheckLead time.Duration `yaml:"check_lead"`
	// ProgressEvery is the time between two records of progress. Default 5s.
	ProgressEvery time.Duration `yaml:"progress_every"`
	// FollowMissing is how long package follow waits for a file beyond the time at which it should be played. Default 2m.
	FollowMissing time.Duration `yaml:"follow_missing"`
	// FollowStep is how often package follow looks for messages that are due. Default 250ms.
	FollowStep time.Duration `yaml:"follow_step"`
}

// DefaultConfig is what stands at each field.
func DefaultConfig() Config {
	return Config{
		Parallel: 2, Poll: 30 * time.Second, PublishedWithin: 45 * time.Minute, DumpWithin: 3 * time.Hour, DumpAge: 26 * time.Hour,
		LongestFill: 6 * time.Hour, Overlap: time.Minute, LeastPercent: 60, Again: 5 * time.Minute, CheckEvery: 24 * time.Hour,
		CheckLead: 2 * time.Minute, ProgressEvery: 5 * time.Second, FollowMissing: 2 * time.Minute, FollowStep: 250 * time.Millisecond,
	}
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	faults := config.Durations("ingest.bootstrap", *c, time.Millisecond, "overlap", "check_every")
	if c.Parallel < 1 {
		faults = append(faults, fmt.Errorf("ingest.bootstrap.parallel: %d: want at least 1", c.Parallel))
	}
	if c.LeastPercent < 0 || c.LeastPercent > 100 {
		faults = append(faults, fmt.Errorf("ingest.bootstrap.least_percent: %d: want 0 to 100", c.LeastPercent))
	}
	if least := leastLead + c.Poll; c.CheckEvery > 0 && c.CheckLead < least {
		faults = append(faults, fmt.Errorf("ingest.bootstrap.check_lead: %v: want at least %v: a minute, and poll", c.CheckLead, least))
	}
	return errors.Join(faults...)
}
