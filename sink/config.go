package sink

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
)

// Name is the stage's name, also that of its consumer group.
const Name = "sink"

// Config is the section sink of the configuration.
type Config struct {
	// BatchMaxRows ends a batch; default 65,536. A record is never split, so a batch may be larger by one.
	BatchMaxRows int `yaml:"batch_max_rows"`
	// FlushInterval ends a batch after its first record; default 1 s. When no record arrives for 100 ms, batches end too.
	FlushInterval time.Duration `yaml:"flush_interval"`
	// Drain bounds how long the last batches may take when the stage ends; default 10 s.
	Drain time.Duration `yaml:"drain"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{BatchMaxRows: 65_536, FlushInterval: time.Second, Drain: 10 * time.Second}
}

// Validate reports all faults, joined.
func (c Config) Validate() error {
	var faults []error
	if c.BatchMaxRows < 1 || c.BatchMaxRows > 500_000 {
		faults = append(faults, fmt.Errorf("sink.batch_max_rows: %d: want 1 to 500000", c.BatchMaxRows))
	}
	if c.FlushInterval <= 0 || c.FlushInterval > time.Minute {
		faults = append(faults, fmt.Errorf("sink.flush_interval: %v: want more than 0, at most 1m", c.FlushInterval))
	}
	if c.Drain <= 0 {
		faults = append(faults, fmt.Errorf("sink.drain: %v: want more than 0", c.Drain))
	}
	return errors.Join(faults...)
}

// Deps is what the stage works with.
type Deps struct {
	Log *slog.Logger
	// Registerer takes the metrics; nil is none.
	Registerer prometheus.Registerer
	// Kafka is the configuration of the dataset's topics (kafka.Config.WithDataset).
	Kafka kafka.Config
	// ClickHouse is the migrated store.
	ClickHouse clickhouse.Server
	// Persist makes the stage go on where ClickHouse refuses what waiting does not cure, as a table that is missing: it says so once a
	// minute, is not ready, and goes on when someone has cured it. Without it the stage ends with the error.
	Persist bool
	// Dataset is written into every row.
	Dataset string
	// Instance is this member of the group; it stays over restarts, and two processes must not share one.
	Instance string
}

func (d Deps) validate() error {
	var faults []error
	if d.Log == nil {
		faults = append(faults, errors.New("no logger"))
	}
	if d.Dataset == "" {
		faults = append(faults, errors.New("no dataset"))
	}
	if d.Instance == "" {
		faults = append(faults, errors.New("no instance name"))
	}
	if len(d.ClickHouse.Addresses) == 0 && !d.ClickHouse.Embedded {
		faults = append(faults, errors.New("no ClickHouse"))
	}
	return errors.Join(faults...)
}
