package follow

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.follow: how archives alone are played.
type Config struct {
	// How far behind the clock archives are played: longer than files take to appear.
	Delay time.Duration `yaml:"delay" min:"1s"`
	// The collectors that are followed.
	Collectors []string `yaml:"collectors" want:"ris/rrcNN or routeviews/<name>"`
	// The time between two questions for a file that is not there yet.
	PollInterval time.Duration `yaml:"poll_interval" min:"1ms"`
	// How long a file is waited for beyond the time at which it should be played.
	FileTimeout time.Duration `yaml:"file_timeout" min:"1ms"`
	// The time between two looks for messages that are due.
	StepInterval time.Duration `yaml:"step_interval" min:"1ms"`
}

// DefaultConfig returns the defaults. They name no collectors.
func DefaultConfig() Config {
	return Config{
		Delay: 30 * time.Minute, PollInterval: 30 * time.Second, FileTimeout: 2 * time.Minute,
		StepInterval: 250 * time.Millisecond,
	}
}

// Faults reports the faults that struct tags cannot express: names that are not collectors.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	for i, name := range c.Collectors {
		project, spelling, _ := strings.Cut(name, "/")
		if canonical, err := bgp.CollectorName(project, spelling); err != nil || canonical != name {
			faults = append(faults, config.Fault{Key: fmt.Sprintf("collectors[%d]", i), Value: name})
		}
	}
	return faults
}
