package kafkatest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// Log is a test's logger: errors of clients, which tests provoke, are nobody's news.
func Log() *slog.Logger { return slog.New(slog.DiscardHandler) }

// New returns the configuration of a cluster with all topics in it, of a dataset that no other test has: the brokers of
// TEST_KAFKA_BROKERS, or else an embedded broker of the test's own, in memory.
func New(t testing.TB, partitions int32) kafka.Config {
	t.Helper()
	if brokers := os.Getenv("TEST_KAFKA_BROKERS"); brokers != "" {
		cfg := kafka.DefaultConfig()
		cfg.Brokers = strings.Split(brokers, ",")
		return Dataset(t, cfg, partitions)
	}
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return Dataset(t, b.Use(kafka.DefaultConfig()), partitions)
}

// Dataset creates the topics of a fresh dataset on the brokers of cfg, and removes them with the test.
func Dataset(t testing.TB, cfg kafka.Config, partitions int32) kafka.Config {
	t.Helper()
	cfg = cfg.WithDataset("test-" + rand.Text())
	cfg.Partitions = partitions
	if _, err := kafka.Apply(t.Context(), cfg, Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := kafka.Remove(ctx, cfg, Log(), schemas.Topics); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

// Read returns the committed records of a topic as they are now; in order within each partition.
func Read(t testing.TB, cfg kafka.Config, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out []*kgo.Record
	if err := kafka.ReadToEnd(ctx, cfg, Log(), topic, func(r *kgo.Record) error {
		out = append(out, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// WaitDrained waits until the stages have read everything.
func WaitDrained(t testing.TB, cfg kafka.Config, readings ...kafka.Reading) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	adm, err := kafka.NewAdmin(cfg, Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := kafka.Drained(ctx, adm, cfg, Log(), readings...)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			lags, _ := kafka.Lag(t.Context(), adm, cfg, readings...)
			t.Fatalf("not drained in time: %+v", lags)
		case <-tick.C:
		}
	}
}
