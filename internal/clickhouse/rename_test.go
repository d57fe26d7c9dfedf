package clickhouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// TestRouteChangesBecomeAView migrates a store that has rows from before the table was renamed,
// with an interruption after each statement: the rows are in the table, the view shows them and
// uses the table's key and indexes.
func TestRouteChangesBecomeAView(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	all, err := clickhouse.Migrations(s)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%.80s: %v", statement, err)
			}
		}
	}
	step := slices.IndexFunc(all, func(m clickhouse.Migration) bool { return m.Name == "route_change_log" })
	for i := range all[step].Statements {
		// The store as it was, then the step up to a statement, and then the whole of it.
		exec("DROP VIEW IF EXISTS "+s.Database+".route_changes", "DROP TABLE IF EXISTS "+s.Database+".route_change_log SYNC", "TRUNCATE TABLE "+s.Database+".schema_migrations")
		for _, m := range all[:step] {
			exec(m.Statements...)
			exec(fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name) VALUES (%d, '%s')", s.Database, m.Version, m.Name))
		}
		exec("INSERT INTO " + s.Database + ".route_changes (dataset, collector, lane, sequence, prefix, timestamp, appended_at) " +
			"SELECT 'live', 'ris/rrc00', 'live', number, concat('10.', toString(number % 200), '.', toString(intDiv(number, 200)), '.0/24'), toDateTime64(number, 6), now() FROM numbers(40000)")
		exec(all[step].Statements[:i+1]...)
		if _, err := clickhouse.Migrate(t.Context(), s); err != nil {
			t.Fatalf("interrupted after statement %d: %v", i+1, err)
		}
		for _, table := range []string{"route_change_log", "route_changes"} {
			if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+"."+table); n != 40000 {
				t.Errorf("interrupted after statement %d: %s has %d rows", i+1, table, n)
			}
		}
	}
	exec("INSERT INTO " + s.Database + ".route_change_log (dataset, collector, lane, sequence, prefix, timestamp, appended_at, repeats) " +
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
