package kafka_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
)

// TestDialLog: the log names an unreachable broker after half a minute, and then every ten minutes.
// It passes on all other messages.
func TestDialLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := kafka.NewDialLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
		lines := func() int { return strings.Count(out.String(), "\n") }
		fail := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				l.Log(kgo.LogLevelWarn, "unable to open connection to broker", "addr", "192.0.2.1:9092")
			}
		}
		fail(20 * time.Second)
		time.Sleep(2 * time.Minute)
		fail(20 * time.Second)
		if lines() != 0 {
			t.Errorf("of two short failures: got %q, want nothing", out.String())
		}
		fail(time.Hour)
		if n := lines(); n < 6 || n > 7 || !strings.Contains(out.String(), "addr=192.0.2.1:9092") || !strings.Contains(out.String(), "suppressed=") {
			t.Errorf("of an hour: got %d lines, want 6 that name the broker and how many were left out:\n%s", n, out.String())
		}
		before := lines()
		l.Log(kgo.LogLevelError, "unable to initialize sasl", "broker", "1")
		if lines() != before+1 {
			t.Errorf("another message is missing:\n%s", out.String())
		}
		if l.Level() != kgo.LogLevelWarn {
			t.Errorf("got level %v, want the log's", l.Level())
		}
	})
}
