package feedlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// Back is the time before now from which Read and Follow read the topics. It is enough to know the
// state of the feeds, because statuses come every ten seconds and panels every quarter hour.
const Back = 2 * time.Hour

// topics are the topics with the state of the feeds.
var topics = []string{schemas.TopicFeeds, schemas.TopicPanel}

// Read reads the records of the time Back from both topics and returns the state of the feeds. cfg
// names the dataset.
func Read(ctx context.Context, cfg kafka.Config, log *slog.Logger) (*Table, error) {
	t := New()
	for _, topic := range topics {
		if err := kafka.ReadSince(ctx, cfg, log, topic, time.Now().Add(-Back), t.Add); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Follow adds the records of the time Back in both topics to t. Then it adds new records until ctx
// ends, and returns nil. cfg names the dataset.
func (t *Table) Follow(ctx context.Context, cfg kafka.Config, log *slog.Logger) error {
	return kafka.TailSince(ctx, cfg, log, topics, time.Now().Add(-Back), t.Add)
}
