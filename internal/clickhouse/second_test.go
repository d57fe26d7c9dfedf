package clickhouse_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/schemas"
)

// withSecond are the migrations of this program and the made-up one of testdata after them.
func withSecond(t *testing.T) fs.FS {
	t.Helper()
	second, err := os.ReadFile(filepath.Join("testdata", "0002_made_up.sql"))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"clickhouse/0002_made_up.sql": {Data: second}}
	names, err := fs.Glob(schemas.ClickHouse, "clickhouse/*.sql")
	if err != nil || len(names) != 1 {
		t.Fatalf("got migrations %v, %v; want one: this test's has the number 2", names, err)
	}
	first, err := schemas.ClickHouse.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	files[names[0]] = &fstest.MapFile{Data: first}
	return files
}

// TestSecondMigration applies a second migration to a store that has rows, with an interruption after each of its statements: the
// table is renamed, and every row is there.
func TestSecondMigration(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	files := withSecond(t)
	all, err := clickhouse.MigrationsIn(files, s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all[1].Statements {
		// The store as it was, then the second step up to a statement, and then the whole of it.
		must(t, conn, "DROP TABLE IF EXISTS "+s.Database+".deadletter SYNC", "DROP TABLE IF EXISTS "+s.Database+".letters SYNC", "TRUNCATE TABLE "+s.Database+".schema_migrations")
		must(t, conn, all[0].Statements...)
		must(t, conn, fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name) VALUES (1, '%s')", s.Database, all[0].Name),
			"INSERT INTO "+s.Database+".deadletter (dataset, topic, offset, appended_at) SELECT 't', 'x', number, now() FROM numbers(40000)")
		must(t, conn, all[1].Statements[:i+1]...)
		got, err := clickhouse.MigrateFrom(t.Context(), s, files)
		if err != nil || got.Steps != 1 || len(got.Repairs) > 0 {
			t.Fatalf("interrupted after statement %d: got %+v, %v; want one step", i+1, got, err)
		}
		for _, table := range []string{"letters", "deadletter"} {
			if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+"."+table); n != 40000 {
				t.Errorf("interrupted after statement %d: %s has %d rows", i+1, table, n)
			}
		}
	}
	if got, err := clickhouse.MigrateFrom(t.Context(), s, files); err != nil || got.Steps != 0 || len(got.Repairs) > 0 {
		t.Errorf("again: got %+v, %v; want nothing done", got, err)
	}
}

// TestStepAfterADrop: a step that needs a table which was dropped by hand makes it again first.
func TestStepAfterADrop(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	must(t, open(t, s), "DROP TABLE "+s.Database+".deadletter SYNC")
	got, err := clickhouse.MigrateFrom(t.Context(), s, withSecond(t))
	if err != nil || got.Steps != 1 || len(got.Repairs) == 0 || !strings.Contains(got.Repairs[0], "table deadletter was missing") {
		t.Errorf("got %+v, %v; want one step and that deadletter was missing", got, err)
	}
}

// TestRouteChangesIsAView: the view leaves rows that repeat others out, and uses the table's key and indexes.
func TestRouteChangesIsAView(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	must(t, conn,
		"INSERT INTO "+s.Database+".route_change_log (dataset, collector, lane, sequence, prefix, timestamp, appended_at) "+
			"SELECT 'live', 'ris/rrc00', 'live', number, concat('10.', toString(number % 200), '.', toString(intDiv(number, 200)), '.0/24'), toDateTime64(number, 6), now() FROM numbers(40000)",
		"INSERT INTO "+s.Database+".route_change_log (dataset, collector, lane, sequence, prefix, timestamp, appended_at, repeats) "+
			"VALUES ('live', 'ris/rrc00', 'fill/1-1', 1, '10.0.0.0/24', 0, now(), 1)")
	if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+".route_changes"); n != 40000 {
		t.Errorf("with a row that repeats another: %d rows are shown", n)
	}
	for where, uses := range map[string]string{
		"prefix = '10.7.7.0/24'":                                      "Name: by_prefix",
		"timestamp < toDateTime64(100, 6)":                            "Name: by_timestamp",
		"dataset = 'live' AND collector = 'ris/rrc00' AND lane = 'x'": "collector in ['ris/rrc00', 'ris/rrc00']",
	} {
		plan := one[string](t, conn, "SELECT arrayStringConcat(groupArray(explain), '\n') FROM (EXPLAIN indexes = 1 SELECT event_id, as_path_asns FROM "+s.Database+".route_changes WHERE "+where+")")
		if !strings.Contains(plan, uses) {
			t.Errorf("WHERE %s does not use %s:\n%s", where, uses, plan)
		}
	}
}
