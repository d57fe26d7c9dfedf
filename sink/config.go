package sink

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
)

// Name is the stage's name, also that of its consumer group.
const Name = "sink"

// Config is the section sink.
type Config struct {
	// The rows that end a batch. A record is never split, so that a batch may have more.
	BatchMaxRows int `yaml:"batch_max_rows" min:"1" max:"500000"`
	// The time after its first record that ends a batch. When no record arrives for 100 ms, batches end too.
	FlushInterval time.Duration `yaml:"flush_interval" min:"1ms" max:"1m"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{BatchMaxRows: 65_536, FlushInterval: time.Second} }

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
	// Drain bounds how long the last batches may take when the stage ends. 0 is kafka.DefaultDrain.
	Drain time.Duration
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
