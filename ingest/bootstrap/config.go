package bootstrap

import (
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.bootstrap: the timing of answers from archives.
type Config struct {
	// The dumps that are read at one time, and the files of updates.
	Parallel int `yaml:"parallel" min:"1"`
	// The time between two questions for a file that is not there yet, or while the archives cannot
	// be reached.
	PollInterval time.Duration `yaml:"poll_interval" min:"1ms"`
	// How long after its first moment a file of updates is waited for, and how long a file that its
	// server answers with an error.
	UpdatesTimeout time.Duration `yaml:"updates_timeout" min:"1ms"`
	// How long the dump of a check is waited for.
	DumpTimeout time.Duration `yaml:"dump_timeout" min:"1ms"`
	// How old a dump may be to begin with.
	DumpAgeLimit time.Duration `yaml:"dump_age_limit" min:"1ms"`
	// The longest gap that is filled with updates alone. A longer one begins with a dump again;
	// off: each does.
	FillLimit config.DurationOrOff `yaml:"fill_limit" min:"1ms"`
	// How far beyond a gap's end updates are waited for and passed on: clocks differ. 0 is to the
	// end by our clock.
	Overlap config.DurationOrZero `yaml:"overlap" min:"0s"`
	// The part of the dump before, per cent, that a dump has at least; a smaller one counts as cut
	// short, until another is as small.
	LeastPercent config.CountOrOff `yaml:"least_percent" min:"1" max:"100"`
	// The time between two looks for a newer dump after an incomplete answer.
	RetryInterval time.Duration `yaml:"retry_interval" min:"1ms"`
	// The time between two checks of a collector.
	CheckInterval config.DurationOrOff `yaml:"check_interval" min:"1ms"`
	// How long before the nominal time of its dump a check begins.
	CheckLead time.Duration `yaml:"check_lead" min:"1ms"`
	// The time between two records of progress.
	ProgressInterval time.Duration `yaml:"progress_interval" min:"1ms"`
}

// DefaultConfig returns the default of each field.
func DefaultConfig() Config {
	return Config{
		Parallel: 2, PollInterval: 30 * time.Second, UpdatesTimeout: 45 * time.Minute,
		DumpTimeout: 3 * time.Hour, DumpAgeLimit: 26 * time.Hour,
		FillLimit: config.DurationOrOff(6 * time.Hour), Overlap: config.DurationOrZero(time.Minute),
		LeastPercent: 60, RetryInterval: 5 * time.Minute, CheckInterval: config.DurationOrOff(24 * time.Hour),
		CheckLead: 2 * time.Minute, ProgressInterval: 5 * time.Second,
	}
}

// Faults reports the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	if c.CheckInterval > 0 && c.CheckLead < leastLead+c.PollInterval {
		return []config.Fault{{Key: "check_lead", Value: c.CheckLead, Want: "at least a minute and poll_interval"}}
	}
	return nil
}
