package main

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/clickhousetest"
)

var kills = flag.Int("kills", 3, "how often TestKill kills each command; the published bar is 20")

// process runs the command line in a process of its own and returns its standard output. With a
// limit, the process is killed after that time, as by kill -9.
func process(t *testing.T, limit time.Duration, args ...string) (stdout string, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asDarkmap+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if limit > 0 {
		timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	if err != nil && (limit == 0 || cmd.ProcessState.Exited()) {
		t.Fatalf("darkmap %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), err != nil
}

// TestKill kills replay and demo at random times and runs them again on the same data directory.
// The outages are the same, and every row is stored once.
func TestKill(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	tests := []struct {
		name string
		args []string
	}{
		{"replay", slices.Concat([]string{"replay", "--dataset", "kill"}, offline(t), archives(t))},
		{"demo", []string{"demo"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := func(dir string) []string {
				return slices.Concat(tt.args[:1], []string{"--format", "json", "--all", "--data-dir", dir}, tt.args[1:])
			}
			const rows = `SELECT (SELECT (count(), uniqExact(collector, lane, epoch, sequence, idx)) FROM route_changes), (SELECT (count(), uniqExact(position_collector, position_sequence)) FROM outage_events),
				(SELECT (count(), uniqExact(position_collector, position_sequence)) FROM visibility), (SELECT (count(), uniqExact(id)) FROM outages),
				(SELECT count() FROM route_changes FINAL), (SELECT count() FROM outage_events FINAL), (SELECT count() FROM visibility FINAL)`
			whole := t.TempDir()
			began := time.Now()
			want, _ := process(t, 0, args(whole)...)
			took := time.Since(began)
			wantRows := sqlRows(t, whole, rows)
			dir := t.TempDir()
			for i, runs := 0, 0; i < *kills && runs < 3**kills; runs++ {
				began, limit := time.Now(), time.Duration(rand.Int64N(int64(took)))
				if _, killed := process(t, limit, args(dir)...); !killed {
					took = time.Since(began)
					continue
				}
				i++
				t.Logf("kill %d after %v", i, limit)
				if i%4 != 0 && i != *kills {
					continue
				}
				got, _ := process(t, 0, args(dir)...)
				if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
					t.Errorf("after kill %d (-want +got):\n%s", i, diff)
				}
				if got := sqlRows(t, dir, rows); got != wantRows {
					t.Errorf("after kill %d: got rows %s, want %s", i, got, wantRows)
				}
			}
		})
	}
}
