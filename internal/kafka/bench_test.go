package kafka_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// benchBatch is the number of records of one write.
const benchBatch = 20_000

// BenchmarkBroker writes records to a broker with a password, and to one without.
func BenchmarkBroker(b *testing.B) {
	for _, tt := range []struct {
		name string
		open bool
	}{{"open", true}, {"password", false}} {
		b.Run(tt.name, func(b *testing.B) {
			broker, err := kafka.StartBroker(b.Context(), kafka.BrokerConfig{Dir: b.TempDir(), Open: tt.open})
			if err != nil {
				b.Fatal(err)
			}
			defer broker.Close() //nolint:errcheck // the benchmark is over
			cfg := broker.Use(kafka.DefaultConfig())
			if _, err := kafka.Apply(b.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
				b.Fatal(err)
			}
			p, err := kafka.NewProducer(b.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			value := bytes.Repeat([]byte("x"), 200)
			b.SetBytes(benchBatch * int64(len(value)))
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				for range benchBatch {
					if err := p.Produce(ctx, "ris/rrc00", value); err != nil {
						b.Fatal(err)
					}
				}
				if err := p.Flush(ctx); err != nil {
					b.Fatal(err)
				}
				cancel()
			}
		})
	}
}

// BenchmarkCheckFolder checks an undamaged folder, as every start does.
func BenchmarkCheckFolder(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "kafka")
	broker, err := kafka.StartBroker(b.Context(), kafka.BrokerConfig{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	cfg := broker.Use(kafka.DefaultConfig())
	if _, err := kafka.Apply(b.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		b.Fatal(err)
	}
	p, err := kafka.NewProducer(b.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		b.Fatal(err)
	}
	value, size := bytes.Repeat([]byte("x"), 1000), 0
	for i := 0; size < 256<<20; i++ {
		if err := p.Produce(b.Context(), "ris/rrc0"+string(rune('0'+i%10)), value); err != nil {
			b.Fatal(err)
		}
		size += len(value)
	}
	if err := p.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	p.Close()
	if err := broker.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := kafka.CheckFolder(b.Context(), dir, slog.New(slog.DiscardHandler)); err != nil {
			b.Fatal(err)
		}
	}
}
