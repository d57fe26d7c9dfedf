package year

import (
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Config describes the year to make.
type Config struct {
	// Dataset is the dataset that the outages name.
	Dataset string
	// Until is the end, a midnight of UTC. Days is the length in days.
	Until time.Time
	Days  int
	// Scale multiplies the size: 1 is 80,000 ASes with 1.2 million prefixes and some 30,000
	// outages. The stories are whole at every scale.
	Scale float64
	// Seed seeds all draws outside of the stories.
	Seed uint64
	// Appended is the time at which the newest record counts as appended to the log; retention
	// counts from it. Records that are kept for years count as appended earlier, by as much as
	// their time is before Until, so that the store has the partitions of a live one. All others
	// count as appended at Appended.
	Appended time.Time
}

// The bounds of Config.
const (
	MinDays  = 40
	MaxDays  = 3660
	MinScale = 0.001
	MaxScale = 1.0
)

// validate reports all faults at once.
func (c Config) validate() error {
	var faults []error
	if c.Days < MinDays || c.Days > MaxDays {
		faults = append(faults, fmt.Errorf("%d days: from %d to %d can be made", c.Days, MinDays, MaxDays))
	}
	if !(c.Scale >= MinScale && c.Scale <= MaxScale) {
		faults = append(faults, fmt.Errorf("scale %v: it lies between %v and %v", c.Scale, MinScale, MaxScale))
	}
	if c.Until.Unix()%day != 0 || c.Until.Unix() <= 0 {
		faults = append(faults, errors.New("the end is no midnight of UTC after 1970"))
	}
	return errors.Join(faults...)
}

// Seconds.
const (
	minute int64 = 60
	hour         = 60 * minute
	day          = 24 * hour
)

// taken returns the time at which a record that is kept for years was appended to the log.
func (y *Year) taken(seconds int64) time.Time {
	return y.cfg.Appended.Add(-time.Duration(y.end-seconds) * time.Second)
}

// routeDays is the number of days for which route changes are kept.
const routeDays = 30

// Year is the result of a Config. It is read-only. Its streams may be read at the same time.
type Year struct {
	cfg        Config
	begin, end int64 // seconds since 1970
	world      *world
	outages    []*outage // in the order of their starts
}

// New draws the world and its outages. The error lists the faults of the Config.
func New(c Config) (*Year, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	end := c.Until.Unix()
	y := &Year{cfg: c, begin: end - int64(c.Days)*day, end: end, world: newWorld(c.Scale, c.Seed)}
	y.outages = newPlanner(y).plan()
	return y, nil
}

// Span returns the time that the year covers.
func (y *Year) Span() (begin, end time.Time) {
	return time.Unix(y.begin, 0).UTC(), time.Unix(y.end, 0).UTC()
}

// Collectors returns the names of the collectors.
func (y *Year) Collectors() []string {
	names := make([]string, len(y.world.collectors))
	for i, c := range y.world.collectors {
		names[i] = c.name
	}
	return names
}

// Size describes in words how large the year is.
func (y *Year) Size() string {
	regions, prefixes := 0, 0
	for _, c := range y.world.countries {
		regions += len(c.regions)
	}
	for i := range y.world.ases {
		prefixes += y.world.ases[i].prefixes[0] + y.world.ases[i].prefixes[1]
	}
	return fmt.Sprintf("%s, %s, %s, %s, %s", bgp.Count(len(y.world.countries), "country"),
		bgp.Count(regions, "region"),
		bgp.Count(len(y.world.ases), "AS"), bgp.Count(prefixes, "prefix"), bgp.Count(len(y.outages), "outage"))
}
