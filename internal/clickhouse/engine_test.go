package clickhouse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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

func TestMain(m *testing.M) {
	if socket := os.Getenv(strangerEnv); socket != "" {
		stranger(socket)
		return
	}
	if dir := os.Getenv(ownerEnv); dir != "" {
		owner(dir)
		return
	}
	if server := os.Getenv(runnerEnv); server != "" {
		if err := runner(server); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	os.Exit(clickhousetest.Main(m))
}

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

// TestSecrets: neither the key nor a password appears in text, on the command line, or in a
// remaining file.
func TestSecrets(t *testing.T) {
	t.Parallel()
	e := clickhousetest.StartIn(t, t.TempDir())
	s := e.Server()
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", e.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("server", "server", s, "login", *s.Reader)
	text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", s, s, s, s, *s.Reader, s.Reader, *s.Reader) + logged.String() + string(cmdline)
	for name, secret := range map[string]string{"password": s.Password, "key": s.Key, "reader's password": s.Reader.Password} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("the %s shows or is missing in %s", name, text)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(e.DataDir()), "conf", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("got the configuration %v after the start (%v), want none: it holds the key", left, err)
	}
	for _, who := range []struct{ user, password string }{{"writer", ""}, {"writer", "wrong"}, {"reader", ""}, {"reader", s.Password}} {
		s := s
		s.User, s.Password = who.user, who.password
		if got, err := answer(t, s, "SELECT 1"); err == nil {
			t.Errorf("as %q with password %q: got %q, want a refusal", who.user, who.password, got)
		}
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
