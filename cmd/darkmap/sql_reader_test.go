package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// TestSQLReads: what a reader may not do is refused with words that say what to do.
func TestSQLReads(t *testing.T) {
	t.Parallel()
	clickhousetest.StartIn(t, t.TempDir()) // skips where there is no engine
	dir := filepath.Join(t.TempDir(), "data")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := darkmap(t, "", "migrate", "--data-dir", dir); code != 0 {
		t.Fatal(errs)
	}
	host(t, dir, io.Discard) // statements need not start an engine each
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
		{"SELECT * FROM numbers(20000000)", "beyond the limits of a reader"},
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

// TestSQLMakesNothing: sql on a folder in which nothing was ever stored fails, and makes neither folder nor store.
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

// TestSQLUnmigrated: a configured server without darkmap's tables is named, and nothing is made on it.
func TestSQLUnmigrated(t *testing.T) {
	t.Parallel()
	server := clickhousetest.StartIn(t, t.TempDir()).Server()
	s := &session{g: &globals{program: "darkmap", stderr: os.Stderr}}
	err := s.check(t.Context(), s.newLease(server, nil, nil))
	if err == nil || !strings.Contains(err.Error(), "holds no tables of darkmap: `darkmap migrate` makes them") {
		t.Errorf("got %v", err)
	}
}
