package clickhouse_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	driverclickhouse "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

var update = flag.Bool("update", false, "write the description of the schema anew")

// must runs statements by hand.
func must(t *testing.T, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func list(t *testing.T, conn driver.Conn, sql string, args ...any) []string {
	t.Helper()
	var all []string
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSchemaIsDescribed: the description for servers without a scratch database is the result of
// the migrations.
func TestSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	got, err := clickhouse.DescribeSchema(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("schema.json", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" && !*update && os.Getenv("TEST_CLICKHOUSE_ADDR") == "" {
		t.Errorf("schema.json is not what the migrations make (go test ./internal/clickhouse -run TestSchemaIsDescribed -update writes it) (-want +got):\n%s", diff)
	}
	if left := list(t, open(t, s), "SELECT name FROM system.databases WHERE startsWith(name, ?)", s.Database+"_scratch_"); len(left) > 0 {
		t.Errorf("scratch databases are left: %v", left)
	}
}

// drop is a part that an operator removes by hand. If perhaps is set, the server may reject the
// removal.
type drop struct {
	what, sql string
	perhaps   bool
}

// droppable returns the parts to drop by round: each index and projection, each computed column and
// some other columns; each view, materialized view and dictionary; each table.
func droppable(t *testing.T, conn driver.Conn, s clickhouse.Server) map[string][]drop {
	t.Helper()
	all := map[string][]drop{}
	add := func(round, what, sql string, perhaps bool) {
		all[round] = append(all[round], drop{what, sql, perhaps})
	}
	tables := list(t, conn, "SELECT name FROM system.tables WHERE database = ? AND engine LIKE '%MergeTree' AND NOT startsWith(name, 'schema_') ORDER BY name", s.Database)
	for _, name := range tables {
		alter := "ALTER TABLE " + s.Database + "." + name + " DROP "
		of := func(sql string) []string {
			return list(t, conn, sql+" WHERE database = ? AND table = ?", s.Database, name)
		}
		for i, column := range of("SELECT name FROM system.columns") {
			if i%6 == 2 {
				add("columns", "column "+name+"."+column, alter+"COLUMN "+column, true)
			}
		}
		for _, column := range of("SELECT if(default_kind = 'ALIAS', name, '') FROM system.columns") {
			if column != "" {
				add("computed", "column "+name+"."+column, alter+"COLUMN "+column, false)
			}
		}
		for _, index := range of("SELECT name FROM system.data_skipping_indices") {
			add("extras", "index "+index+" of table "+name, alter+"INDEX "+index, false)
		}
		for _, projection := range of("SELECT name FROM system.projections") {
			add("extras", "projection "+projection+" of table "+name, alter+"PROJECTION "+projection, false)
		}
		add("tables", "table "+name, "DROP TABLE "+s.Database+"."+name+" SYNC", false)
	}
	for engine, kind := range map[string]string{"View": "view", "MaterializedView": "materialized view", "Dictionary": "dictionary"} {
		for _, name := range list(t, conn, "SELECT name FROM system.tables WHERE database = ? AND engine = ? ORDER BY name", s.Database, engine) {
			add("views", kind+" "+name, "DROP "+map[bool]string{true: "DICTIONARY", false: "VIEW"}[kind == "dictionary"]+" "+s.Database+"."+name+" SYNC", false)
		}
	}
	return all
}

// TestSchemaIsMadeAgain drops parts of the schema by hand, many at a time. Migrate makes each of
// them again and reports it, for any migrations.
func TestSchemaIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	dropped := 0
	before, err := clickhouse.DescribeSchema(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	rounds := droppable(t, conn, s)
	// A dictionary does not prevent the drop of its table.
	anyway := driverclickhouse.Context(t.Context(), driverclickhouse.WithSettings(driverclickhouse.Settings{"check_table_dependencies": 0}))
	for _, round := range []string{"extras", "computed", "columns", "views", "tables"} {
		var gone []string
		for _, d := range rounds[round] {
			if err := conn.Exec(anyway, d.sql); err != nil && d.perhaps {
				continue
			} else if err != nil {
				t.Fatalf("%s: %v", d.sql, err)
			}
			gone = append(gone, d.what)
		}
		dropped += len(gone)
		got, err := clickhouse.Migrate(t.Context(), s)
		if err != nil || got.Steps != 0 {
			t.Errorf("%s: got %+v, %v", round, got, err)
		}
		for _, what := range gone {
			if !slices.ContainsFunc(got.Repairs, func(said string) bool { return strings.Contains(said, what+" was missing") }) {
				t.Errorf("%s: got %q, want that %s was missing", round, got.Repairs, what)
			}
		}
	}
	if dropped < 25 {
		t.Errorf("only %d things were dropped", dropped)
	}
	after, err := clickhouse.DescribeSchema(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the schema is another one than before (-want +got):\n%s", diff)
	}
}

// TestSchemaIsPutBack changes the schema. Migrate repairs the changes where every row is kept. For
// the others it returns ErrSchema with words.
func TestSchemaIsPutBack(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	must(t, conn, fmt.Sprintf("INSERT INTO %s.deadletter (dataset, reason, topic, partition, offset, appended_at) VALUES ('t', '7', 'x', 1, 1, now())", s.Database))
	tests := []struct {
		name, by, undo string
		said           string // description of the repair; empty if it fails
		fault          []string
	}{
		{"a view of another kind", "CREATE OR REPLACE VIEW {db}.outages AS SELECT dataset, id FROM {db}.outage_events", "", "view outages was not the one", nil},
		{"a type that holds the same values", "ALTER TABLE {db}.deadletter MODIFY COLUMN reason LowCardinality(String)", "", "column deadletter.reason had the type LowCardinality(String)", nil},
		{"a type that keeps every value there is", "ALTER TABLE {db}.deadletter MODIFY COLUMN reason UInt8", "", "column deadletter.reason had the type UInt8", nil},
		{"an empty table's column", "ALTER TABLE {db}.panel MODIFY COLUMN reason UInt64", "", "column panel.reason had the type UInt64", nil},
		{"a table in the place of a view", "DROP VIEW {db}.outages; CREATE TABLE {db}.outages (n UInt8) ENGINE = MergeTree ORDER BY n", "DROP TABLE {db}.outages", "", []string{"outages is a table (MergeTree), and this program wants a view", "RENAME TABLE"}},
		{"another order", "DROP TABLE {db}.panel; CREATE TABLE {db}.panel ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(appended_at) ORDER BY dataset AS SELECT * FROM {db}.panel_was; DROP TABLE {db}.panel_was", "DROP TABLE {db}.panel", "", []string{`table panel has the sorting key "dataset"`}},
	}
	must(t, conn, strings.ReplaceAll("CREATE TABLE {db}.panel_was AS {db}.panel", "{db}", s.Database))
	for _, tt := range tests {
		for sql := range strings.SplitSeq(tt.by, "; ") {
			must(t, conn, strings.ReplaceAll(sql, "{db}", s.Database))
		}
		got, err := clickhouse.Migrate(t.Context(), s)
		switch {
		case tt.said != "":
			if err != nil || len(got.Repairs) != 1 || !strings.Contains(got.Repairs[0], tt.said) {
				t.Errorf("%s: got %+v, %v; want %q", tt.name, got, err, tt.said)
			}
		default:
			if !errors.Is(err, clickhouse.ErrSchema) {
				t.Errorf("%s: got %+v, %v; want ErrSchema", tt.name, got, err)
			}
			for _, part := range tt.fault {
				if err != nil && !strings.Contains(err.Error(), part) {
					t.Errorf("%s: got %v, want %q in it", tt.name, err, part)
				}
			}
		}
		if tt.undo != "" {
			must(t, conn, strings.ReplaceAll(tt.undo, "{db}", s.Database))
			if _, err := clickhouse.Migrate(t.Context(), s); err != nil {
				t.Errorf("%s, undone: %v", tt.name, err)
			}
		}
	}
	if got := one[string](t, conn, "SELECT reason FROM "+s.Database+".deadletter"); got != "7" {
		t.Errorf("the row of before: got %q, want 7", got)
	}
}

// TestTypeThatLoses: if the type of a column cannot be restored without a loss, Migrate returns
// ErrSchema, and the rows stay.
func TestTypeThatLoses(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	must(t, conn,
		"ALTER TABLE "+s.Database+".panel MODIFY COLUMN prefixes Float64",
		"INSERT INTO "+s.Database+".panel (dataset, prefixes, appended_at) VALUES ('t', 1.5, now())")
	_, err := clickhouse.Migrate(t.Context(), s)
	want := "column panel.prefixes has the type Float64, and this program wants UInt32"
	if !errors.Is(err, clickhouse.ErrSchema) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "MODIFY COLUMN prefixes UInt32") {
		t.Errorf("got %v, want ErrSchema and %q", err, want)
	}
	if got := one[float64](t, conn, "SELECT prefixes FROM "+s.Database+".panel"); got != 1.5 {
		t.Errorf("the value is %v, want 1.5", got)
	}
}

// TestMigrateAtOnce: several processes migrate and repair one database at once.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	must(t, open(t, s), "DROP TABLE "+s.Database+".panel SYNC", "DROP VIEW "+s.Database+".outages SYNC")
	failed := make(chan error)
	const runners = 4
	for range runners {
		go func() { // ends with the migration
			_, err := clickhouse.Migrate(t.Context(), s)
			failed <- err
		}()
	}
	for range runners {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if got, err := clickhouse.Migrate(t.Context(), s); err != nil || len(got.Repairs) > 0 {
		t.Errorf("afterwards: got %+v, %v; want nothing to do", got, err)
	}
}
