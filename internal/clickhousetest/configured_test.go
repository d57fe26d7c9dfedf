package clickhousetest_test

import (
	"os"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Main(m)) }

// TestConfigured: both the native protocol and HTTP with a password reach the same tables.
func TestConfigured(t *testing.T) {
	t.Parallel()
	e, s := clickhousetest.Configured(t)
	if _, err := clickhouse.Migrate(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for name, server := range map[string]clickhouse.Server{"embedded": e.Server(), "configured": s, "reads": s.AsReader()} {
		conn, err := clickhouse.Open(t.Context(), server)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var n uint64
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM darkmap.schema_migrations").Scan(&n); err != nil || n == 0 {
			t.Errorf("%s: got %d steps, %v", name, n, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		body, err := server.HTTP(t.Context(), clickhouse.Query{SQL: "SELECT 1"})
		if err != nil {
			t.Errorf("%s over HTTP: %v", name, err)
			continue
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, change := range map[string]func(*clickhouse.Server){
		"a wrong password": func(s *clickhouse.Server) { s.Password = "wrong" },
		"read only":        func(s *clickhouse.Server) { *s = s.AsReader() },
	} {
		server := s
		change(&server)
		if body, err := server.HTTP(t.Context(), clickhouse.Query{SQL: "DROP TABLE darkmap.panel"}); err == nil {
			_ = body.Close()
			t.Errorf("%s: a table was dropped", name)
		}
	}
}
