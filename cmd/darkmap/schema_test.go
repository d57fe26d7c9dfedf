package main

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/datatest"
)

// TestSpoiltSchema: a table, a column and a view that were dropped by hand, and a changed type, are
// repaired by migrate and by the start of a run, which report it. If a repair is impossible, both
// end with 1 and advice.
func TestSpoiltSchema(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	replay := slices.Concat([]string{"replay", "--data-dir", dir, "--dataset", "spoilt"}, offline(t), []string{datatest.Path(t, "mrt", "updates.long_withdrawal.gz")})
	for _, tt := range []struct {
		name, sql, said string
		code            int
		replayed        bool // replay is run, too
	}{
		{"a table", "DROP TABLE outage_events", "table outage_events was missing: it was made again", 0, true},
		{"a view", "DROP VIEW outages", "view outages was missing: it was made again", 0, false},
		{"a column", "DROP VIEW feed_newest_filled; ALTER TABLE feeds DROP COLUMN reason", "column feeds.reason was missing: it was added", 0, false},
		{"a type", "ALTER TABLE feeds MODIFY COLUMN reason LowCardinality(String)", "column feeds.reason had the type LowCardinality(String)", 0, false},
		{"a column and the view that shows it", "DROP VIEW outages; DROP VIEW outage_newest_filled; ALTER TABLE outage_events DROP COLUMN summary", "column outage_events.summary was missing: it was added", 0, true},
		{"a type that loses", "ALTER TABLE panel MODIFY COLUMN prefixes Float64; INSERT INTO panel (dataset, prefixes, appended_at) VALUES ('t', 1.5, now())", "column panel.prefixes has the type Float64, and this program wants UInt32", exitFailed, true},
	} {
		for _, args := range [][]string{append(offline(t), "migrate", "--data-dir", dir), replay} {
			if slices.Contains(args, "replay") && !tt.replayed {
				continue
			}
			if code, _, errs := darkmap(t, "", "sql", "--write", "--data-dir", dir, tt.sql); code != 0 {
				t.Fatal(errs)
			}
			want := tt.code
			if want == 0 && slices.Contains(args, "replay") {
				want = exitUndecided // a message of one peer decides nothing
			}
			code, out, errs := darkmap(t, "", args...)
			if code != want || !strings.Contains(out+errs, tt.said) {
				t.Errorf("%s, %q: got %d, %s%s; want %d and %q", tt.name, args, code, out, errs, want, tt.said)
			}
		}
	}
}

// TestReplayKeepsCollected: a replay does not replace a dataset that live sources or archives have
// filled. Its name does not matter.
func TestReplayKeepsCollected(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	if code, _, errs := darkmap(t, "", "sql", "--write", "--data-dir", dir, "INSERT INTO feeds (dataset, appended_at) VALUES ('late', now())"); code != 0 {
		t.Fatal(errs)
	}
	replay := slices.Concat([]string{"replay", "--data-dir", dir, "--replace"}, offline(t), []string{datatest.Path(t, "mrt", "updates.long_withdrawal.gz"), "--dataset"})
	if code, _, errs := darkmap(t, "", append(replay, "late")...); code != exitUsage || !strings.Contains(errs, "dataset late holds rows that no replay made") {
		t.Errorf("got %d, %s", code, errs)
	}
	for range 2 {
		// A message of one peer decides nothing.
		if code, _, errs := darkmap(t, "", append(replay, "other")...); code != exitUndecided {
			t.Errorf("its own dataset: got %d, %s", code, errs)
		}
	}
}

// TestMigrateKeepsNewer: no command changes a store of a newer program.
func TestMigrateKeepsNewer(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	if code, _, errs := darkmap(t, "", "sql", "--write", "--data-dir", dir, "INSERT INTO schema_migrations (version, name) VALUES (9999, 'later')"); code != 0 {
		t.Fatal(errs)
	}
	for _, args := range [][]string{
		{"migrate"},
		{"migrate", "--status"},
		{"migrate", "--dry-run"},
		{"sql", "SELECT 1"},
		{"sql", "--write", "SELECT 1"},
		{"outages"},
		{"show", "AS64496", "--dataset", "live"},
		{"datasets", "list"},
		slices.Concat([]string{"replay"}, offline(t), []string{datatest.Path(t, "mrt", "updates.long_withdrawal.gz")}),
	} {
		if code, out, errs := darkmap(t, "", append(args, "--data-dir", dir)...); code != exitFailed || out != "" || !strings.Contains(errs, "a newer darkmap has migrated it") || !strings.Contains(errs, "has version 9999 of the schema") {
			t.Errorf("%q: got %d, %q, %s", args, code, out, errs)
		}
	}
}

// TestInterruptedInWords: an interrupted command reports the interruption in its own words.
func TestInterruptedInWords(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	for _, args := range [][]string{
		{"demo", "--no-store", "--data-dir", t.TempDir()},
		slices.Concat([]string{"replay", "--no-store", "--data-dir", t.TempDir()}, offline(t), archives(t)),
		slices.Concat([]string{"dump"}, archives(t)),
		{"sql", "--data-dir", dir, "SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1"},
		{"sql", "--data-dir", dir},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(700*time.Millisecond, cancel)
		var out, errs bytes.Buffer
		code := run(ctx, args, endless{ctx}, &out, &errs)
		timer.Stop()
		cancel()
		if text := errs.String(); strings.Contains(text, "context") || code == exitInterrupted && !strings.Contains(text, "interrupted") {
			t.Errorf("%s: got %d and %q, want words", args[0], code, text)
		}
	}
}

// endless is a standard input without data.
type endless struct{ ctx context.Context } //nolint:containedctx // it is read until the test's end

func (e endless) Read([]byte) (int, error) {
	<-e.ctx.Done()
	return 0, e.ctx.Err()
}

// TestPrintConnection: the output describes how to connect to the running instance, and contains no
// secret.
func TestPrintConnection(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	if code, out, errs := darkmap(t, "", "sql", "--print-connection", "--data-dir", none); code != exitFailed || out != "" || !strings.Contains(errs, "nothing was ever stored") {
		t.Errorf("nothing stored: got %d, %q, %s", code, out, errs)
	}
	dir := migrated(t)
	if code, out, errs := darkmap(t, "", "sql", "--print-connection", "--data-dir", dir); code != 0 || !strings.Contains(out, "does not run") {
		t.Errorf("at rest: got %d, %q, %s", code, out, errs)
	}
	host(t, dir, &bytes.Buffer{})
	r, err := datadir.ReadRun(dir)
	if err != nil || r == nil {
		t.Fatalf("got %v, %v", r, err)
	}
	code, out, errs := darkmap(t, "", "sql", "--print-connection", "--data-dir", dir)
	if code != 0 || !strings.Contains(out, r.ClickHouse.Socket) || !strings.Contains(out, "run.json") {
		t.Errorf("running: got %d, %q, %s", code, out, errs)
	}
	for _, secret := range []string{r.ClickHouse.Key, r.ClickHouse.Password, r.ClickHouse.Reader.Password} {
		if strings.Contains(out, secret) {
			t.Error("it prints a secret")
		}
	}
	if code, out, errs := darkmap(t, "", "sql", "--print-connection", "--data-dir", none, "--set", "clickhouse.addresses=['192.0.2.1:9000']", "--set", "clickhouse.user=me", "--set", "clickhouse.password.env=SECRET_X"); code != exitUsage && !strings.Contains(out, "192.0.2.1:9000") {
		t.Errorf("a configured server: got %d, %q, %s", code, out, errs)
	}
}
