package detect

import (
	"time"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section detect.
type Config struct {
	// What it decides by.
	Core core.Config `yaml:",inline"`
	// The families on which `darkmap detect` decides: both, ipv4 or ipv6. A detector for ipv4 and one
	// for ipv6, side by side, publish what one for both does. up and runs of files always decide on
	// both.
	Families core.Families `yaml:"families" want:"both, ipv4 or ipv6"`
	// The most records of one transaction.
	PollMaxRecords int `yaml:"poll_max_records" min:"1" max:"1000000"`
	// The most octets, as encoded, of records that wait for their minute.
	BufferMaxBytes int `yaml:"buffer_max_bytes" min:"1"`
	// The soft memory limit of a process with a detector, octets: from there on the garbage
	// collector runs more often. auto: 15 % more than what is in use, and at least 268435456; in up
	// and in runs of files 50 % more, as other stages run beside it. GOMEMLIMIT in the environment
	// goes before it.
	Memory config.CountOrAuto `yaml:"memory" min:"67108864"`
	// The time between two checkpoints: the state, written to bgp.checkpoints. A new start reads
	// the log from the newest one on.
	CheckpointInterval config.DurationOrOff `yaml:"checkpoint_interval" min:"1s" max:"24h"`
	// The query door at the admin address.
	Door DoorConfig `yaml:"door"`
}

// DoorConfig is the section detect.door.
type DoorConfig struct {
	// The secret that who asks the detector has to know, and that `darkmap show --detector` sends.
	// Without one `up` draws a new one at each start, and the door of a `detect` of its own is
	// closed.
	Key config.Secret `yaml:"key"`
}

// Faults returns the faults that the tags cannot express.
func (c Config) Faults() []config.Fault {
	if c.Families.Valid() {
		return nil
	}
	return []config.Fault{{Key: "families", Value: c.Families}}
}

// DefaultConfig returns the defaults that docs/detection.md describes.
func DefaultConfig() Config {
	return Config{
		Core: core.DefaultConfig(), Families: core.BothFamilies,
		PollMaxRecords: 10_000, BufferMaxBytes: clock.DefaultBufferBytes,
		CheckpointInterval: config.DurationOrOff(5 * time.Minute),
	}
}
