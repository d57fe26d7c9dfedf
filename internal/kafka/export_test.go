package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/schemas"
)

// Cluster returns the kfake cluster, for tests that make the broker fail.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// NewBrokerLog returns the log of the broker in dir.
func NewBrokerLog(log *slog.Logger, dir string) kfake.Logger { return newBrokerLog(log, dir) }

// NewDialLog returns the log of a client.
func NewDialLog(log *slog.Logger) kgo.Logger {
	return newDialLog(Config{Brokers: []string{"192.0.2.1:9092"}}, log)
}

// CheckFolder checks a folder as a start does.
func CheckFolder(ctx context.Context, dir string, log *slog.Logger) error {
	return checkFolder(ctx, dir, log)
}

// Embedded reports whether the configuration is that of the embedded broker.
func (c Config) Embedded() bool { return c.embedded }

// Wanted returns the desired configuration of a topic of the registry.
func (c Config) Wanted(t schemas.Topic) map[string]string { return c.wanted(t).configs }
