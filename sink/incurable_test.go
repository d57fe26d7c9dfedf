package sink

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
)

// said is a log that may be read while it is written.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// spoilt are manual changes that make every row of a topic impossible to look up or to insert.
var spoilt = []struct{ name, sql string }{
	{"a table that is missing", "DROP TABLE darkmap.outage_events SYNC"},
	{"a column that is missing", "ALTER TABLE darkmap.outage_events DROP COLUMN duration_seconds"},
}

// TestHopelessEnds checks that an error that retries do not fix ends the stage, with advice.
func TestHopelessEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range spoilt {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := clickhousetest.Server(t)
			conn := open(t, s)
			for _, view := range []string{"outages", "outage_newest_filled"} { // ClickHouse keeps a column that a view reads
				must(t, conn.Exec(t.Context(), "DROP VIEW darkmap."+view+" SYNC"))
			}
			must(t, conn.Exec(t.Context(), tt.sql))
			k := kafkatest.New(t, 3)
			records, _ := everything(t, k)
			produce(t, k, records...)
			stage, err := New(DefaultConfig(), Deps{Log: slog.New(slog.DiscardHandler), Kafka: k, ClickHouse: s, Dataset: "test", Instance: "sink-0"})
			must(t, err)
			if err := stage.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "darkmap migrate") || !strings.Contains(err.Error(), "outage_events") {
				t.Errorf("got %v, want an error that names outage_events and darkmap migrate", err)
			}
		})
	}
}

// TestHopelessIsCured checks Persist: the stage continues, logs the error once, is not ready, and
// stores every row once the schema is fixed.
func TestHopelessIsCured(t *testing.T) {
	t.Parallel()
	for _, tt := range spoilt {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := clickhousetest.Server(t)
			conn := open(t, s)
			for _, view := range []string{"outages", "outage_newest_filled"} { // ClickHouse keeps a column that a view reads
				must(t, conn.Exec(t.Context(), "DROP VIEW darkmap."+view+" SYNC"))
			}
			must(t, conn.Exec(t.Context(), tt.sql))
			k := kafkatest.New(t, 3)
			records, want := everything(t, k)
			produce(t, k, records...)
			var log said
			began := time.Now()
			stage, err := New(DefaultConfig(), Deps{Log: slog.New(slog.NewTextHandler(&log, nil)), Kafka: k, ClickHouse: s, Persist: true, Dataset: "test", Instance: "sink-0"})
			must(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- stage.Run(ctx) }() // ends with cancel below
			waittest.Until(t, time.Minute, "a complaint", func() bool {
				err := stage.Ready()
				return err != nil && strings.Contains(err.Error(), "darkmap migrate")
			})
			if _, err := clickhouse.Migrate(t.Context(), s); err != nil {
				t.Error(err)
			}
			drained(t, k)
			if err := stage.Ready(); err != nil {
				t.Errorf("in the end: %v", err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			for table, n := range want {
				exact(t, conn, table, n)
			}
			if n := strings.Count(log.String(), "darkmap migrate"); n < 1 || n > 1+int(time.Since(began)/retryLogEvery) {
				t.Errorf("%d lines in %v, want one a minute:\n%s", n, time.Since(began), log.String())
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
