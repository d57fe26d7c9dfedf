// Package clickhousetest provides a ClickHouse for tests: the embedded engine, or the server at
// TEST_CLICKHOUSE_ADDR.
package clickhousetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/fetch"
)

// Main is the last call of TestMain in a package that starts engines:
// os.Exit(clickhousetest.Main(m)). The engine is the test's own program in another role. Main fails
// the tests if they leave a goroutine behind.
func Main(m *testing.M) int {
	if code, handled := clickhouse.RunEngineChild(os.Args); handled {
		return code
	}
	code := m.Run()
	if err := removeTemplate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// Library returns the path of the engine's library. If there is none, it skips the test, or fails
// it with TEST_INTEGRATION=1.
func Library(t testing.TB) string {
	t.Helper()
	item, ok := fetch.Engine()
	if !ok {
		datatest.Missing(t, "there is no embedded ClickHouse for this platform")
	}
	dir, err := fetch.Dir("", item)
	if errors.Is(err, fetch.ErrMissing) {
		datatest.Missing(t, "the embedded ClickHouse is not here: make deps")
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "libchdb.so")
}

// NeedEngine skips the test, or fails it with TEST_INTEGRATION=1, if no engine can be started. It
// starts none.
func NeedEngine(t testing.TB) {
	t.Helper()
	Library(t)
	_, err := clickhouse.StartEngine(t.Context(), clickhouse.EngineConfig{
		Library: filepath.Join(t.TempDir(), "none"),
	})
	missingEngine(t, err)
}

// StartIn starts an engine on dir and closes it at the end of the test.
func StartIn(t testing.TB, dir string) *clickhouse.Engine {
	t.Helper()
	return Start(t, clickhouse.EngineConfig{Dir: dir})
}

// Start starts an engine and closes it at the end of the test.
func Start(t testing.TB, cfg clickhouse.EngineConfig) *clickhouse.Engine {
	t.Helper()
	cfg.Library = Library(t)
	e, err := clickhouse.StartEngine(t.Context(), cfg)
	missingEngine(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// missingEngine skips the test if err means that this program has no engine.
func missingEngine(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, clickhouse.ErrNoEngine) {
		datatest.Missing(t, "built without the embedded ClickHouse: go test -tags embedded")
	}
}

// Server returns an empty ClickHouse with the schema applied. It is an engine of the test's own, or
// a database of the server at TEST_CLICKHOUSE_ADDR (user TEST_CLICKHOUSE_USER, password
// TEST_CLICKHOUSE_PASSWORD). Server drops that database at the end of the test.
func Server(t testing.TB) clickhouse.Server {
	t.Helper()
	if addr := os.Getenv("TEST_CLICKHOUSE_ADDR"); addr != "" {
		cfg := clickhouse.DefaultConfig()
		cfg.Addresses, cfg.User = []string{addr}, os.Getenv("TEST_CLICKHOUSE_USER")
		cfg.Database = "darkmap_" + strings.ToLower(strings.Map(letters, t.Name()))
		s, err := cfg.Server()
		if err != nil {
			t.Fatal(err)
		}
		s.Password = os.Getenv("TEST_CLICKHOUSE_PASSWORD")
		drop(t, s)
		t.Cleanup(func() { drop(t, s) })
		if _, err := clickhouse.Migrate(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	return StartMigrated(t, clickhouse.EngineConfig{Dir: filepath.Join(t.TempDir(), "clickhouse")}).Server()
}

func drop(t testing.TB, s clickhouse.Server) {
	t.Helper()
	body, err := s.HTTP(context.Background(), clickhouse.Query{
		SQL: "DROP DATABASE IF EXISTS " + s.Database + " SYNC",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}

// Port returns the engine's HTTP port, in the engine's own network if it has one. It returns 0 if
// the engine has just ended.
func Port(t testing.TB, e *clickhouse.Engine) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", e.PID()))
	if err != nil {
		return 0
	}
	args := strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
	first, _, _ := strings.Cut(args[len(args)-1], "/")
	port, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return port
}
