// Package storefile writes ranges of a dataset as Parquet files with a manifest, and reads them into a store again.
//
// A file holds the rows of one table in whole hours of event time, at most some maxRows, each row once. Every file is compared: with its
// SHA-256, and its rows with a hash that ClickHouse computes of the table before and after they are written, and again after they were read
// into another store. ClickHouse makes and reads the Parquet; the files are this program's, so the server needs no access to any.
//
// Both directions can be interrupted at any time and go on where they were. The manifest holds the plan from the beginning on. A dataset
// that is being imported is entered as one that is not complete.
package storefile

import (
	"context"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Tables are those whose rows are exported; what views fill from them is made again by the import.
func Tables() []string { return clickhouse.DatasetTables() }

// rows is what is hashed, counted and copied of one table.
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

// name is the table's with its database.
func (r *rows) name() string { return r.server.Database + "." + r.table.Name }

// within is SQL for the rows of a dataset in a range of event time; the zero time is no bound.
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

// of is SQL for the rows of a file in a dataset.
func (r *rows) of(dataset string, f *File) string {
	return r.within(dataset, f.From, f.To) + fmt.Sprintf(" AND appended_at >= toDateTime(%d, 'UTC') AND appended_at <= toDateTime(%d, 'UTC')", f.Oldest.Unix(), f.Newest.Unix())
}

// sum is what is known of some rows.
type sum struct {
	// Rows and Hash are of each row once, Stored counts what is there, doubles too.
	Rows, Hash, Stored uint64
}

func (s sum) hash() string { return fmt.Sprintf("%016x", s.Hash) }

// sum counts and hashes rows.
func (r *rows) sum(ctx context.Context, where string) (s sum, err error) {
	sql := fmt.Sprintf("SELECT count() AS Rows, sum(%s) AS Hash, (SELECT count() FROM %s WHERE %s) AS Stored FROM %s FINAL WHERE %s",
		r.table.RowHash("dataset"), r.name(), where, r.name(), where)
	if err = r.server.AskRow(ctx, clickhouse.Query{SQL: sql, Settings: settings()}, &s); err != nil {
		err = fmt.Errorf("counting the rows of %s: %w", r.table.Name, err)
	}
	return s, err
}

// settings are those of all queries: they may take their time.
func settings() map[string]string {
	return map[string]string{"max_execution_time": "0", "max_threads": "2", "use_query_condition_cache": "0", "max_result_rows": "0"}
}
