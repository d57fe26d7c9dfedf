// Package storefile exports ranges of a dataset as Parquet files with a manifest, and imports them
// into a store.
//
// A file holds the rows of one table in whole hours of event time, about maxRows at most, each row
// once. Every file has its SHA-256, and its rows have a hash that ClickHouse computes from the
// table before and after the export, and again after the import into another store. ClickHouse
// creates and reads the Parquet. This program reads and writes the files, so the server needs no
// access to any.
//
// Export and import can be interrupted at any time and go on at that point. The manifest holds the
// plan from the beginning on. A dataset under import is entered as not complete.
package storefile

import (
	"context"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Tables returns the tables whose rows are exported. The import fills the tables of the views
// again.
func Tables() []string { return clickhouse.DatasetTables() }

// rows hashes, counts and copies the rows of one table.
type rows struct {
	server clickhouse.Server
	table  clickhouse.Table
	// time is the column of event time.
	time string
}

func openRows(ctx context.Context, s clickhouse.Server, table string) (*rows, error) {
	t, err := clickhouse.ReadTable(ctx, s, table)
	if err != nil {
		return nil, err
	}
	r := &rows{server: s, table: t, time: t.Time()}
	if r.time == "" {
		return nil, fmt.Errorf("table %s has no column of time", table)
	}
	return r, nil
}

// name returns the name of the table with its database.
func (r *rows) name() string { return r.server.Database + "." + r.table.Name }

// within returns an SQL condition for the rows of a dataset in a range of event time; the zero time
// is no bound.
func (r *rows) within(dataset string, from, to time.Time) string {
	where := "dataset = " + clickhouse.QuoteText(dataset)
	if !from.IsZero() {
		where += " AND " + r.time + " >= " + clickhouse.QuoteTime(from)
	}
	if !to.IsZero() {
		where += " AND " + r.time + " < " + clickhouse.QuoteTime(to)
	}
	return where
}

// of returns an SQL condition for the rows of a file in a dataset.
func (r *rows) of(dataset string, f *File) string {
	return r.within(dataset, f.From, f.To) +
		fmt.Sprintf(" AND appended_at >= toDateTime(%d, 'UTC') AND appended_at <= toDateTime(%d, 'UTC')",
			f.Oldest.Unix(), f.Newest.Unix())
}

// sum is the count and the hash of some rows.
type sum struct {
	// Rows and Hash count each row once. Stored counts all stored rows, doubles included.
	Rows, Hash, Stored uint64
}

func (s sum) hash() string { return fmt.Sprintf("%016x", s.Hash) }

// sum counts and hashes rows.
func (r *rows) sum(ctx context.Context, where string) (s sum, err error) {
	sql := fmt.Sprintf("SELECT count() AS Rows, sum(%s) AS Hash, "+
		"(SELECT count() FROM %s WHERE %s) AS Stored FROM %s FINAL WHERE %s",
		r.table.RowHash("dataset"), r.name(), where, r.name(), where)
	if err = r.server.AskRow(ctx, clickhouse.Query{SQL: sql, Settings: settings()}, &s); err != nil {
		err = fmt.Errorf("counting the rows of %s: %w", r.table.Name, err)
	}
	return s, err
}

// settings returns the settings of all queries. They set no limit of time.
func settings() map[string]string {
	return map[string]string{
		"max_execution_time": "0", "max_threads": "2", "use_query_condition_cache": "0",
		"max_result_rows": "0",
	}
}
