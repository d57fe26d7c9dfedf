package sink

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
)

// Name is the name of the stage and of its consumer group.
const Name = "sink"

// Config is the section sink.
type Config struct {
	// A batch ends at this number of rows. Records are not split, so it may have more.
	BatchMaxRows int `yaml:"batch_max_rows" min:"1" max:"500000"`
	// A batch ends this time after its first record, or 100 ms after the last record.
	FlushInterval time.Duration `yaml:"flush_interval" min:"1ms" max:"1m"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{BatchMaxRows: 65_536, FlushInterval: time.Second} }

// Deps are the dependencies of the stage.
type Deps struct {
	Log *slog.Logger
	// Registerer takes the metrics. If it is nil, they are not published.
	Registerer prometheus.Registerer
	// Kafka is the configuration of the dataset's topics (kafka.Config.WithDataset).
	Kafka kafka.Config
	// ClickHouse is the migrated store.
	ClickHouse clickhouse.Server
	// Persist keeps the stage running if ClickHouse reports an error that retries do not fix, such
	// as a missing table. The stage then logs the error once a minute, is not ready, and continues
	// once an operator has fixed it. Without Persist the stage ends with the error.
	Persist bool
	// Dataset is written into every row.
	Dataset string
	// Instance names this member of the group. It is the same after a restart. Two processes must
	// not share it.
	Instance string
	// Drain bounds the time for the last batches when the stage ends. 0 is kafka.DefaultDrain.
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
