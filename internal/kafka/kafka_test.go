package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := kafka.DefaultConfig()
	good.Brokers = []string{"192.0.2.1:9092", "[2001:db8::1]:9092"}
	good.SASL = kafka.SASL{Mechanism: "scram-sha-256", User: "darkmap", Password: config.Secret{Env: "P"}}
	if err := config.Validate(&good); err != nil {
		t.Errorf("got %v, want no fault", err)
	}
	bad := kafka.Config{
		Brokers: []string{"192.0.2.1"}, TopicPrefix: "a b", Partitions: 0, ReplicationFactor: -1,
		TLS: kafka.TLS{CertFile: "x"}, SASL: kafka.SASL{Mechanism: "kerberos"},
	}
	err := config.Validate(&bad)
	for _, want := range []string{"brokers[0]: ", "topic_prefix: ", "partitions: ", "replication_factor: ", "tls.key_file: ", "tls.enabled: ", "sasl.mechanism: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a fault of %s", err, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	cfg := kafka.DefaultConfig()
	cfg.TopicPrefix = "site1."
	for _, tt := range []struct{ dataset, topic, group string }{
		{"", "site1.bgp.updates.v1", "site1.darkmap.enrich"},
		{"live", "site1.bgp.updates.v1", "site1.darkmap.enrich"},
		{"demo", "site1.demo.bgp.updates.v1", "site1.demo.darkmap.enrich"},
	} {
		c := cfg.WithDataset(tt.dataset)
		if got, group := c.Topic(schemas.TopicUpdates), c.Group("enrich"); got != tt.topic || group != tt.group {
			t.Errorf("dataset %q: got %s, %s; want %s, %s", tt.dataset, got, group, tt.topic, tt.group)
		}
	}
}

// TestPartitionOf pins the choice of Kafka's Java client
// (org.apache.kafka.common.utils.Utils.murmur2).
func TestPartitionOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key  string
		hash int32 // murmur2, from Kafka's UtilsTest
	}{
		{"21", -973932308},
		{"foobar", -790332482},
		{"a-little-bit-long-string", -985981536},
		{"a-little-bit-longer-string", -1486304829},
		{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		{"abc", 479470107},
	} {
		for _, n := range []int32{1, 4, 12} {
			if got, want := kafka.PartitionOf(tt.key, n), (tt.hash&0x7fffffff)%n; got != want {
				t.Errorf("%s of %d: got %d, want %d", tt.key, n, got, want)
			}
		}
	}
}

func TestApplyAndRemove(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 3)
	testApplyAndRemove(t, cfg)
}

func testApplyAndRemove(t *testing.T, cfg kafka.Config) {
	t.Helper()
	ctx, log := t.Context(), kafkatest.Log()
	if changes, err := kafka.Apply(ctx, cfg, log, schemas.Topics); err != nil || len(changes) != 0 {
		t.Errorf("the second time: got %v, %v; want no change", changes, err)
	}
	adm, err := kafka.NewAdmin(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	for _, tt := range []struct {
		topic string
		want  int32
	}{{schemas.TopicUpdates, cfg.Partitions}, {schemas.TopicRoutes, cfg.Partitions}, {schemas.TopicVisibility, 4}, {schemas.TopicOutages, 1}} {
		if n, err := kafka.Partitions(ctx, adm, cfg, tt.topic); err != nil || n != tt.want {
			t.Errorf("%s: got %d partitions, %v; want %d", tt.topic, n, err, tt.want)
		}
	}
	for topic, want := range map[string]map[string]string{
		schemas.TopicUpdates: {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"},
		schemas.TopicNotify:  {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"},
	} {
		described, err := adm.DescribeTopicConfigs(ctx, cfg.Topic(topic))
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range described[0].Configs {
			if w, ok := want[kv.Key]; ok && kv.MaybeValue() != w {
				t.Errorf("%s: got %s %s, want %s", topic, kv.Key, kv.MaybeValue(), w)
			}
		}
	}
	testCompare(t, cfg, adm)
	// A group that still has a static member does not prevent Remove.
	s, err := kafka.NewSession(ctx, cfg, kafka.SessionConfig{Stage: "enrich", Instance: "0", Topics: []string{schemas.TopicUpdates}}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	produce(t, cfg, "file/a", 0, 1)
	if f := s.PollRecords(ctx, 10); f.NumRecords() != 1 {
		t.Errorf("got %d records, want 1", f.NumRecords())
	}
	if ok, err := kafka.Transact(ctx, s, nil); !ok || err != nil {
		t.Errorf("committing: got %v, %v", ok, err)
	}
	s.CloseAllowingRebalance()
	if err := kafka.Remove(ctx, cfg, log, schemas.Topics); err != nil {
		t.Fatal(err)
	}
	listed, err := adm.ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name := range listed {
		if strings.HasPrefix(name, cfg.Topic("")) {
			t.Errorf("%s is still there", name)
		}
	}
	if groups, err := adm.ListGroups(ctx); err != nil || len(groups[cfg.Group("enrich")].Group) != 0 {
		t.Errorf("got groups %v, %v; want none of the dataset", groups.Groups(), err)
	}
	if _, err := kafka.Apply(ctx, cfg, log, schemas.Topics); err != nil {
		t.Errorf("creating the topics again: %v", err)
	}
	if err := kafka.Remove(ctx, cfg.WithDataset("live"), log, schemas.Topics); err == nil {
		t.Error("the live dataset was removed")
	}
}

// produce writes records from, from+1, ... of a collector to bgp.updates.
func produce(tb testing.TB, cfg kafka.Config, collector string, from, n int) {
	tb.Helper()
	p, err := kafka.NewProducer(tb.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	for i := range n {
		if err := p.Produce(tb.Context(), collector, fmt.Appendf(nil, "%s %d", collector, from+i)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := p.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

func TestProducer(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 4)
	ctx := t.Context()
	p, err := kafka.NewProducer(ctx, cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i := range 100 {
		for _, c := range []string{"ris/rrc00", "ris/rrc01", "ris/rrc03"} {
			if err := p.Produce(ctx, c, fmt.Appendf(nil, "%s %d", c, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.ProduceAll(ctx, []byte("clock")); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	next, clocks := map[string]int{}, map[int32]int{}
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicUpdates) {
		c := string(r.Key)
		if c == "" {
			clocks[r.Partition]++
			continue
		}
		if want := fmt.Sprintf("%s %d", c, next[c]); string(r.Value) != want || r.Partition != kafka.PartitionOf(c, 4) || clocks[r.Partition] != 0 {
			t.Errorf("got %q in partition %d, want %q in %d, before the clock", r.Value, r.Partition, want, kafka.PartitionOf(c, 4))
		}
		next[c]++
	}
	if len(next) != 3 || next["ris/rrc03"] != 100 || len(clocks) != 4 {
		t.Errorf("got %v records and %v clocks, want 100 of each and one clock in each partition", next, clocks)
	}
	if n, _ := p.Produced(); n != 304 {
		t.Errorf("got %d produced, want 304", n)
	}
	// A record that is too large is rejected, and later records are written.
	for _, n := range []int{kafka.MaxRecordBytes, 1 << 20, 3 << 20} {
		if err := p.Produce(ctx, "ris/rrc00", make([]byte, n)); !errors.Is(err, kafka.ErrTooLarge) {
			t.Errorf("%d octets: got %v, want ErrTooLarge", n, err)
		}
		if err := p.ProduceAll(ctx, make([]byte, n+1)); !errors.Is(err, kafka.ErrTooLarge) {
			t.Errorf("%d octets everywhere: got %v, want ErrTooLarge", n+1, err)
		}
	}
	// The first is the largest that the producer takes.
	for _, n := range []int{kafka.MaxRecordBytes - len("ris/rrc00"), 5} {
		if err := p.Produce(ctx, "ris/rrc00", make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	all := kafkatest.Read(t, cfg, schemas.TopicUpdates)
	if n, _ := p.Produced(); n != 306 || len(all) != 306 {
		t.Errorf("got %d produced, %d written, want 306", n, len(all))
	}
}

// TestProducerLost: after a taken record that could not be written, the producer writes no more
// records.
func TestProducerLost(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := kafka.NewProducer(ctx, cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := kafka.Remove(ctx, cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	if err := p.Produce(ctx, "ris/rrc00", []byte("lost")); err != nil {
		t.Fatal(err)
	}
	defer p.EndAfter(ctx, 0)()
	cancel()
	if err := p.Flush(t.Context()); err == nil {
		t.Error("a record was written to a topic that is gone")
	}
	if err := p.Produce(t.Context(), "ris/rrc00", []byte("after")); err == nil || errors.Is(err, kafka.ErrTooLarge) {
		t.Errorf("got %v: a record was accepted after one that was lost", err)
	}
}

func TestLagDrained(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 2)
	ctx, log := t.Context(), kafkatest.Log()
	adm, err := kafka.NewAdmin(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	reading := kafka.Reading{Stage: "enrich", Topics: []string{schemas.TopicUpdates}}
	check := func(want int64, drained bool) {
		t.Helper()
		lags, err := kafka.Lag(ctx, adm, cfg, reading)
		if err != nil || len(lags) != 1 || lags[0].Records != want {
			t.Errorf("got lag %+v, %v; want %d", lags, err, want)
		}
		if got, err := kafka.Drained(ctx, adm, cfg, log, reading); err != nil || got != drained {
			t.Errorf("got drained %v, %v; want %v", got, err, drained)
		}
	}
	check(0, true)
	produce(t, cfg, "file/a", 0, 10)
	check(10, false)
	part := kafka.PartitionOf("file/a", 2)
	var to kadm.Offsets
	to.AddOffset(cfg.Topic(schemas.TopicUpdates), part, 7, -1)
	if err := adm.CommitAllOffsets(ctx, cfg.Group("enrich"), to); err != nil {
		t.Fatal(err)
	}
	check(3, false)
	// The marker of a transaction is no record: a group before it is drained although its offset is
	// not the end.
	s, err := kafka.NewSession(ctx, cfg, kafka.SessionConfig{Stage: "enrich", Instance: "0", Topics: []string{schemas.TopicUpdates}}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseAllowingRebalance()
	s.PollRecords(ctx, 100)
	if ok, err := kafka.Transact(ctx, s, []*kgo.Record{{Topic: cfg.Topic(schemas.TopicRoutes), Value: []byte("x")}}); !ok || err != nil {
		t.Fatalf("committing: got %v, %v", ok, err)
	}
	check(0, true)
	reading = kafka.Reading{Stage: "detect", Topics: []string{schemas.TopicRoutes}}
	check(2, false)
	to = kadm.Offsets{}
	to.AddOffset(cfg.Topic(schemas.TopicRoutes), 0, 1, -1)
	if err := adm.CommitAllOffsets(ctx, cfg.Group("detect"), to); err != nil {
		t.Fatal(err)
	}
	check(1, true)
}

func TestTail(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 2)
	produce(t, cfg, "file/a", 0, 3)
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err := kafka.Tail(ctx, cfg, kafkatest.Log(), []string{schemas.TopicUpdates}, func(r *kgo.Record) error {
		got = append(got, string(r.Value))
		switch len(got) {
		case 3:
			produce(t, cfg, "file/a", 3, 2)
		case 5:
			cancel()
		}
		return nil
	})
	if err != nil || strings.Join(got, ",") != "file/a 0,file/a 1,file/a 2,file/a 3,file/a 4" {
		t.Errorf("got %q, %v", got, err)
	}
	stop := errors.New("stop")
	if err := kafka.Tail(t.Context(), cfg, kafkatest.Log(), []string{schemas.TopicUpdates}, func(*kgo.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the function's error", err)
	}
}

// TestBrokerOnDisk: written records are there after a restart, and retention by size drops them.
func TestBrokerOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, log := t.Context(), kafkatest.Log()
	start := func() (*kafka.Broker, kafka.Config) {
		t.Helper()
		b, err := kafka.StartBroker(ctx, kafka.BrokerConfig{Dir: dir, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		return b, b.Use(kafka.DefaultConfig())
	}
	b, cfg := start()
	small := []schemas.Topic{{Name: schemas.TopicUpdates, PerCollector: true, EmbeddedRetention: 1 << 40, EmbeddedBytes: 4 << 20}}
	if _, err := kafka.Apply(ctx, cfg, log, small); err != nil {
		t.Fatal(err)
	}
	produce(t, cfg, "file/a", 0, 1000)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(f) == 0 {
		t.Errorf("nothing on disk: %v", err)
	}
	b, cfg = start()
	defer func() { _ = b.Close() }() // it cannot fail
	if changes, err := kafka.Apply(ctx, cfg, log, small); err != nil || len(changes) != 0 {
		t.Errorf("after a restart: got %v, %v; want no change", changes, err)
	}
	got := kafkatest.Read(t, cfg, schemas.TopicUpdates)
	if len(got) != 1000 || string(got[999].Value) != "file/a 999" {
		t.Fatalf("after a restart: got %d records", len(got))
	}
	p, err := kafka.NewProducer(ctx, cfg, schemas.TopicUpdates, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 40 {
		if err := p.Produce(ctx, "file/a", make([]byte, 512<<10)); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(ctx); err != nil { // one batch each: retention drops whole batches
			t.Fatal(err)
		}
	}
	b.Cluster().ApplyRetention() // rather than at the next interval
	size := 0
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicUpdates) {
		size += len(r.Value)
	}
	if size == 0 || size > 1<<20 { // 4 MiB over four partitions
		t.Errorf("got %d octets after retention, want at most 1 MiB", size)
	}
	var disk int64
	err = filepath.Walk(dir, func(_ string, fi os.FileInfo, err error) error {
		if err == nil && !fi.IsDir() {
			disk += fi.Size()
		}
		return err
	})
	if err != nil || disk > 20<<20 {
		t.Errorf("got %d octets on disk, %v; want less than a segment and the rest", disk, err)
	}
}
