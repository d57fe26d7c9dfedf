package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// TestCommittedBehindEnd: a stage whose committed offsets lie behind the ends of the logs, or
// before their beginnings, continues at the ends or beginnings.
func TestCommittedBehindEnd(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 3)
	produceAll(t, cfg, 20)
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	topic := cfg.Topic(schemas.TopicUpdates)
	var offsets kadm.Offsets
	for p := range int32(3) {
		// 0 is before the beginning.
		offsets.Add(kadm.Offset{Topic: topic, Partition: p, At: 1_000_000 * int64(p), LeaderEpoch: -1})
	}
	if err := adm.CommitAllOffsets(t.Context(), cfg.Group("enrich"), offsets); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: 3}}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	backlog := 2 * int(ends[topic][0].Offset-3)
	if backlog <= 0 {
		t.Fatalf("partition 0 ends at %d: it has nothing to read", ends[topic][0].Offset)
	}
	stop := start(t, newDoubler(cfg, "0", 50))
	defer stop()
	// The stage reads the ends of all partitions before it reads any records. Records that are
	// produced after it has read partition 0 come behind those ends.
	for len(kafkatest.Read(t, cfg, schemas.TopicRoutes)) < backlog {
		if ctx.Err() != nil {
			t.Fatal("the backlog of partition 0 was not read")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for c := range collectors {
		produce(t, cfg, fmt.Sprintf("file/%d", c), 20, 10)
	}
	// Wait until the stage has read all new records, and no older ones of partitions 1 and 2.
	for ctx.Err() == nil {
		got := map[int32]int{}
		for _, r := range kafkatest.Read(t, cfg, schemas.TopicRoutes) {
			got[r.Partition]++
			if n, err := strconv.Atoi(string(bytes.Fields(r.Value)[1])); r.Partition > 0 && (err != nil || n < 20) {
				t.Fatalf("partition %d: got %q, want what came after the end", r.Partition, r.Value)
			}
		}
		want := map[int32]int{}
		after, err := adm.ListEndOffsets(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		for p := range int32(3) {
			want[p] = 2 * int(after[topic][p].Offset-ends[topic][p].Offset)
		}
		want[0] += backlog
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("what came after the end was not read")
}

// keeper is a doubler that reports lost records.
type keeper struct{ doubler }

func (keeper) Lost(rec *kgo.Record, l kafka.Lost, emit func(*kgo.Record)) error {
	emit(&kgo.Record{Key: []byte{}, Value: fmt.Appendf(nil, "lost %d-%d of %s", l.From, l.To, rec.Topic)})
	return nil
}

// TestTransformLost: a stage reports lost records of its input in its output, in order.
func TestTransformLost(t *testing.T) {
	t.Parallel()
	w := newDamagedLog(t)
	flip(t, segments(t, w.killed, schemas.TopicUpdates, ".dat")[1], 5000)
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: w.killed})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // the test is over
	cfg := b.Use(kafka.DefaultConfig())
	tc := kafka.TransformConfig{Stage: "copy", Instance: "0", Input: schemas.TopicUpdates, Output: schemas.TopicFeeds}
	stop := start(t, kafka.NewTransform(cfg, tc, keeper{}, kafkatest.Log(), nil))
	kafkatest.WaitDrained(t, cfg, kafka.Reading{Stage: "copy", Topics: []string{schemas.TopicUpdates}})
	stop()
	before, lost := 0, false
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicFeeds)[damagedRecords:] {
		var from, to int
		var n int
		if _, err := fmt.Sscanf(string(r.Value), "lost %d-%d", &from, &to); err == nil {
			if lost || to-from != damagedGroup || before != from-1 {
				t.Errorf("got %q after record %d", r.Value, before)
			}
			lost, before = true, to-1
			continue
		}
		if _, err := fmt.Sscan(string(r.Value), &n); err != nil || n != before && n != before+1 {
			t.Fatalf("got %q after record %d", r.Value[:10], before)
		}
		before = n
	}
	if !lost || before != damagedRecords-1 {
		t.Errorf("ended at record %d, said that records were lost: %v", before, lost)
	}
}
