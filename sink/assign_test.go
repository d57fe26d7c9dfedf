package sink

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// idleStage returns a stage whose client is no member of a group: the test assigns partitions and
// makes steps.
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

// TestReassignedIsNotPaused checks that a partition that was paused when it was revoked is read
// after it is assigned again.
func TestReassignedIsNotPaused(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 2)
	s := idleStage(t, k, clickhouse.Server{Addresses: []string{"127.0.0.1:1"}})
	topic := k.Topic(schemas.TopicRoutes)
	both, lost := map[string][]int32{topic: {0, 1}}, map[string][]int32{topic: {1}}
	s.assigned(t.Context(), s.client, both)
	for _, p := range s.partitions[topic] {
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

// TestSilentStore checks that a ClickHouse that does not answer costs one time-out for all
// partitions, not one for each.
func TestSilentStore(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts no connection
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test's listener
	k := kafkatest.New(t, 3)
	s := idleStage(t, k, clickhouse.Server{Addresses: []string{l.Addr().String()}})
	topic := k.Topic(schemas.TopicRoutes)
	s.assigned(t.Context(), s.client, map[string][]int32{topic: {0, 1, 2}})
	pos := bgp.Position{Collector: "c", Lane: bgp.LaneLive, Epoch: 1, Sequence: 1}
	polled := kgo.FetchTopic{Topic: topic}
	for n := range int32(3) {
		r := record(t, k, schemas.TopicRoutes, "c", routeRecord(pos, 0, 1))
		r.Partition, r.Timestamp = n, time.Now()
		polled.Partitions = append(polled.Partitions, kgo.FetchPartition{Partition: n, Records: []*kgo.Record{r}})
	}
	began := time.Now()
	if err := s.step(t.Context(), kgo.Fetches{{Topics: []kgo.FetchTopic{polled}}}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > lookLimit*3/2 {
		t.Errorf("a step with three partitions took %v, want about %v", took, lookLimit)
	}
	s.mu.Lock()
	if wait := time.Until(s.retryAt); wait < retryAfter/2 || wait > retryAfter {
		t.Errorf("next attempt: got in %v, want in %v", wait, retryAfter)
	}
	s.mu.Unlock()
	if s.storeReady.Ready() == nil {
		t.Error("ready although ClickHouse does not answer")
	}
}

// TestReadyAgain checks that a fault of ClickHouse ends with a successful look-up, or with the last
// partition.
func TestReadyAgain(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Server(t)
	k := kafkatest.New(t, 2)
	s := idleStage(t, k, server)
	defer s.store.close() //nolint:errcheck // a test's connection
	topic := k.Topic(schemas.TopicRoutes)
	s.assigned(t.Context(), s.client, map[string][]int32{topic: {0, 1}})
	fault := errors.New("a fault")
	s.storeReady.Set(fault)
	p := s.partitions[topic][0]
	lookUp := func() error {
		_, err := s.lookUp(t.Context(), p, &kgo.Record{}, bgp.LaneKey{Collector: "c", Lane: bgp.LaneLive})
		return err
	}
	if err := lookUp(); !errors.Is(err, errIncomplete) {
		t.Fatalf("the first look-up: got %v, want %v", err, errIncomplete)
	}
	<-p.completed
	if err := lookUp(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("after a look-up that worked: %v", err)
	}
	s.storeReady.Set(fault)
	s.revoked(t.Context(), s.client, map[string][]int32{topic: {0}})
	if err := s.Ready(); !errors.Is(err, fault) {
		t.Errorf("with a partition left: got %v, want %v", err, fault)
	}
	s.revoked(t.Context(), s.client, map[string][]int32{topic: {1}})
	if err := s.Ready(); err != nil {
		t.Errorf("without partitions: %v", err)
	}
}

// TestDeadLetterCountedOnce checks that failed attempts are not counted.
func TestDeadLetterCountedOnce(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 1)
	s := idleStage(t, k, clickhouse.Server{Addresses: []string{"127.0.0.1:1"}})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	bad := &kgo.Record{Topic: k.Topic(schemas.TopicRoutes), Value: []byte("not protobuf")}
	b := &batch{rows: s.writers[bad.Topic].block()}
	if err := s.add(ended, b, bad); !errors.Is(err, context.Canceled) {
		t.Fatalf("with an ended context: got %v, want %v", err, context.Canceled)
	}
	if err := s.add(t.Context(), b, bad); err != nil {
		t.Fatal(err)
	}
	if got := value(t, s.metrics.dead); got != 1 {
		t.Errorf("got %v, want 1", got)
	}
}
