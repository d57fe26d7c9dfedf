package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrDatasetTaken means that the dataset holds other inputs, or was made with other settings.
var ErrDatasetTaken = errors.New("the dataset holds something else")

// emptying is the value of inputs while the rows of a dataset are being deleted. A process that
// finds it has to finish the deletion.
const emptying = "emptying"

// datasetTables lists the tables with rows of datasets. Views fill further tables from them
// (Copyings).
var datasetTables = []string{
	"route_change_log", "visibility", "prefix_states", "outage_events", "panel", "feeds", "deadletter",
}

// DatasetTables returns the tables with rows of datasets, without the tables that views fill from
// them.
func DatasetTables() []string { return slices.Clone(datasetTables) }

// Dataset is the entry of a dataset in the table datasets, written by the replay that makes the
// dataset.
type Dataset struct {
	Name string
	// Inputs is a hash of the inputs. Settings is a hash of everything else that determines the
	// results. Both are empty for data of live sources and archives.
	Inputs, Settings string
	// Version is the version of darkmap that made the dataset. It is empty for an older version,
	// which stored none of the following fields.
	Version string
	// Files lists the names of the input files, and Collectors their collectors. Begins and Ends
	// are the first and the last time in them, or zero if unknown.
	Files, Collectors []string
	Begins, Ends      time.Time
	// Changed lists the settings that affect results and differ from their defaults, as key=value.
	Changed []string
	// GeographyDate and OwnersDate are the days of the location data and the AS data of the
	// dataset. Zero is unknown. GeographyFiles lists the files of the location data.
	GeographyDate, OwnersDate time.Time
	GeographyFiles            []string
	// Created is the time of the entry. Completed is the time at which all inputs had been played.
	// Zero means not yet, or unknown.
	Created, Completed time.Time
}

// ClaimDataset claims a dataset for its inputs and settings. If the stored entry has the same
// inputs and settings, ClaimDataset keeps the rows. Otherwise it fails with ErrDatasetTaken, or
// deletes the rows if replace is set. It may be interrupted at any time.
func ClaimDataset(ctx context.Context, s Server, d Dataset, replace bool) error {
	conn, err := Open(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	old, err := s.entered(ctx, conn, d.Name)
	if err != nil {
		return err
	}
	d.Completed = time.Time{}
	switch {
	case old.Inputs == d.Inputs && old.Settings == d.Settings:
		if old.Version != "" {
			return nil
		}
		return s.enter(ctx, conn, d) // an older version stored fewer fields
	case old.Inputs == "" && old.Settings == "":
		return s.enter(ctx, conn, d)
	case old.Inputs == emptying || replace:
	case old.Inputs == d.Inputs:
		return fmt.Errorf("dataset %s was made from the same inputs with other settings: %w",
			d.Name, ErrDatasetTaken)
	default:
		return fmt.Errorf("dataset %s was made from other inputs: %w", d.Name, ErrDatasetTaken)
	}
	if err := s.empty(ctx, conn, d.Name); err != nil {
		return err
	}
	return s.enter(ctx, conn, d)
}

// CompleteDataset records that all inputs of the dataset have been played. It keeps an earlier
// record.
func CompleteDataset(ctx context.Context, s Server, d Dataset) error {
	conn, err := Open(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	old, err := s.entered(ctx, conn, d.Name)
	if err != nil || old.Inputs != d.Inputs || !old.Completed.IsZero() {
		return err
	}
	d.Completed = time.Now()
	return s.enter(ctx, conn, d)
}

// entered returns those fields of a dataset's newest entry that decide whether it can be claimed.
func (s Server) entered(ctx context.Context, conn driver.Conn, dataset string) (d Dataset, err error) {
	var completed int64
	q := fmt.Sprintf(
		"SELECT argMax(inputs, created_at), argMax(settings, created_at), argMax(version, created_at), "+
			"argMax(toUnixTimestamp64Milli(completed_at), created_at) "+
			"FROM %s.datasets WHERE dataset = ?", s.Database)
	if err := conn.QueryRow(ctx, q, dataset).Scan(&d.Inputs, &d.Settings, &d.Version, &completed); err != nil {
		return d, fmt.Errorf("looking for dataset %s: %w", dataset, err)
	}
	if completed > 0 {
		d.Completed = time.UnixMilli(completed).UTC()
	}
	return d, nil
}

// empty deletes the rows of a dataset. It first marks the entry as emptying.
func (s Server) empty(ctx context.Context, conn driver.Conn, dataset string) error {
	if err := s.enter(ctx, conn, Dataset{Name: dataset, Inputs: emptying}); err != nil {
		return err
	}
	return s.deleteAll(ctx, conn, dataset)
}

// deleteAll deletes the rows of a dataset in all tables, including the tables that views fill.
func (s Server) deleteAll(ctx context.Context, conn driver.Conn, dataset string) error {
	copyings, err := s.Copyings(ctx, conn)
	if err != nil {
		return err
	}
	tables := slices.Clone(datasetTables)
	for _, c := range copyings {
		if slices.Contains(datasetTables, c.From) {
			tables = append(tables, c.To)
		}
	}
	for _, table := range tables {
		if err := s.deleteRows(ctx, conn, table, dataset); err != nil {
			return err
		}
	}
	return nil
}

func (s Server) deleteRows(ctx context.Context, conn driver.Conn, table, dataset string) error {
	q := fmt.Sprintf("ALTER TABLE %s.%s %s DELETE WHERE dataset = ? SETTINGS mutations_sync = 2",
		s.Database, table, s.onCluster())
	if err := conn.Exec(ctx, q, dataset); err != nil {
		return fmt.Errorf("emptying dataset %s: %w", dataset, err)
	}
	return nil
}

func (s Server) enter(ctx context.Context, conn driver.Conn, d Dataset) error {
	q := fmt.Sprintf(
		"INSERT INTO %s.datasets (dataset, inputs, settings, created_at, completed_at, version, files, "+
			"collectors, begins_at, ends_at, changed, geography_date, owners_date, geography_files)",
		s.Database)
	batch, err := conn.PrepareBatch(ctx, q)
	if err == nil {
		err = batch.Append(d.Name, d.Inputs, d.Settings, time.Now().UTC(), orEpoch(d.Completed), d.Version,
			d.Files, d.Collectors, orEpoch(d.Begins), orEpoch(d.Ends), d.Changed,
			orEpoch(d.GeographyDate), orEpoch(d.OwnersDate), d.GeographyFiles)
	}
	if err == nil {
		err = batch.Send()
	}
	if err != nil {
		return fmt.Errorf("entering dataset %s: %w", d.Name, err)
	}
	return nil
}

// orEpoch returns t in UTC, or 1970-01-01 if t is zero. The columns hold that date for an unknown
// time.
func orEpoch(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}

// orZero is the inverse of orEpoch.
func orZero(t time.Time) time.Time {
	if t.Unix() == 0 {
		return time.Time{}
	}
	return t.UTC()
}
