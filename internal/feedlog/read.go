package feedlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// Back is how far back the topics have to be read to know how feeds stand: statuses come every few seconds, panels every
// quarter hour.
const Back = 2 * time.Hour

// topics are those that say how the feeds stand.
var topics = []string{schemas.TopicFeeds, schemas.TopicPanel}

// Read reads what both topics hold of the last Back, and returns how the feeds stand. cfg names the dataset.
func Read(ctx context.Context, cfg kafka.Config, log *slog.Logger) (*Table, error) {
	t := New()
	for _, topic := range topics {
		if err := kafka.ReadSince(ctx, cfg, log, topic, time.Now().Add(-Back), t.Add); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Follow adds to t what both topics hold of the last Back, and what comes, until ctx ends; nil then. cfg names the dataset.
func (t *Table) Follow(ctx context.Context, cfg kafka.Config, log *slog.Logger) error {
	return kafka.TailSince(ctx, cfg, log, topics, time.Now().Add(-Back), t.Add)
}
