package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/schemas"
)

// Cluster is for tests that make the broker fail.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// NewBrokerLog is what the broker in dir logs to.
func NewBrokerLog(log *slog.Logger, dir string) kfake.Logger { return newBrokerLog(log, dir) }

// NewDialLog is what a client logs to.
func NewDialLog(log *slog.Logger) kgo.Logger {
	return newDialLog(Config{Brokers: []string{"192.0.2.1:9092"}}, log)
}

// CheckFolder is what a start does with a folder.
func CheckFolder(ctx context.Context, dir string, log *slog.Logger) error {
	return checkFolder(ctx, dir, log)
}

// Embedded reports whether the brokers are the embedded one.
func (c Config) Embedded() bool { return c.embedded }

// Wanted is the configuration that a topic of the registry gets.
func (c Config) Wanted(t schemas.Topic) map[string]string { return c.wanted(t).configs }
