package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
)

func TestMain(m *testing.M) {
	if kafkatest.Child(map[string]func(context.Context, kafka.Config, string) error{"transform": runTransform}) {
		return
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// doubler makes two records of each. It cannot decode some.
type doubler struct{}

func (doubler) Transform(rec *kgo.Record, emit func(*kgo.Record)) error {
	emit(&kgo.Record{Value: append(bytes.Clone(rec.Value), " a"...)})
	switch {
	case bytes.HasSuffix(rec.Value, []byte("bad")):
		return errors.New("not a message")
	case bytes.HasSuffix(rec.Value, []byte("boom")):
		panic("index out of range")
	case bytes.HasSuffix(rec.Value, []byte("partly huge")):
		emit(&kgo.Record{Value: make([]byte, 2<<20)})
		return kafka.Partly(errors.New("not all of a message"))
	case bytes.HasSuffix(rec.Value, []byte("huge")):
		emit(&kgo.Record{Value: make([]byte, 2<<20)})
	}
	emit(&kgo.Record{Value: append(bytes.Clone(rec.Value), " b"...)})
	return nil
}

func newDoubler(cfg kafka.Config, instance string, poll int) *kafka.Transform {
	tc := kafka.TransformConfig{Stage: "enrich", Instance: instance, Input: schemas.TopicUpdates, Output: schemas.TopicRoutes, MaxPollRecords: poll}
	return kafka.NewTransform(cfg, tc, doubler{}, kafkatest.Log(), nil)
}

func runTransform(ctx context.Context, cfg kafka.Config, instance string) error {
	return newDoubler(cfg, instance, 40).Run(ctx)
}

var enrich = kafka.Reading{Stage: "enrich", Topics: []string{schemas.TopicUpdates}}

// collectors is the number of streams of the tests, records the number of records in each.
const collectors = 5

func produceAll(tb testing.TB, cfg kafka.Config, records int) {
	tb.Helper()
	for c := range collectors {
		produce(tb, cfg, fmt.Sprintf("file/%d", c), 0, records)
	}
}

// checkDoubled asserts that every record was transformed once, in order, into the partition of its
// input.
func checkDoubled(tb testing.TB, cfg kafka.Config, records int) {
	tb.Helper()
	next := map[string]int{}
	for _, r := range kafkatest.Read(tb, cfg, schemas.TopicRoutes) {
		c := string(r.Key)
		want := fmt.Sprintf("%s %d %c", c, next[c]/2, 'a'+next[c]%2)
		if string(r.Value) != want || r.Partition != kafka.PartitionOf(c, cfg.Partitions) {
			tb.Fatalf("partition %d offset %d: got %q, want %q in %d", r.Partition, r.Offset, r.Value, want, kafka.PartitionOf(c, cfg.Partitions))
		}
		next[c]++
	}
	for c := range collectors {
		if got := next[fmt.Sprintf("file/%d", c)]; got != 2*records {
			tb.Errorf("file/%d: got %d records, want %d", c, got, 2*records)
		}
	}
}

// start runs a transform until the returned function is called.
func start(tb testing.TB, x *kafka.Transform) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }() // ends with cancel
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("running: got %v, want no error", err)
		}
	})
}

func TestTransform(t *testing.T) {
	t.Parallel()
	testTransform(t, kafkatest.New(t, 3))
}

func testTransform(t *testing.T, cfg kafka.Config) {
	t.Helper()
	produceAll(t, cfg, 500)
	x := newDoubler(cfg, "0", 300)
	if err := x.Ready(); err == nil {
		t.Error("ready before it runs")
	}
	stop := start(t, x)
	defer stop()
	kafkatest.WaitDrained(t, cfg, enrich)
	if err := x.Ready(); err != nil {
		t.Errorf("got %v, want ready", err)
	}
	checkDoubled(t, cfg, 500)
	// A record that cannot be transformed is skipped, with a reason. Its partial output is not
	// published.
	p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, v := range []string{"file/0 bad", "file/0 boom", "file/0 huge", "file/0 partly huge", "file/0 500"} {
		if err := p.Produce(t.Context(), "file/0", []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	kafkatest.WaitDrained(t, cfg, enrich)
	var got []string
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicDeadLetter) {
		h := map[string]string{}
		for _, x := range r.Headers {
			h[x.Key] = string(x.Value)
		}
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%v", r.Value, h[schemas.HeaderReason], h[schemas.HeaderStage], h[schemas.HeaderOffset], h[schemas.HeaderTopic] == cfg.Topic(schemas.TopicUpdates)))
	}
	base := 0
	for c := range collectors {
		if name := fmt.Sprintf("file/%d", c); kafka.PartitionOf(name, 3) == kafka.PartitionOf("file/0", 3) {
			base += 500
		}
	}
	want := []string{
		fmt.Sprintf("file/0 bad|not a message|enrich|%d|true", base),
		fmt.Sprintf("file/0 boom|panic: index out of range|enrich|%d|true", base+1),
		fmt.Sprintf("file/0 huge|result of 2097158 octets is above 983040|enrich|%d|true", base+2),
		fmt.Sprintf("file/0 partly huge|result of 2097158 octets is above 983040|enrich|%d|true", base+3),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	routes := 0
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicRoutes) {
		if strings.HasPrefix(string(r.Value), "file/0 ") {
			routes++
		}
	}
	if routes != 2*501 {
		t.Errorf("got %d routes of file/0, want %d", routes, 2*501)
	}
}

// TestTransformFaults makes the broker reject every kind of request in a transaction.
func TestTransformFaults(t *testing.T) {
	t.Parallel()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // it cannot fail
	cfg := kafkatest.Dataset(t, b.Use(kafka.DefaultConfig()), 3)
	const records = 3000
	produceAll(t, cfg, records)
	var calls, faults atomic.Int64
	r := rand.New(rand.NewPCG(1, 2))
	fail := func(key int16, answer func(kmsg.Request) (kmsg.Response, error)) {
		// The function runs in the broker's one goroutine.
		b.Cluster().ControlKey(key, func(req kmsg.Request) (kmsg.Response, error, bool) {
			b.Cluster().KeepControl()
			if calls.Add(1); r.IntN(5) != 0 || faults.Load() >= 60 {
				return nil, nil, false
			}
			faults.Add(1)
			resp, err := answer(req)
			return resp, err, true
		})
	}
	fail(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error) {
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = []int16{kerr.ConcurrentTransactions.Code, kerr.NotCoordinator.Code, kerr.InvalidProducerEpoch.Code, kerr.UnknownServerError.Code}[r.IntN(4)]
		return resp, nil
	})
	fail(int16(kmsg.TxnOffsetCommit), func(req kmsg.Request) (kmsg.Response, error) {
		resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		code := []int16{kerr.IllegalGeneration.Code, kerr.UnknownMemberID.Code, kerr.CoordinatorLoadInProgress.Code, kerr.InvalidProducerEpoch.Code}[r.IntN(4)]
		for _, t := range req.(*kmsg.TxnOffsetCommitRequest).Topics {
			st := kmsg.NewTxnOffsetCommitResponseTopic()
			st.Topic, st.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				sp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				sp.Partition, sp.ErrorCode = p.Partition, code
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		return resp, nil
	})
	fail(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error) {
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		code := []int16{kerr.NotLeaderForPartition.Code, kerr.InvalidProducerEpoch.Code, kerr.MessageTooLarge.Code, kerr.RequestTimedOut.Code}[r.IntN(4)]
		for _, t := range req.(*kmsg.ProduceRequest).Topics {
			st := kmsg.NewProduceResponseTopic()
			st.Topic, st.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				sp := kmsg.NewProduceResponseTopicPartition()
				sp.Partition, sp.ErrorCode = p.Partition, code
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		return resp, nil
	})
	stop := start(t, newDoubler(cfg, "0", 300))
	kafkatest.WaitDrained(t, cfg, enrich)
	stop()
	t.Logf("%d faults in %d requests", faults.Load(), calls.Load())
	if faults.Load() < 5 {
		t.Errorf("got %d faults: the test shows nothing", faults.Load())
	}
	checkDoubled(t, cfg, records)
}

// ending is a transformer that ends the stage at the first record.
type ending struct {
	doubler
	end func()
}

func (e ending) Transform(rec *kgo.Record, emit func(*kgo.Record)) error {
	e.end()
	return e.doubler.Transform(rec, emit)
}

// TestTransformLastCommitFails: an ending stage reports a failure of its last transaction.
func TestTransformLastCommitFails(t *testing.T) {
	t.Parallel()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // it cannot fail
	cfg := kafkatest.Dataset(t, b.Use(kafka.DefaultConfig()), 3)
	produceAll(t, cfg, 10)
	// The function runs in the broker's one goroutine.
	b.Cluster().ControlKey(int16(kmsg.TxnOffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, t := range req.(*kmsg.TxnOffsetCommitRequest).Topics {
			st := kmsg.NewTxnOffsetCommitResponseTopic()
			st.Topic, st.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				sp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				sp.Partition, sp.ErrorCode = p.Partition, kerr.IllegalGeneration.Code
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		return resp, nil, true
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	tc := kafka.TransformConfig{Stage: "enrich", Instance: "0", Input: schemas.TopicUpdates, Output: schemas.TopicRoutes}
	x := kafka.NewTransform(cfg, tc, ending{end: cancel}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), nil)
	if err := x.Run(ctx); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	if !strings.Contains(log.String(), "its records will be read again") {
		t.Errorf("got the log %q, want it to say that the last transaction failed", &log)
	}
	if got := kafkatest.Read(t, cfg, schemas.TopicRoutes); len(got) != 0 {
		t.Errorf("got %d records published, want none", len(got))
	}
}

// TestTransformKilled kills the process repeatedly, while another member joins and leaves.
func TestTransformKilled(t *testing.T) {
	t.Parallel()
	testTransformKilled(t, kafkatest.New(t, 3), 6, 10_000, func(int) {})
}

// testTransformKilled kills the stage repeatedly. After each kill it calls between.
func testTransformKilled(t *testing.T, cfg kafka.Config, kills, records int, between func(kill int)) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	produceAll(t, cfg, records)
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	left := func() int64 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		// Ask again until the other brokers have noticed a killed one.
		for wait := (retry.Backoff{}); ; {
			lag, err := kafka.Lag(ctx, adm, cfg, enrich)
			if err == nil {
				return lag[0].Records
			}
			if wait.Wait(ctx) != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range kills {
		before := left()
		p := kafkatest.Start(t, "transform", cfg, "0")
		limit, poll := time.NewTimer(time.Minute), time.NewTicker(time.Millisecond)
		for left() == before { // until it begins
			select {
			case <-poll.C:
			case <-limit.C:
				t.Fatalf("process %d does nothing", i)
			}
		}
		poll.Reset(time.Duration(1+r.IntN(40)) * time.Millisecond)
		<-poll.C
		p.Kill()
		t.Logf("kill %d: %d records left", i, left())
		between(i)
	}
	if left() == 0 {
		t.Error("everything was done before the last kill: the test shows nothing")
	}
	a := kafkatest.Start(t, "transform", cfg, "0")
	b := kafkatest.Start(t, "transform", cfg, "1")
	kafkatest.WaitDrained(t, cfg, enrich)
	a.Stop()
	b.Stop()
	checkDoubled(t, cfg, records)
}
