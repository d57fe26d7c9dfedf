package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrDatasetTaken says that the dataset holds other inputs, or was made with other settings.
var ErrDatasetTaken = errors.New("the dataset holds something else")

// emptying stands as the inputs of a dataset while its rows are being deleted: whoever finds it has to finish that.
const emptying = "emptying"

// datasetTables are those with rows of datasets.
var datasetTables = []string{"route_change_log", "visibility", "outage_events", "panel", "feeds", "deadletter"}

// ClaimDataset makes the dataset that of the inputs and settings, both hashes. What it holds stays where both are the same;
// otherwise it fails with ErrDatasetTaken, or deletes it where replace is set. It may be interrupted at any time.
func ClaimDataset(ctx context.Context, s Server, dataset, inputs, settings string, replace bool) error {
	conn, err := Open(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	var oldInputs, oldSettings string
	query := fmt.Sprintf("SELECT argMax(inputs, created_at), argMax(settings, created_at) FROM %s.datasets WHERE dataset = ?", s.Database)
	if err := conn.QueryRow(ctx, query, dataset).Scan(&oldInputs, &oldSettings); err != nil {
		return fmt.Errorf("looking for dataset %s: %w", dataset, err)
	}
	switch {
	case oldInputs == inputs && oldSettings == settings:
		return nil
	case oldInputs == "" && oldSettings == "":
		return s.enter(ctx, conn, dataset, inputs, settings)
	case oldInputs == emptying || replace:
	case oldInputs == inputs:
		return fmt.Errorf("dataset %s was made from the same inputs with other settings: %w", dataset, ErrDatasetTaken)
	default:
		return fmt.Errorf("dataset %s was made from other inputs: %w", dataset, ErrDatasetTaken)
	}
	if err := s.enter(ctx, conn, dataset, emptying, ""); err != nil {
		return err
	}
	for _, table := range datasetTables {
		q := fmt.Sprintf("ALTER TABLE %s.%s %s DELETE WHERE dataset = ? SETTINGS mutations_sync = 2", s.Database, table, s.onCluster())
		if err := conn.Exec(ctx, q, dataset); err != nil {
			return fmt.Errorf("emptying dataset %s: %w", dataset, err)
		}
	}
	return s.enter(ctx, conn, dataset, inputs, settings)
}

func (s Server) enter(ctx context.Context, conn driver.Conn, dataset, inputs, settings string) error {
	q := fmt.Sprintf("INSERT INTO %s.datasets (dataset, inputs, settings, created_at) VALUES (?, ?, ?, ?)", s.Database)
	if err := conn.Exec(ctx, q, dataset, inputs, settings, time.Now().UTC()); err != nil {
		return fmt.Errorf("entering dataset %s: %w", dataset, err)
	}
	return nil
}
