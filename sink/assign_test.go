package sink

import (
	"log/slog"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// idleStage is a stage with a client that is no member of a group: the test assigns partitions and takes steps.
func idleStage(t *testing.T, k kafka.Config, s clickhouse.Server) *Stage {
	t.Helper()
	stage, err := New(DefaultConfig(), Deps{Log: slog.New(slog.DiscardHandler), Kafka: k, ClickHouse: s, Dataset: "test", Instance: "sink-0"})
	if err != nil {
		t.Fatal(err)
	}
	if stage.client, err = kafka.NewClient(k, kafkatest.Log()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stage.client.Close)
	return stage
}

// TestReassignedIsNotPaused: a partition that was paused when it was taken away is read when it comes back.
func TestReassignedIsNotPaused(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 2)
	s := idleStage(t, k, clickhouse.Server{Addresses: []string{"127.0.0.1:1"}})
	topic := k.Topic(schemas.TopicRoutes)
	both, lost := map[string][]int32{topic: {0, 1}}, map[string][]int32{topic: {1}}
	s.assigned(t.Context(), s.client, both)
	for _, p := range s.parts[topic] {
		p.backlogBytes = maxBacklog + 1
		s.pauseOrResume(p)
	}
	if got := s.client.PauseFetchPartitions(nil)[topic]; len(got) != 2 {
		t.Fatalf("paused: got %v, want both", got)
	}
	s.revoked(t.Context(), s.client, lost)
	s.assigned(t.Context(), s.client, lost)
	if got := s.client.PauseFetchPartitions(nil)[topic]; len(got) != 1 || got[0] != 0 {
		t.Errorf("paused after partition 1 came back: got %v, want 0 only", got)
	}
}
