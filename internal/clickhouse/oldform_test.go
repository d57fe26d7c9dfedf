package clickhouse_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// oldStore recreates the tables of s with the first of the migrations from before the column epoch.
// It inserts into three tables a row of each of two epochs that differ in nothing else.
func oldStore(t *testing.T, conn driver.Conn, s clickhouse.Server, steps int) {
	t.Helper()
	must(t, conn, "DROP DATABASE "+s.Database+" SYNC", "CREATE DATABASE "+s.Database,
		"CREATE TABLE "+s.Database+".schema_migrations (version UInt32, name String, applied_at DateTime64(3, 'UTC')) ENGINE = ReplacingMergeTree(applied_at) ORDER BY version")
	files := fstest.MapFS{}
	for _, name := range []string{"0001_tables", "0002_feeds", "0003_route_change_log", "0004_outage_end"}[:steps] {
		b, err := os.ReadFile("testdata/before_epoch/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		files["clickhouse/"+name+".sql"] = &fstest.MapFile{Data: b}
	}
	all, err := clickhouse.MigrationsIn(files, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		for _, st := range m.Statements {
			must(t, conn, st.SQL)
		}
		must(t, conn, fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name) VALUES (%d, '%s')", s.Database, m.Version, m.Name))
	}
	for _, epoch := range []int{7, 8} {
		must(t, conn,
			fmt.Sprintf("INSERT INTO %s.%s (dataset, collector, lane, session, sequence, appended_at) VALUES ('live', 'ris/rrc00', 'live', %d, 1, now())", s.Database, routesOf(steps), epoch),
			fmt.Sprintf("INSERT INTO %s.outage_events (dataset, id, sequence, position_session, position_sequence, family, entity_type, appended_at) VALUES ('live', 'x', 1, %d, 1, 'ipv4', 'as', now())", s.Database, epoch),
			fmt.Sprintf("INSERT INTO %s.feeds (dataset, position_collector, position_lane, position_session, position_sequence, appended_at) VALUES ('live', 'c', 'feed', %d, 1, now())", s.Database, epoch))
	}
}

// routesOf returns the table of route changes after the given number of old migrations.
func routesOf(steps int) string {
	if steps < 3 {
		return "route_changes"
	}
	return "route_change_log"
}

// TestOldForm: Migrate rejects a database that all or the first of the migrations from before the
// column epoch made. The error names the findings and the remedy. No row is lost, and rows of two
// epochs stay two under FINAL.
func TestOldForm(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	for _, steps := range []int{4, 1} {
		oldStore(t, conn, s, steps)
		columns := func() []string {
			return list(t, conn, "SELECT concat(table, '.', name, ' ', type) FROM system.columns WHERE database = ? ORDER BY table, position", s.Database)
		}
		before := columns()
		words := []string{"column " + routesOf(steps) + ".session", "column outage_events.position_session", "migration 1 tables", "clickhouse.database", s.Database}
		if steps == 4 {
			words = append(words, "migration 4 outage_end")
		}
		ways := map[string]func() error{
			"Migrate":       func() error { _, err := clickhouse.Migrate(t.Context(), s); return err },
			"SchemaVersion": func() error { _, _, err := clickhouse.SchemaVersion(t.Context(), s); return err },
			"as a reader":   func() error { _, _, err := clickhouse.SchemaVersion(t.Context(), s.AsReader()); return err },
		}
		for way, try := range ways {
			err := try()
			if !errors.Is(err, clickhouse.ErrOldForm) {
				t.Errorf("%d steps, %s: got %v, want ErrOldForm", steps, way, err)
				continue
			}
			for _, w := range words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%d steps, %s: got %v, want %q in it", steps, way, err, w)
				}
			}
		}
		if after := columns(); strings.Join(before, "\n") != strings.Join(after, "\n") {
			t.Errorf("%d steps: the columns are %v, and were %v", steps, after, before)
		}
		for _, table := range []string{routesOf(steps), "outage_events", "feeds"} {
			must(t, conn, "OPTIMIZE TABLE "+s.Database+"."+table+" FINAL")
			for _, final := range []string{"", " FINAL"} {
				if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+"."+table+final); n != 2 {
					t.Errorf("%d steps: %s%s has %d rows, want one of each epoch", steps, table, final, n)
				}
			}
		}
	}

	// Dropped or unfinished parts do not hide the old form.
	must(t, conn, "TRUNCATE TABLE "+s.Database+".schema_migrations")
	if _, err := clickhouse.Migrate(t.Context(), s); !errors.Is(err, clickhouse.ErrOldForm) {
		t.Errorf("without recorded migrations: got %v, want ErrOldForm", err)
	}
}

// TestOwnColumnSession: a column session that an operator added to a table of the present form
// belongs to the operator.
func TestOwnColumnSession(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	must(t, open(t, s), "ALTER TABLE "+s.Database+".feeds ADD COLUMN session String")
	if got, err := clickhouse.Migrate(t.Context(), s); err != nil || len(got.Repairs) > 0 {
		t.Errorf("got %+v, %v; want nothing done", got, err)
	}
}
