package follow

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Config says how archives alone are played.
type Config struct {
	// Delay is how far behind the clock: longer than files take to appear. Default 30m.
	Delay time.Duration `yaml:"delay"`
	// Collectors that are followed, as ris/rrc00 or routeviews/route-views2. Default: RIS's active ones.
	Collectors []string `yaml:"collectors"`
	// Poll is the time between two questions for a file that is not there yet; ingest.bootstrap.poll.
	Poll time.Duration `yaml:"-"`
	// Missing is how long a file is waited for beyond the time at which it should be played; ingest.bootstrap.follow_missing.
	Missing time.Duration `yaml:"-"`
	// Step is how often a Follower looks for messages that are due; ingest.bootstrap.follow_step.
	Step time.Duration `yaml:"-"`
}

// Validate reports all faults of the keys of ingest.follow, joined.
func (c *Config) Validate() error {
	var faults []error
	if c.Delay < time.Second {
		faults = append(faults, fmt.Errorf("ingest.follow.delay: %v: want at least 1s", c.Delay))
	}
	for _, name := range c.Collectors {
		project, spelling, _ := strings.Cut(name, "/")
		if canonical, err := bgp.CollectorName(project, spelling); err != nil || canonical != name {
			faults = append(faults, fmt.Errorf("ingest.follow.collectors: %q: want ris/rrcNN or routeviews/<name>", name))
		}
	}
	return errors.Join(faults...)
}
