package kafkatest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// Log returns a test's logger. It discards errors of clients, because tests provoke them. In a child
// it writes warnings to its output, which a failed test shows.
func Log() *slog.Logger {
	if _, child := os.LookupEnv(childEnv); child {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return slog.New(slog.DiscardHandler)
}

// New returns the configuration of a cluster with all topics of a dataset that belongs to this
// test. The cluster consists of the brokers at TEST_KAFKA_BROKERS, or of an embedded broker in
// memory for this test.
func New(tb testing.TB, partitions int32) kafka.Config {
	tb.Helper()
	return start(tb, partitions, kafka.BrokerConfig{})
}

// Open returns a cluster like New, with a broker that requires no password, as an external cluster
// may.
func Open(tb testing.TB, partitions int32) kafka.Config {
	tb.Helper()
	return start(tb, partitions, kafka.BrokerConfig{Open: true})
}

func start(tb testing.TB, partitions int32, bc kafka.BrokerConfig) kafka.Config {
	tb.Helper()
	if brokers := os.Getenv("TEST_KAFKA_BROKERS"); brokers != "" {
		cfg := kafka.DefaultConfig()
		cfg.Brokers = strings.Split(brokers, ",")
		return Dataset(tb, cfg, partitions)
	}
	b, err := kafka.StartBroker(tb.Context(), bc)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return Dataset(tb, b.Use(kafka.DefaultConfig()), partitions)
}

// Virtual starts a broker with all topics on a network of its own, for tests in virtual time
// (testing/synctest). The broker ends with the test, if not before.
func Virtual(tb testing.TB, partitions int32) (*kafka.Broker, kafka.Config) {
	tb.Helper()
	b, err := kafka.StartBroker(tb.Context(), kafka.BrokerConfig{Network: &kfake.VirtualNetwork{}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() }) // never fails
	cfg := b.Use(kafka.DefaultConfig())
	cfg.Partitions = partitions
	if _, err := kafka.Apply(tb.Context(), cfg, Log(), schemas.Topics); err != nil {
		tb.Fatal(err)
	}
	return b, cfg
}

// Produce writes one record of a collector.
func Produce(tb testing.TB, cfg kafka.Config, topic, collector string, value []byte) {
	tb.Helper()
	p, err := kafka.NewProducer(tb.Context(), cfg, topic, Log(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	if err := errors.Join(p.Produce(tb.Context(), collector, value), p.Flush(tb.Context())); err != nil {
		tb.Fatal(err)
	}
}

// Dataset creates the topics of a new dataset on the brokers of cfg, and removes them at the end of
// the test.
func Dataset(tb testing.TB, cfg kafka.Config, partitions int32) kafka.Config {
	tb.Helper()
	cfg = cfg.WithDataset("test-" + rand.Text())
	cfg.Partitions = partitions
	if _, err := kafka.Apply(tb.Context(), cfg, Log(), schemas.Topics); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := kafka.Remove(ctx, cfg, Log(), schemas.Topics); err != nil {
			tb.Error(err)
		}
	})
	return cfg
}

// Read returns the present committed records of a topic, in order within each partition.
func Read(tb testing.TB, cfg kafka.Config, topic string) []*kgo.Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	var out []*kgo.Record
	if err := kafka.ReadToEnd(ctx, cfg, Log(), topic, func(r *kgo.Record) error {
		out = append(out, r)
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return out
}

// WaitDrained waits until the stages have read everything.
func WaitDrained(tb testing.TB, cfg kafka.Config, readings ...kafka.Reading) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute)
	defer cancel()
	adm, err := kafka.NewAdmin(cfg, Log())
	if err != nil {
		tb.Fatal(err)
	}
	defer adm.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := kafka.Drained(ctx, adm, cfg, Log(), readings...)
		if err != nil {
			tb.Fatal(err)
		}
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			lags, _ := kafka.Lag(tb.Context(), adm, cfg, readings...)
			tb.Fatalf("not drained in time: %+v", lags)
		case <-tick.C:
		}
	}
}
