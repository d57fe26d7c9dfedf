package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/internal/waittest"
)

// migrated makes a store.
func migrated(t *testing.T) string {
	t.Helper()
	clickhousetest.NeedEngine(t)
	dir := filepath.Join(t.TempDir(), "data")
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	clickhousetest.Fill(t, d.ClickHouse())
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := darkmap(t, "", append(offline(t), "migrate", "--data-dir", dir)...); code != 0 {
		t.Fatal(errs)
	}
	return dir
}

// outcome is the result of a statement of another session.
type outcome struct {
	code      int
	out, errs string
}

// askSlowly runs a statement that takes about three seconds, and returns when the store executes
// it.
func askSlowly(t *testing.T, dir string, flags ...string) <-chan outcome {
	t.Helper()
	ended := make(chan outcome, 1)
	go func() { // ends with the statement
		var out, errs bytes.Buffer
		args := append([]string{"sql", "--data-dir", dir, "SELECT sum(sleepEachRow(0.1)) + 30 FROM numbers(30) SETTINGS max_block_size = 1"}, flags...)
		code := run(t.Context(), args, nil, &out, &errs)
		ended <- outcome{code, out.String(), errs.String()}
	}()
	waittest.Until(t, time.Minute, "the statement runs", func() bool {
		r, err := datadir.ReadRun(dir)
		if err != nil || r == nil || r.ClickHouse == nil {
			return false
		}
		out, err := r.ClickHouse.HTTP(t.Context(), clickhouse.Query{SQL: "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum(sleepEachRow%'"})
		if err != nil {
			return false
		}
		b, err := io.ReadAll(out)
		_ = out.Close()
		return err == nil && strings.TrimSpace(string(b)) != "0"
	})
	return ended
}

// host starts a session that owns the engine of the folder until the test ends or stop is called.
// Its messages go to said.
func host(t *testing.T, dir string, said io.Writer) (s *session, stop func()) {
	t.Helper()
	s = &session{g: &globals{DataDir: dir, program: "darkmap", stderr: said, line: progress.NewLine(said), log: slog.New(slog.DiscardHandler)}}
	l, err := s.lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.release(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := s.close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// TestSQLOwnerWaits: a session that started the engine waits at its end for the statement of
// another session, which gets its answer. The other session's next statement starts the engine
// itself.
func TestSQLOwnerWaits(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	var said bytes.Buffer
	_, stop := host(t, dir, &said)
	guest := askSlowly(t, dir)
	stop()
	if !strings.Contains(said.String(), "waiting for statements of process ") {
		t.Errorf("the owner said %q, want that it waits", said.String())
	}
	if got := <-guest; got != (outcome{0, "30\n", ""}) {
		t.Errorf("the guest got %+v, want its answer", got)
	}
	if code, out, errs := darkmap(t, "", "sql", "--data-dir", dir, "SELECT 1"); code != 0 || out != "1\n" {
		t.Errorf("afterwards: got %d, %q, %q", code, out, errs)
	}
}

// TestSQLOwnerIsKilled: a statement that reads is run again on a store of its own. A statement that
// may write reports that its outcome is not known.
func TestSQLOwnerIsKilled(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	for _, tt := range []struct {
		flags []string
		code  int
		out   string
		said  string
	}{
		{nil, 0, "30\n", "to which the store belonged, has ended before its answer was complete; the statement only reads and is run again"},
		{[]string{"--write"}, exitFailed, "", "whether the statement was carried out is not known"},
	} {
		owner := exec.CommandContext(t.Context(), os.Args[0], "sql", "--data-dir", dir, "SELECT sleepEachRow(0.5) FROM numbers(1000) SETTINGS max_block_size = 1, max_execution_time = 600 FORMAT Null")
		owner.Env = append(os.Environ(), asDarkmap+"=1")
		if err := owner.Start(); err != nil {
			t.Fatal(err)
		}
		waittest.Until(t, time.Minute, "the owner runs", func() bool {
			r, err := datadir.ReadRun(dir)
			return err == nil && r != nil && r.PID == owner.Process.Pid
		})
		guest := askSlowly(t, dir, tt.flags...)
		if err := owner.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = owner.Wait()
		got := <-guest
		if got.code != tt.code || got.out != tt.out || !strings.Contains(got.errs, tt.said) || strings.Contains(got.errs, "EOF") {
			t.Errorf("%v: got %+v, want %d, %q and %q", tt.flags, got, tt.code, tt.out, tt.said)
		}
	}
}

// stalled is an output that accepts only its first octets until goOn is closed.
type stalled struct {
	began, goOn chan struct{}
	n           int
}

func (s *stalled) Write(b []byte) (int, error) {
	if s.n += len(b); s.n == len(b) {
		close(s.began)
	}
	<-s.goOn
	return len(b), nil
}

// TestSQLEngineIsKilled: if the owner goes on, its engine is started again, and the statement is
// run again. A statement whose output was already seen is not.
func TestSQLEngineIsKilled(t *testing.T) {
	t.Parallel()
	dir := migrated(t)
	owner, _ := host(t, dir, io.Discard)
	kill := func() {
		t.Helper()
		engine, err := os.FindProcess(owner.own.engine.PID())
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	guest := askSlowly(t, dir)
	kill()
	if got := <-guest; got.code != 0 || got.out != "30\n" || !strings.Contains(got.errs, "is started again; the statement only reads and is run again") {
		t.Errorf("got %+v, want an answer after a second run", got)
	}
	out := &stalled{began: make(chan struct{}), goOn: make(chan struct{})}
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() { // ends with the engine
		ended <- run(t.Context(), []string{"sql", "--data-dir", dir, "SELECT number, repeat('x', 200) FROM numbers(5000000)"}, nil, out, &errs)
	}()
	<-out.began
	kill()
	close(out.goOn)
	if code := <-ended; code != exitFailed || !strings.Contains(errs.String(), "ended before its answer was complete, and is started again; the output is not complete") {
		t.Errorf("in the midst of output: got %d, %d octets, %q; want that it is not complete", code, out.n, errs.String())
	}
}
