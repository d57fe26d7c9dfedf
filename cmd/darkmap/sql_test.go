package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datadir"
)

// asDarkmap in the environment makes the test's binary the program itself, so that tests can kill
// it.
const asDarkmap = "DARKMAP_TEST_AS_DARKMAP"

func TestMain(m *testing.M) {
	if os.Getenv(asDarkmap) == "1" {
		main() // never returns
	}
	if os.Getenv(asProbe) == "1" {
		probeMain() // never returns
	}
	if os.Getenv(asSink) != "" {
		fmt.Fprintln(os.Stderr, "sink:", sinkMain())
		os.Exit(1)
	}
	os.Exit(clickhousetest.Main(m))
}

// darkmap runs the command line in this process.
func darkmap(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestSQL(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	dir := filepath.Join(t.TempDir(), "data")
	migrate := append(offline(t), "migrate", "--data-dir", dir)
	if code, out, errs := darkmap(t, "", migrate...); code != 0 || !strings.Contains(out, " steps\n") || strings.HasPrefix(out, "0 steps\n") || !strings.Contains(errs, "a new store is made") {
		t.Fatalf("migrate from nothing: got %d, %q, %q", code, out, errs)
	}
	tests := []struct {
		name, stdin  string
		args         []string
		code         int
		out, errPart string
	}{
		{"migrate has made the tables", "", []string{"SELECT count() FROM route_changes"}, 0, "0\n", ""},
		{"and the names", "", []string{"SELECT dictGet('country_info', 'neighbours', 'KP'), dictGet('region_info', 'name', 'KP-01'), dictGet('as_info', 'name', 64496), dictGet('prefix_info', 'country', toIPv4('192.0.2.7'))"}, 0, "['CN','KR','RU']\tPyongyang\tExample\tKP\n", ""},
		{"times are UTC", "", []string{"SELECT timezone(), serverTimezone()"}, 0, "UTC\tUTC\n", ""},
		{"TSV by default", "", []string{"SELECT 1, 'a'"}, 0, "1\ta\n", ""},
		{"any format", "", []string{"SELECT 1 AS n", "--format", "JSONEachRow"}, 0, "{\"n\":1}\n", ""},
		{"the statement's own format wins", "", []string{"SELECT 1 AS n FORMAT CSVWithNames", "--format", "TSV"}, 0, "\"n\"\n1\n", ""},
		{"several statements", "", []string{"--write", "CREATE TABLE t (n Int8) ENGINE = MergeTree ORDER BY n; INSERT INTO t VALUES (1), (2); SELECT sum(n) FROM t"}, 0, "3\n", ""},
		{"kept for the next start", "", []string{"SELECT count() FROM t"}, 0, "2\n", ""},
		{"standard input", "SELECT 1;\nSELECT 2", nil, 0, "1\n2\n", ""},
		{"a wrong statement", "", []string{"SELECT nothing"}, 1, "", "nothing"},
		{"the first failure ends", "SELECT 1; SELEC 2; SELECT 3", nil, 1, "1\n", "SYNTAX_ERROR"},
		{"a failure half way through", "", []string{"SELECT throwIf(number = 9) FROM numbers(10) SETTINGS max_block_size = 1"}, 1, "", "Value passed to 'throwIf'"},
	}
	for _, tt := range tests {
		code, out, errs := darkmap(t, tt.stdin, append([]string{"sql", "--data-dir", dir}, tt.args...)...)
		if code != tt.code || out != tt.out || !strings.Contains(errs, tt.errPart) {
			t.Errorf("%s: got %d, %q, %q; want %d, %q, %q in it", tt.name, code, out, errs, tt.code, tt.out, tt.errPart)
		}
	}
	if code, out, _ := darkmap(t, "", migrate...); code != 0 || out != "0 steps\n" {
		t.Errorf("migrate: got %d, %q", code, out)
	}
}

// TestSQLOnRunningInstance: sql uses the running instance's engine. An interrupted sql ends its
// statement.
func TestSQLOnRunningInstance(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	dir, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	}()
	server := clickhousetest.Server(t)
	if err := dir.WriteRun(datadir.Run{Command: "test", ClickHouse: &server}); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := darkmap(t, "", "sql", "--data-dir", path, "SELECT currentUser(), currentDatabase()"); code != 0 || out != "reader\t"+server.Database+"\n" {
		t.Errorf("got %d, %q, %q", code, out, errs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(500*time.Millisecond, cancel)
	defer timer.Stop()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"sql", "--data-dir", path, "SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1"}, nil, &out, &errs); code != exitInterrupted {
		t.Errorf("interrupted: got %d, %q", code, errs.String())
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, n, _ := darkmap(t, "", "sql", "--write", "--data-dir", path, "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow(0.1)%'")
		if n == "0\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the interrupted statement is still running: %q", n)
		}
	}
}

// TestSQLClosedPipe: a closed pipe ends sql silently, with exit code 0.
func TestSQLClosedPipe(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Server(t)
	path := t.TempDir()
	dir, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.WriteRun(datadir.Run{Command: "test", ClickHouse: &server}); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"sql", "--data-dir", path, "SELECT * FROM numbers(100000)"}, nil, w, &errs); code != 0 || errs.Len() != 0 {
		t.Errorf("got %d, %q; want a silent end", code, errs.String())
	}
	if err := w.Close(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Error(err)
	}
}
