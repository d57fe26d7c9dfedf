package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// StoredDataset is a dataset of the store.
type StoredDataset struct {
	Dataset
	// Outages counts all outages, including blips and retracted ones. RouteChanges counts the rows
	// of the log.
	Outages, RouteChanges uint64
	// Collected reports that live sources or archives made the dataset, not a replay.
	Collected bool
	// Emptying reports that a deletion of its rows began and did not end.
	Emptying bool
}

// Datasets lists the datasets of the store by name: those of replays, and those of live sources and
// archives. A store of an older version has fewer columns.
func Datasets(ctx context.Context, s Server) ([]StoredDataset, error) {
	conn, err := Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	all, err := s.enteredDatasets(ctx, conn)
	if err != nil {
		return nil, err
	}
	if err := s.countRows(ctx, conn, all); err != nil {
		return nil, err
	}
	var out []StoredDataset
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, *all[name])
	}
	return out, nil
}

// enteredDatasets returns the datasets that replays have entered.
func (s Server) enteredDatasets(ctx context.Context, conn driver.Conn) (map[string]*StoredDataset, error) {
	columns, err := s.columns(ctx, conn, "datasets")
	if err != nil {
		return nil, err
	}
	or := func(name, otherwise string) string {
		if columns[name] {
			return name
		}
		return otherwise + " AS " + name
	}
	q := fmt.Sprintf(
		"SELECT dataset, inputs, settings, created_at, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s "+
			"FROM %s.datasets ORDER BY dataset, created_at DESC LIMIT 1 BY dataset",
		or("completed_at", "toDateTime64(0, 3, 'UTC')"), or("version", "''"),
		or("files", "CAST([], 'Array(String)')"), or("collectors", "CAST([], 'Array(String)')"),
		or("begins_at", "toDateTime64(0, 6, 'UTC')"), or("ends_at", "toDateTime64(0, 6, 'UTC')"),
		or("changed", "CAST([], 'Array(String)')"),
		or("geography_date", "toDate(0)"), or("owners_date", "toDate(0)"),
		or("geography_files", "CAST([], 'Array(String)')"), s.Database)
	all := map[string]*StoredDataset{}
	err = each(ctx, conn, q, "", func(rows driver.Rows) error {
		d := &StoredDataset{}
		err := rows.Scan(&d.Name, &d.Inputs, &d.Settings, &d.Created, &d.Completed, &d.Version, &d.Files,
			&d.Collectors, &d.Begins, &d.Ends, &d.Changed,
			&d.GeographyDate, &d.OwnersDate, &d.GeographyFiles)
		d.GeographyDate, d.OwnersDate = orZero(d.GeographyDate), orZero(d.OwnersDate)
		d.Created, d.Completed, d.Begins, d.Ends =
			orZero(d.Created), orZero(d.Completed), orZero(d.Begins), orZero(d.Ends)
		d.Emptying = d.Inputs == emptying
		all[d.Name] = d
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing datasets: %w", err)
	}
	return all, nil
}

// countRows counts the rows of datasets, and adds the datasets that no replay has entered.
func (s Server) countRows(ctx context.Context, conn driver.Conn, all map[string]*StoredDataset) error {
	of := func(name string) *StoredDataset {
		if all[name] == nil {
			all[name] = &StoredDataset{Dataset: Dataset{Name: name}, Collected: true}
		}
		return all[name]
	}
	tables, err := s.presentTables(ctx, conn)
	if err != nil {
		return err
	}
	for _, table := range tables {
		count := "count()"
		if table == "outage_events" {
			count = "uniqExact(id)"
		}
		err := each(ctx, conn, fmt.Sprintf(
			"SELECT dataset, %s FROM %s.%s GROUP BY dataset", count, s.Database, table,
		), "", func(rows driver.Rows) error {
			var name string
			var n uint64
			if err := rows.Scan(&name, &n); err != nil {
				return err
			}
			switch d := of(name); table {
			case "outage_events":
				d.Outages = n
			case "route_change_log":
				d.RouteChanges = n
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("counting the rows of datasets in %s: %w", table, err)
		}
	}
	// The panel shows the time for which verdicts were sought, even for datasets whose inputs are
	// unknown.
	q := fmt.Sprintf("SELECT dataset, min(timestamp), max(timestamp) FROM %s.panel GROUP BY dataset", s.Database)
	err = each(ctx, conn, q, "", func(rows driver.Rows) error {
		var d Dataset
		if err := rows.Scan(&d.Name, &d.Begins, &d.Ends); err != nil {
			return err
		}
		if known := of(d.Name); known.Begins.IsZero() {
			known.Begins, known.Ends = d.Begins.UTC(), d.Ends.UTC()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for the times of datasets: %w", err)
	}
	return nil
}

// presentTables returns the tables with rows of datasets that the store has. An older store has
// fewer.
func (s Server) presentTables(ctx context.Context, conn driver.Conn) ([]string, error) {
	var present []string
	for _, table := range datasetTables {
		columns, err := s.columns(ctx, conn, table)
		if err != nil {
			return nil, err
		}
		if len(columns) > 0 {
			present = append(present, table)
		}
	}
	return present, nil
}

// columns returns the names of a table's columns. A table of an older store has fewer.
func (s Server) columns(ctx context.Context, conn driver.Conn, table string) (map[string]bool, error) {
	names := map[string]bool{}
	err := each(ctx, conn, fmt.Sprintf(
		"SELECT name FROM system.columns WHERE database = %s AND table = ?", QuoteText(s.Database),
	), table, func(rows driver.Rows) error {
		var name string
		err := rows.Scan(&name)
		names[name] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking at the columns of %s: %w", table, err)
	}
	return names, nil
}

// DropDataset deletes the rows and the entry of a dataset. After an interruption it can be called
// again.
func DropDataset(ctx context.Context, s Server, dataset string) error {
	conn, err := Open(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	if err := s.deleteAll(ctx, conn, dataset); err != nil {
		return err
	}
	return s.deleteRows(ctx, conn, "datasets", dataset)
}

// Conn is a connection as Open returns it.
type Conn = driver.Conn

// HasColumn reports whether a table has a column. A table of an older store has fewer.
func HasColumn(ctx context.Context, s Server, conn Conn, table, column string) (bool, error) {
	columns, err := s.columns(ctx, conn, table)
	return columns[column], err
}
