package detect_test

import (
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// TestDamagedLog: a state that is built from a log with lost records requests tables once it has
// caught up. It never waits for the lost records, wherever they were.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, path string)
	}{
		{"octets", func(t *testing.T, path string) {
			t.Helper()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 4 {
				b[len(b)/2+i] ^= 0x33
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"cut", func(t *testing.T, path string) {
			t.Helper()
			info, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, info.Size()*2/3)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"removed", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "kafka")
			open := func() (*kafka.Broker, kafka.Config) {
				b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				cfg := b.Use(kafka.DefaultConfig())
				cfg.Partitions = 3
				if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
					t.Fatal(err)
				}
				return b, cfg
			}
			b, cfg := open()
			f := feed{minutes: 30, perMinute: 60, seq: make([]uint64, collectors)}
			for to := 1; to <= 10; to++ { // in several batches
				f.produce(t, cfg, to)
			}
			stop := start(t, newRequester(t, cfg))
			kafkatest.WaitDrained(t, cfg, reading)
			stop()
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			tt.damage(t, filepath.Join(dir, "partitions", schemas.TopicRoutes+"-1", "0.dat"))
			b, cfg = open()
			defer b.Close() //nolint:errcheck // the test is over
			f.produce(t, cfg, 20)
			stop = start(t, newRequester(t, cfg))
			kafkatest.WaitDrained(t, cfg, reading)
			f.produce(t, cfg, 30)
			kafkatest.WaitDrained(t, cfg, reading)
			stop()
			why, _ := feeds(t, cfg)
			if diff := gocmp.Diff([]string{"trimmed log"}, why); diff != "" {
				t.Fatalf("tables wanted (-want +got):\n%s", diff)
			}
		})
	}
}
