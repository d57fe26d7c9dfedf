package clickhouse_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/schemas"
)

// firstOnly contains the first of this program's migrations.
func firstOnly(t *testing.T) fstest.MapFS {
	t.Helper()
	b, err := schemas.ClickHouse.ReadFile("clickhouse/0001_schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"clickhouse/0001_schema.sql": {Data: b}}
}

// tablesOf returns the tables with rows of a database, without those of the schema's records.
func tablesOf(t *testing.T, conn driver.Conn, database string) []string {
	t.Helper()
	return list(t, conn, "SELECT name FROM system.tables WHERE database = ? AND engine LIKE '%MergeTree' AND NOT startsWith(name, 'schema_') ORDER BY name", database)
}

// rowsOfDays fills every table of a database after the first migration with random rows from a
// seed. They arrived within three days.
func rowsOfDays(t *testing.T, conn driver.Conn, database string) {
	t.Helper()
	base := time.Now().UTC().Truncate(24 * time.Hour).Unix()
	for _, table := range tablesOf(t, conn, database) {
		columns := "WHERE database = '" + database + "' AND table = '" + table + "' AND default_kind = ''"
		structure := one[string](t, conn, "SELECT arrayStringConcat(groupArray(concat('`', name, '` ', type)), ', ') FROM (SELECT name, type FROM system.columns "+columns+" ORDER BY position)")
		names := list(t, conn, "SELECT name FROM system.columns "+columns+" ORDER BY position")
		exprs := make([]string, len(names))
		for i, name := range names {
			exprs[i] = "`" + name + "`"
			switch name {
			case "appended_at":
				exprs[i] = fmt.Sprintf("toDateTime(%d - 86400 * (rowNumberInAllBlocks() %% 3), 'UTC') AS `appended_at`", base)
			case "timestamp":
				exprs[i] = fmt.Sprintf("toDateTime(%d - 60 * rowNumberInAllBlocks(), 'UTC') AS `timestamp`", base)
			case "prefix":
				exprs[i] = "concat('10.', toString(rowNumberInAllBlocks() % 200), '.0.0/16') AS `prefix`"
			case "repeats":
				exprs[i] = "0 AS `repeats`"
			}
			names[i] = "`" + name + "`"
		}
		must(t, conn, fmt.Sprintf("INSERT INTO %s.%s (%s) SELECT %s FROM generateRandom('%s', 14, 8, 2) LIMIT 500 SETTINGS max_threads = 1",
			database, table, strings.Join(names, ", "), strings.Join(exprs, ", "), strings.ReplaceAll(structure, "'", `\'`)))
	}
}

// copyRows copies the rows of all tables from one database to another.
func copyRows(t *testing.T, conn driver.Conn, from, to string) {
	t.Helper()
	for _, table := range tablesOf(t, conn, from) {
		names := strings.Join(list(t, conn, "SELECT concat('`', name, '`') FROM system.columns WHERE database = ? AND table = ? AND default_kind = '' ORDER BY position", from, table), ", ")
		must(t, conn, fmt.Sprintf("INSERT INTO %s.%s (%s) SELECT %s FROM %s.%s", to, table, names, names, from, table))
	}
}

// contents returns the number of rows of every table under FINAL, and a hash of them.
func contents(t *testing.T, conn driver.Conn, database string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range tablesOf(t, conn, database) {
		all[table] = one[string](t, conn, fmt.Sprintf("SELECT concat(toString(count()), ' rows ', toString(sum(cityHash64(*)))) FROM %s.%s FINAL", database, table))
	}
	return all
}

// TestFreshIsMigrated migrates a store with rows from the first migration to the last one, with
// repeated interruptions. It compares the result with a new store into which the same rows were
// inserted afterwards: structure and content are the same.
func TestFreshIsMigrated(t *testing.T) {
	t.Parallel()
	rows := clickhousetest.StartIn(t, t.TempDir()+"/clickhouse").Server()
	conn := open(t, rows)
	old, fresh := rows, rows
	rows.Database, old.Database, fresh.Database = "darkmap_rows", "darkmap_old", "darkmap_fresh"
	for _, s := range []clickhouse.Server{rows, old} {
		if _, err := clickhouse.MigrateFrom(t.Context(), s, firstOnly(t)); err != nil {
			t.Fatal(err)
		}
	}
	rowsOfDays(t, conn, rows.Database)
	copyRows(t, conn, rows.Database, old.Database)

	passed := func() uint64 {
		return one[uint64](t, conn, "SELECT count() FROM "+old.Database+".schema_progress")
	}
	interrupted := 0
	for done := false; !done; {
		ctx, cancel := context.WithCancel(t.Context())
		before := passed()
		ended := make(chan error, 1)
		go func() { // ends with ctx, or with the migration
			_, err := clickhouse.Migrate(ctx, old)
			ended <- err
		}()
		for running := true; running; {
			select {
			case err := <-ended:
				running, done = false, err == nil
				if err != nil && ctx.Err() == nil {
					t.Fatal(err)
				}
			default:
				if passed() > before {
					cancel()
				}
			}
		}
		if !done {
			interrupted++
		}
		cancel()
	}
	all, err := clickhouse.Migrations(old)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) > 1 && interrupted < 10 {
		t.Errorf("only %d interruptions", interrupted)
	}
	t.Logf("%d interruptions", interrupted)
	if _, err := clickhouse.Migrate(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	copyRows(t, conn, rows.Database, fresh.Database)

	var described []string
	for _, s := range []clickhouse.Server{old, fresh} {
		b, err := clickhouse.DescribeSchema(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		described = append(described, string(b))
		if got, err := clickhouse.Migrate(t.Context(), s); err != nil || got.Steps != 0 || len(got.Repairs) > 0 {
			t.Errorf("%s, twice: got %+v, %v; want nothing done", s.Database, got, err)
		}
	}
	if diff := cmp.Diff(described[1], described[0]); diff != "" {
		t.Errorf("structure (-fresh +migrated):\n%s", diff)
	}
	if diff := cmp.Diff(contents(t, conn, fresh.Database), contents(t, conn, old.Database)); diff != "" {
		t.Errorf("content (-fresh +migrated):\n%s", diff)
	}
}
