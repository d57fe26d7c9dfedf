package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// TestSQLReads: statements that a reader must not run are refused, with advice.
func TestSQLReads(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	dir := filepath.Join(t.TempDir(), "data")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := darkmap(t, "", append(offline(t), "migrate", "--data-dir", dir)...); code != 0 {
		t.Fatal(errs)
	}
	host(t, dir, io.Discard) // statements share this engine
	const (
		write   = "use --write for what changes the store"
		outside = "statements have no access to files, other servers and programs"
		limits  = "beyond what a reader may set"
		system  = "the server's own tables are closed to a reader"
	)
	for _, tt := range []struct{ sql, want string }{
		{"DROP TABLE outage_events", write},
		{"DROP VIEW outages", write},
		{"TRUNCATE TABLE feeds", write},
		{"DROP DATABASE darkmap", write},
		{"ALTER TABLE feeds DELETE WHERE 1", write},
		{"ALTER TABLE feeds DROP COLUMN reason", write},
		{"INSERT INTO feeds (dataset) VALUES ('x')", write},
		{"CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n", write},
		{"OPTIMIZE TABLE feeds", write},
		{"SYSTEM STOP MERGES feeds", write},
		{"KILL QUERY WHERE 1", system},
		{"SELECT * FROM file('" + secret + "', 'LineAsString')", outside},
		{"INSERT INTO FUNCTION file('x', 'LineAsString') SELECT 'x'", ""},
		{"SELECT file('" + secret + "')", ""},
		{"SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')", outside},
		{"SELECT * FROM remote('127.0.0.1:9', system.one)", outside},
		{"SELECT * FROM s3('http://127.0.0.1:9/bucket/key', 'LineAsString')", outside},
		{"SELECT * FROM executable('x', 'TSV', 'a String')", ""},
		{"SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')", outside},
		{"SELECT name FROM system.users", system},
		{"SELECT query FROM system.processes", system},
		{"SELECT 1 SETTINGS max_memory_usage = 0", limits},
		{"SELECT 1 SETTINGS max_memory_usage = 100000000000", limits},
		{"SELECT 1 SETTINGS max_execution_time = 0", limits},
		{"SELECT 1 SETTINGS max_threads = 64", limits},
		{"SELECT 1 SETTINGS readonly = 0", ""},
		{"SELECT * FROM numbers(20000000) FORMAT Null", "beyond the limits of a reader"},
		{"SELECT count() FROM (SELECT groupArray(number) FROM numbers(200000000))", "beyond the limits of a reader"},
	} {
		code, out, errs := darkmap(t, "", "sql", "--data-dir", dir, tt.sql)
		if code != exitFailed || out != "" || !strings.Contains(errs, tt.want) || strings.Contains(out+errs, "hunter2") || strings.Count(errs, "Code: ") != 1 {
			t.Errorf("%s: got %d, %.80q, %.400s; want a refusal with %q", tt.sql, code, out, errs, tt.want)
		}
	}
	for _, sql := range []string{"SHOW TABLES", "DESCRIBE route_changes", "SELECT count() FROM outages", "SELECT name FROM system.columns WHERE table = 'feeds' LIMIT 1", "SELECT 1 SETTINGS max_threads = 1", "EXPLAIN SELECT * FROM feeds"} {
		if code, out, errs := darkmap(t, "", "sql", "--data-dir", dir, sql); code != 0 || out == "" {
			t.Errorf("%s: got %d, %q, %s; want an answer", sql, code, out, errs)
		}
	}
	// The writer has no access to files either.
	for _, sql := range []string{"SELECT * FROM file('" + secret + "', 'LineAsString')", "INSERT INTO FUNCTION file('x', 'LineAsString') SELECT 'x'"} {
		if code, out, errs := darkmap(t, "", "sql", "--write", "--data-dir", dir, sql); code != exitFailed || out != "" || !strings.Contains(errs, outside) {
			t.Errorf("--write %s: got %d, %q, %s; want a refusal", sql, code, out, errs)
		}
	}
	if code, out, errs := darkmap(t, "", "sql", "--write", "--data-dir", dir, "SELECT file('"+secret+"')"); code != exitFailed || out != "" || !strings.Contains(errs, "no access to files outside") {
		t.Errorf("--write, the scalar file: got %d, %q, %s; want a refusal", code, out, errs)
	}
}

// TestSQLMakesNothing: sql on a folder without a store fails, and makes neither folder nor store.
func TestSQLMakesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "no", "such")
	for _, flags := range [][]string{nil, {"--write"}} {
		args := append([]string{"sql", "--data-dir", dir, "SELECT count() FROM route_changes"}, flags...)
		if code, out, errs := darkmap(t, "", args...); code != exitFailed || out != "" || !strings.Contains(errs, "nothing was ever stored in "+dir) {
			t.Errorf("%v: got %d, %q, %q", flags, code, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder was made (%v)", err)
	}
}

// TestSQLOnConfigured: on a configured server sql makes nothing either, reports that darkmap's
// tables are missing, and only reads.
func TestSQLOnConfigured(t *testing.T) {
	t.Parallel()
	_, server := clickhousetest.Configured(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(server.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	data := offline(t)
	on := func(args ...string) (int, string, string) {
		t.Helper()
		return darkmap(t, "", append(slices.Concat(data, args), "--data-dir", dir, "--set", "clickhouse.addresses=['"+server.Addresses[0]+"']", "--set", "clickhouse.http_address='"+server.HTTPAddress+"'",
			"--set", "clickhouse.user="+server.User, "--set", "clickhouse.password.file="+password)...)
	}
	if code, out, errs := on("sql", "SELECT count() FROM route_changes"); code != exitFailed || out != "" || !strings.Contains(errs, "holds no tables of darkmap: ") || !strings.Contains(errs, " migrate ") {
		t.Errorf("without tables: got %d, %q, %s", code, out, errs)
	}
	if code, out, errs := on("migrate"); code != 0 || !strings.Contains(out, " steps\n") || !strings.Contains(out, "table lookup_ases was filled: 1 row\n") || errs != "" {
		t.Errorf("migrate: got %d, %q, %s", code, out, errs)
	}
	if code, out, errs := on("sql", "SELECT count() FROM route_changes"); code != 0 || out != "0\n" || errs != "" {
		t.Errorf("with tables: got %d, %q, %s", code, out, errs)
	}
	for _, sql := range []string{"DROP TABLE feeds", "INSERT INTO feeds (dataset) VALUES ('x')"} {
		if code, out, errs := on("sql", sql); code != exitFailed || out != "" || !strings.Contains(errs, "use --write for what changes the store") {
			t.Errorf("%s: got %d, %q, %s; want a refusal", sql, code, out, errs)
		}
	}
	if code, out, errs := on("sql", "--write", "DROP TABLE feeds"); code != 0 {
		t.Errorf("--write: got %d, %q, %s", code, out, errs)
	}
	if code, out, errs := on("migrate"); code != 0 || out != "0 steps\ntable feeds was missing: it was made again, without rows\n" {
		t.Errorf("migrate: got %d, %q, %s", code, out, errs)
	}
	if code, out, errs := on("sql", "--print-connection"); code != 0 || !strings.Contains(out, server.Addresses[0]) || !strings.Contains(out, password) || strings.Contains(out, server.Password) {
		t.Errorf("--print-connection: got %d, %q, %s", code, out, errs)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a data directory was made (%v)", err)
	}
}

// TestSQLSaysWhatWasSetAside: a damaged part is reported once, and the other rows can be read.
func TestSQLSaysWhatWasSetAside(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	ask := func(sql string, flags ...string) (string, string) {
		t.Helper()
		code, out, errs := darkmap(t, "", append([]string{"sql", "--data-dir", dir, sql}, flags...)...)
		if code != 0 {
			t.Fatal(errs)
		}
		return strings.TrimSpace(out), errs
	}
	for _, n := range []string{"3", "4"} {
		ask("INSERT INTO panel (dataset, position_sequence, appended_at) SELECT 't', number, now() FROM numbers("+n+")", "--write")
	}
	path, _ := ask("SELECT path FROM system.parts WHERE active AND database = 'darkmap' AND table = 'panel' AND rows = 3", "--write")
	if err := os.Truncate(filepath.Join(path, "data.bin"), 5); err != nil {
		t.Fatal(err)
	}
	out, errs := ask("SELECT count() FROM panel")
	if out != "4" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "a part of table panel aside") || !strings.Contains(errs, filepath.Base(path)+", with 3 rows") {
		t.Errorf("got %q and %q, want 4 rows and word of the part", out, errs)
	}
	if out, errs := ask("SELECT count() FROM panel"); out != "4" || errs != "" {
		t.Errorf("again: got %q and %q, want nothing said", out, errs)
	}
}
