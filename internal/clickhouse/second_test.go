package clickhouse_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/schemas"
)

// furtherFiles contains the migrations of this program and the made-up one of testdata after them.
func furtherFiles() (fstest.MapFS, error) {
	files := fstest.MapFS{}
	names, err := fs.Glob(schemas.ClickHouse, "clickhouse/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := schemas.ClickHouse.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[name] = &fstest.MapFile{Data: b}
	}
	b, err := os.ReadFile(filepath.Join("testdata", "made_up.sql"))
	files[fmt.Sprintf("clickhouse/%04d_made_up.sql", len(names)+1)] = &fstest.MapFile{Data: b}
	return files, err
}

// withFurther returns furtherFiles.
func withFurther(t *testing.T) fs.FS {
	t.Helper()
	files, err := furtherFiles()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// letters inserts rows into the table deadletter, into the given number of partitions.
func letters(t *testing.T, conn driver.Conn, s clickhouse.Server, partitions int) {
	t.Helper()
	must(t, conn, fmt.Sprintf("INSERT INTO %s.deadletter (dataset, topic, offset, appended_at) SELECT 't', 'x', number, addMonths(toStartOfMonth(now('UTC')) + 60, number %% %d) FROM numbers(40000)", s.Database, partitions))
}

// TestFurtherMigration applies a further migration to a store with rows, with an interruption after
// each of its statements. The table is renamed and has every row.
func TestFurtherMigration(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	files := withFurther(t)
	all, err := clickhouse.MigrationsIn(files, s)
	if err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1]
	const partitions = 3
	for i := range last.Statements {
		// The store as it was, then the last step up to a statement, and then the whole of it.
		for _, table := range []string{"letters_to_letters_by_offset", "letters_by_offset", "deadletter", "letters"} {
			must(t, conn, "DROP TABLE IF EXISTS "+s.Database+"."+table+" SYNC")
		}
		for _, st := range all[0].Statements {
			must(t, conn, st.SQL)
		}
		must(t, conn, fmt.Sprintf("DELETE FROM %s.schema_migrations WHERE version = %d", s.Database, last.Version), "TRUNCATE TABLE "+s.Database+".schema_progress")
		letters(t, conn, s, partitions)
		for _, st := range last.Statements[:i+1] {
			if st.Each == "" {
				must(t, conn, st.SQL)
			}
		}
		got, err := clickhouse.MigrateFrom(t.Context(), s, files)
		if err != nil || got.Steps != 1 || len(got.Repairs) > 0 {
			t.Fatalf("interrupted after statement %d: got %+v, %v; want one step", i+1, got, err)
		}
		for _, table := range []string{"letters", "deadletter", "letters_by_offset FINAL"} {
			if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+"."+table); n != 40000 {
				t.Errorf("interrupted after statement %d: %s has %d rows", i+1, table, n)
			}
		}
	}
	if got, err := clickhouse.MigrateFrom(t.Context(), s, files); err != nil || got.Steps != 0 || len(got.Repairs) > 0 {
		t.Errorf("again: got %+v, %v; want nothing done", got, err)
	}
	if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+".schema_progress FINAL WHERE version = ? AND statement = ?", last.Version, len(last.Statements)); n != partitions {
		t.Errorf("the copy is recorded for %d partitions, want %d", n, partitions)
	}
}

// TestCopyGoesOn interrupts the step that copies rows, partition by partition. It does not copy
// recorded partitions again.
func TestCopyGoesOn(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	files := withFurther(t)
	letters(t, conn, s, 3)
	// This table makes the copy fail.
	must(t, conn, "CREATE TABLE "+s.Database+".letters_by_offset (n UInt8) ENGINE = MergeTree ORDER BY n")
	if _, err := clickhouse.MigrateFrom(t.Context(), s, files); err == nil || !strings.Contains(err.Error(), "made_up, statement 5") {
		t.Fatalf("got %v, want that statement 5 failed", err)
	}
	must(t, conn, "DROP TABLE "+s.Database+".letters_by_offset SYNC")
	all, err := clickhouse.MigrationsIn(files, s)
	if err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1]
	must(t, conn, last.Statements[3].SQL)
	month := one[string](t, conn, "SELECT min(partition_id) FROM system.parts WHERE active AND database = ? AND table = 'letters'", s.Database)
	if err := clickhouse.RecordStatement(t.Context(), s, last, len(last.Statements), month); err != nil {
		t.Fatal(err)
	}
	if got, err := clickhouse.MigrateFrom(t.Context(), s, files); err != nil || got.Steps != 1 || len(got.Repairs) > 0 {
		t.Fatalf("got %+v, %v; want one step", got, err)
	}
	want := one[uint64](t, conn, "SELECT count() FROM "+s.Database+".letters WHERE _partition_id != ?", month)
	if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+".letters_by_offset FINAL"); n != want || n == 0 {
		t.Errorf("%d rows were copied, want %d: those of a partition that is recorded are not copied again", n, want)
	}
}

// TestDirective reads statements that run for each partition, and rejects those whose directive and
// {{partition}} do not match.
func TestDirective(t *testing.T) {
	t.Parallel()
	read := func(sql string) ([]clickhouse.Statement, error) {
		all, err := clickhouse.MigrationsIn(fstest.MapFS{"clickhouse/0001_x.sql": {Data: []byte(sql)}}, clickhouse.Server{Database: "d"})
		if err != nil {
			return nil, err
		}
		return all[0].Statements, nil
	}
	got, err := read("-- Words; more words;\nSELECT 1\n-- between\nFROM {{database}}.t;\n\n-- each partition of t\n-- words\nINSERT INTO {{database}}.c SELECT 'it''s;' FROM {{database}}.t WHERE _partition_id = {{partition}};\nSELECT 2")
	if err != nil || len(got) != 3 || got[0].SQL != "SELECT 1\nFROM d.t" || got[1].Each != "t" || got[2] != (clickhouse.Statement{SQL: "SELECT 2"}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if sql := got[1].For("2026'1"); sql != `INSERT INTO d.c SELECT 'it''s;' FROM d.t WHERE _partition_id = '2026\'1'` {
		t.Errorf("for a partition: got %s", sql)
	}
	for _, sql := range []string{"SELECT {{partition}};", "-- each partition of t\nSELECT 1;", "SELECT 1;\n-- each partition of t\n"} {
		if got, err := read(sql); err == nil {
			t.Errorf("%q: got %+v, want an error", sql, got)
		}
	}
}

// TestStepAfterADrop: a step that needs a table which was dropped by hand first makes it again.
func TestStepAfterADrop(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	must(t, open(t, s), "DROP TABLE "+s.Database+".deadletter SYNC")
	got, err := clickhouse.MigrateFrom(t.Context(), s, withFurther(t))
	if err != nil || got.Steps != 1 || len(got.Repairs) == 0 || !strings.Contains(got.Repairs[0], "table deadletter was missing") {
		t.Errorf("got %+v, %v; want one step and that deadletter was missing", got, err)
	}
}

// TestRouteChangesIsAView: the view omits rows that repeat others, and uses the table's key and
// indexes.
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
		"timestamp < toDateTime64(100, 6)":                            "Name: by_timestamp",
		"dataset = 'live' AND collector = 'ris/rrc00' AND lane = 'x'": "collector in ['ris/rrc00', 'ris/rrc00']",
	} {
		plan := one[string](t, conn, "SELECT arrayStringConcat(groupArray(explain), '\n') FROM (EXPLAIN indexes = 1 SELECT event_id, as_path_asns FROM "+s.Database+".route_changes WHERE "+where+")")
		if !strings.Contains(plan, uses) {
			t.Errorf("WHERE %s does not use %s:\n%s", where, uses, plan)
		}
	}
}

// TestViewsSkipOtherTimes: a query about a time reads only the parts with that time, even in tables
// with another sorting key.
func TestViewsSkipOtherTimes(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	// Each month is a partition that no retention drops.
	for _, month := range []string{"2099-01", "2099-02", "2099-03"} {
		for _, table := range []string{"panel (dataset, timestamp, collector, idx, position_collector, position_sequence, appended_at)", "feeds (dataset, timestamp, collector, peer_asn, position_collector, position_sequence, appended_at)"} {
			must(t, conn, "INSERT INTO "+s.Database+"."+table+" SELECT 'live', toDateTime64('"+month+"-10 00:00:00', 6) + number, 'ris/rrc00', number % 2, 'x', toUInt64(toDateTime('"+month+"-10 00:00:00')) + number, '"+month+"-10 00:00:00' FROM numbers(1000)")
		}
		must(t, conn, "INSERT INTO "+s.Database+".visibility (dataset, entity_type, entity_code, family, timestamp, appended_at) SELECT 'live', 'country', ['KP', 'SY'][number % 2 + 1], 'ipv4', toDateTime('"+month+"-10 00:00:00') + number, '"+month+"-10 00:00:00' FROM numbers(1000)")
	}
	for view, where := range map[string]string{"panel_peers": "1", "feeds": "1", "entity_history": "entity_type = 'country' AND entity_code = 'KP'"} {
		plan := one[string](t, conn, "SELECT arrayStringConcat(groupArray(trim(explain)), ' ') FROM (EXPLAIN indexes = 1 SELECT * FROM "+s.Database+"."+view+" WHERE dataset = 'live' AND "+where+
			" AND timestamp >= '2099-02-10 00:01:00' AND timestamp < '2099-02-10 00:02:00')")
		if !strings.Contains(plan, "Parts: 1/3 ") {
			t.Errorf("%s reads other months:\n%s", view, plan)
		}
	}
	if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+".panel_peers WHERE dataset = 'live' AND timestamp >= '2099-02-10 00:01:00' AND timestamp < '2099-02-10 00:02:00'"); n != 60 {
		t.Errorf("a minute has %d rows, want 60", n)
	}
}
