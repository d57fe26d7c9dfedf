package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// enginePID returns the process of the engine that works in the data directory, or 0 if there is
// none.
func enginePID(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if args := strings.Split(string(b), "\x00"); err == nil && len(args) > 4 && args[1] == "clickhouse-engine" && args[3] == filepath.Join(dir, "clickhouse") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

// killEngine waits for an engine and kills it.
func (o *observatory) killEngine() {
	o.t.Helper()
	pid := 0
	o.eventually("an engine runs", func() bool {
		pid = enginePID(o.t, o.dir)
		return pid != 0
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		o.t.Fatalf("the engine, process %d: %v", pid, err)
	}
}

// TestUpEngineDies: up goes on when its engine is killed, and reports that in all its outputs.
func TestUpEngineDies(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	o := newObservatory(t, "ingest.rislive.enabled=false", "ingest.archives=false", "ingest.bmp.listen=127.0.0.1:0", "ingest.bmp.routers=[{address: 127.0.0.1, name: r}]").withStore()
	o.start()
	feeds := func() string {
		code, out, _ := darkmap(t, "", "feeds", "--data-dir", o.dir)
		return fmt.Sprint(code, out)
	}
	o.eventually("it runs", func() bool { return strings.HasPrefix(feeds(), "0") })
	o.eventually("the store has names", func() bool { return sqlRows(t, o.dir, namesQuery) == "Example\tNorth Korea\tKP" })
	const kills = 2
	for i := range kills {
		o.killEngine()
		o.eventually("the engine's return", func() bool {
			return strings.Contains(o.get("/metrics"), fmt.Sprintf("darkmap_store_engine_restarts_total %d\n", i+1))
		})
		o.eventually("feeds says so", func() bool { return strings.Contains(feeds(), fmt.Sprintf("after %d restarts", i+1)) })
		if code, out, errs := darkmap(t, "", "sql", "--data-dir", o.dir, "SELECT count() FROM outages"); code != 0 || out != "0\n" {
			t.Errorf("sql: got %d, %q, %s", code, out, errs)
		}
	}
	if ready := o.get("/readyz"); strings.Contains(ready, "store") {
		t.Errorf("in the end: %s", ready)
	}
	if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Wait(); err != nil {
		t.Errorf("ending it: %v", err)
	}
	o.cmd = nil
	// The second end is the same fault soon after the first. It is counted, and logged when the log
	// ends at the latest.
	if said := o.said(); strings.Count(said, "has ended and is started again") != kills || strings.Count(said, "ClickHouse is back") != kills || !strings.Contains(said, "killed by signal 9") {
		t.Errorf("want %d ends and returns on standard error, got\n%s", kills, said)
	}
	if pid := enginePID(t, o.dir); pid != 0 {
		t.Errorf("the engine, process %d, runs on", pid)
	}
}

// TestReplayEngineDies: a replay goes on when its engine is killed, and stores every row once.
func TestReplayEngineDies(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	dir := t.TempDir()
	args := slices.Concat([]string{"replay", "--dataset", "rv", "--data-dir", dir}, offline(t), archives(t))
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asDarkmap+"=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	killed, last := 0, 0
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s", err, errs.String())
			}
			if killed == 0 {
				t.Fatal("the replay was through before its engine was seen")
			}
			t.Logf("killed %d engines", killed)
			if got := sqlRows(t, dir, countRows); !strings.HasPrefix(got, "123682\t13730\t137412\t") {
				t.Errorf("got %s", got)
			}
			return
		default:
		}
		if _, err := os.Stat(filepath.Join(dir, "run.json")); err != nil {
			continue // the store is not ready
		}
		if pid := enginePID(t, dir); pid != 0 && pid != last && killed < 3 {
			last = pid
			killed++
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
		}
	}
}
