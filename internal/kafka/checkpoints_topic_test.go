package kafka_test

import (
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// TestInterleaving14CheckpointTopic: a cluster compacts the checkpoints soon. With the defaults of
// the cluster the topic would hold a day of them.
func TestInterleaving14CheckpointTopic(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(schemas.Topics, func(t schemas.Topic) bool { return t.Name == schemas.TopicCheckpoints })
	got := kafka.DefaultConfig().Wanted(schemas.Topics[i])
	for key, want := range map[string]string{"cleanup.policy": "compact", "segment.bytes": "67108864", "max.compaction.lag.ms": "600000"} {
		if got[key] != want {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
}
