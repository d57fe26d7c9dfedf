package clickhouse_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Main(m)) }

func open(t *testing.T, s clickhouse.Server) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func one[T any](t *testing.T, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestEngineKeepsDataAndStarts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "it's <here>")
	for i := range uint64(3) {
		began := time.Now()
		e := clickhousetest.StartIn(t, dir)
		t.Logf("start %d took %v", i, time.Since(began))
		conn := open(t, e.Server())
		for _, sql := range []string{
			"CREATE DATABASE IF NOT EXISTS darkmap",
			"CREATE TABLE IF NOT EXISTS darkmap.t (n UInt64) ENGINE = MergeTree ORDER BY n",
			"INSERT INTO darkmap.t SELECT 1",
		} {
			if err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		if got := one[uint64](t, conn, "SELECT count() FROM darkmap.t"); got != i+1 {
			t.Errorf("start %d: got %d rows, want %d", i, got, i+1)
		}
		if i == 1 { // a crash must not hinder the next start
			if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		began = time.Now()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("close took %v", time.Since(began))
	}
}

func TestEngineRefusesSecond(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := clickhousetest.StartIn(t, dir)
	_, err := clickhouse.StartEngine(t.Context(), clickhouse.EngineConfig{Dir: dir, Library: clickhousetest.Library(t)})
	if !errors.Is(err, clickhouse.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	if err := open(t, e.Server()).Ping(t.Context()); err != nil {
		t.Errorf("the first one: %v", err)
	}
}

func TestEngineWaitsForPredecessor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := clickhousetest.StartIn(t, dir)
	closed := make(chan error)
	timer := time.AfterFunc(time.Second, func() { closed <- e.Close() })
	defer timer.Stop()
	clickhousetest.StartIn(t, dir)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestEngineIsClosedToOthers(t *testing.T) {
	t.Parallel()
	e := clickhousetest.StartIn(t, t.TempDir())
	s := e.Server()
	if strings.Contains(s.String(), s.Password) || s.Password == "" {
		t.Errorf("the password shows or is missing in %v", s)
	}
	for _, who := range []struct{ user, password string }{{"default", ""}, {"writer", ""}, {"writer", "wrong"}, {"reader", ""}} {
		s := s
		s.User, s.Password = who.user, who.password
		for _, sql := range []string{"SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT count() FROM numbers(10)", "SYSTEM STOP LISTEN HTTP", "CREATE TEMPORARY TABLE t (n UInt8)"} {
			body, err := s.HTTP(t.Context(), clickhouse.Query{SQL: sql})
			if err != nil {
				continue
			}
			b, _ := io.ReadAll(body)
			_ = body.Close()
			t.Errorf("%s as %q with password %q: got %q, want a refusal", sql, who.user, who.password, b)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(e.DataDir()), "conf", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("got the configuration %v after the start (%v), want none: it holds the key", left, err)
	}
}

func TestEngineSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	clickhousetest.Library(t)
	bad := filepath.Join(t.TempDir(), "lib.so")
	if err := os.WriteFile(bad, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, library, want string }{
		{"no library", filepath.Join(t.TempDir(), "none.so"), "darkmap fetch"},
		{"not a library", bad, "loading the library"},
	}
	for _, tt := range tests {
		_, err := clickhouse.StartEngine(t.Context(), clickhouse.EngineConfig{Dir: t.TempDir(), Library: tt.library})
		if errors.Is(err, clickhouse.ErrNoEngine) {
			datatest.Missing(t, "built without the embedded ClickHouse: go test -tags embedded")
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := clickhouse.StartEngine(ctx, clickhouse.EngineConfig{Dir: t.TempDir(), Library: clickhousetest.Library(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}
