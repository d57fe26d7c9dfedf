package clickhouse_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	if got, err := clickhouse.Migrate(t.Context(), s); err != nil || got.Steps != 0 || len(got.Repairs) > 0 {
		t.Errorf("again: got %+v, %v; want nothing done", got, err)
	}
	rows, err := conn.Query(t.Context(), "SELECT name FROM system.tables WHERE database = ? ORDER BY name", s.Database)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		got = append(got, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"as_info", "country_info", "country_networks_at", "datasets", "deadletter", "entity_history", "entity_hours", "entity_minutes", "feed_gaps",
		"feed_newest", "feed_newest_filled", "feed_status", "feeds", "lookup_ases", "lookup_countries", "lookup_prefixes", "lookup_regions",
		"lookup_snapshots", "open_outages", "origin_prefixes_at", "outage_events", "outage_history", "outage_newest", "outage_newest_filled",
		"outage_withdrawal_curve", "outage_withdrawals", "outages", "panel", "panel_history", "panel_peers", "panel_verdicts", "panel_verdicts_filled",
		"prefix_changes", "prefix_changes_filled", "prefix_countries", "prefix_countries_filled", "prefix_history", "prefix_holders", "prefix_holders_at",
		"prefix_info", "prefix_minutes", "prefix_origins", "prefix_origins_filled", "prefix_states", "prefixes_containing", "prefixes_within", "region_info", "route_change_log", "route_changes", "schema_lock", "schema_migrations",
		"schema_progress", "visibility", "visibility_hours", "visibility_hours_filled", "world_at",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	if n := one[uint64](t, conn, "SELECT count() FROM system.columns AS c JOIN system.tables AS t ON t.database = c.database AND t.name = c.table WHERE c.database = ? AND c.comment = '' AND t.engine NOT IN ('Dictionary', 'MaterializedView')", s.Database); n != 0 {
		t.Errorf("%d columns have no comment", n)
	}

	parses(t, conn)

	// An interrupted step is repeated.
	if err := conn.Exec(t.Context(), "TRUNCATE TABLE "+s.Database+".schema_migrations"); err != nil {
		t.Fatal(err)
	}
	all, err := clickhouse.Migrations(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := clickhouse.Migrate(t.Context(), s); err != nil || got.Steps != len(all) || len(got.Repairs) > 0 {
		t.Errorf("after an interruption: got %+v, %v; want %d steps", got, err, len(all))
	}
	if err := conn.Exec(t.Context(), "INSERT INTO "+s.Database+".schema_migrations (version, name) VALUES (9999, 'later')"); err != nil {
		t.Fatal(err)
	}
	if _, err := clickhouse.Migrate(t.Context(), s); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer database: got %v", err)
	}
}

func TestEventIDInSQL(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	for _, p := range []bgp.Position{
		{Collector: "ris/rrc00", Lane: "live", Epoch: 1<<63 + 5, Sequence: 1},
		{Collector: "file/local", Lane: "file/0a1b", Sequence: 123456789},
	} {
		sql := fmt.Sprintf("INSERT INTO %s.route_change_log (dataset, collector, lane, epoch, sequence, as_path, appended_at) VALUES ('t', ?, ?, ?, ?, '64496 64497 {64498,64499}', now())", s.Database)
		if err := conn.Exec(t.Context(), sql, p.Collector, p.Lane, p.Epoch, p.Sequence); err != nil {
			t.Fatal(err)
		}
		got := one[string](t, conn, "SELECT event_id FROM "+s.Database+".route_changes WHERE collector = ?", p.Collector)
		if got != p.EventID() {
			t.Errorf("%v: SQL has %s, Go %s", p, got, p.EventID())
		}
		if path := one[[]uint32](t, conn, "SELECT as_path_asns FROM "+s.Database+".route_changes WHERE collector = ?", p.Collector); !slices.Equal(path, []uint32{64496, 64497, 64498, 64499}) {
			t.Errorf("as_path_asns: got %v", path)
		}
	}
}

func TestMigrationsForCluster(t *testing.T) {
	t.Parallel()
	all, err := clickhouse.Migrations(clickhouse.Server{Database: "d", Cluster: "c"})
	if err != nil {
		t.Fatal(err)
	}
	replicated := regexp.MustCompile(`ENGINE = Replicated(Replacing|Aggregating)MergeTree\('/clickhouse/tables/\{uuid\}/\{shard\}', '\{replica\}'`)
	for _, m := range all {
		for _, st := range m.Statements {
			if st.Each != "" { // it copies rows
				continue
			}
			sql := st.SQL
			if !strings.Contains(sql, "ON CLUSTER c") {
				t.Errorf("%s: a statement without ON CLUSTER: %.80s", m.Name, sql)
			}
			if strings.Contains(sql, "ENGINE =") && !replicated.MatchString(sql) {
				t.Errorf("%s: a table that is not replicated: %.80s", m.Name, sql)
			}
		}
	}
}

// parses asserts that the server parses every statement as it is rendered for a cluster.
func parses(t *testing.T, conn driver.Conn) {
	t.Helper()
	cluster := clickhouse.Server{Database: "d", Cluster: "c", User: "u"}
	all, err := clickhouse.Migrations(cluster)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(all, clickhouse.Migration{Name: "records", Statements: clickhouse.OwnStatements(cluster)}) {
		for i, st := range m.Statements {
			must(t, conn, "EXPLAIN AST "+st.For("20261130"))
			if st.Each == "" && !strings.Contains(st.SQL, "ON CLUSTER c") {
				t.Errorf("%s, statement %d: it does not run ON CLUSTER: %.80s", m.Name, i+1, st.SQL)
			}
		}
	}
}

// The current state of an outage is one row, with and without FINAL.
func TestOutagesHaveNoDuplicates(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	for _, sequence := range []int{1, 3, 2, 3} {
		sql := fmt.Sprintf("INSERT INTO %s.outage_events (dataset, id, sequence, event, family, entity_type, position_sequence, appended_at) VALUES ('t', 'x', %d, 'updated', 'ipv4', 'as', %d, now())", s.Database, sequence, sequence)
		if err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, final := range []string{"", " FINAL"} {
		if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+".outages"+final); n != 1 {
			t.Errorf("outages%s: got %d rows, want 1", final, n)
		}
		if n := one[uint32](t, conn, "SELECT sequence FROM "+s.Database+".outages"+final+" WHERE dataset = 't' AND state = ''"); n != 3 {
			t.Errorf("outages%s: got sequence %d, want the newest, 3", final, n)
		}
	}
}
