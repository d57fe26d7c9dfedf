package kafka_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// writer is a client that writes to partition 0 of bgp.outages.v1 in transactions.
type writer struct {
	t  *testing.T
	cl *kgo.Client
}

func newWriter(t *testing.T, cfg kafka.Config, id string) *writer {
	t.Helper()
	cl, err := kafka.NewClient(cfg, kafkatest.Log(), kgo.TransactionalID(cfg.Topic(id)), kgo.TransactionTimeout(10*time.Minute),
		kgo.DefaultProduceTopic(cfg.Topic(schemas.TopicOutages)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &writer{t, cl}
}

// begin begins a transaction with one record.
func (w *writer) begin(value string) {
	w.t.Helper()
	if err := w.cl.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.cl.ProduceSync(w.t.Context(), &kgo.Record{Value: []byte(value)}).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) end(commit kgo.TransactionEndTry) {
	w.t.Helper()
	if err := w.cl.EndTransaction(w.t.Context(), commit); err != nil {
		w.t.Fatal(err)
	}
}

// TestAbortedEnd checks that reads end although the last offset before the end is a record of an
// aborted transaction, which a client never passes on. A second transaction is open: the marker of
// the abort is behind its first record, and the committed records end before it.
func TestAbortedEnd(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 1)
	a, b := newWriter(t, cfg, "a"), newWriter(t, cfg, "b")
	a.begin("first")
	a.end(kgo.TryCommit) // offsets 0, 1
	a.begin("aborted")   // 2
	b.begin("open")      // 3
	a.end(kgo.TryAbort)  // 4
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	keep := func(r *kgo.Record) error {
		got = append(got, string(r.Value))
		return nil
	}
	if err := kafka.ReadToEnd(ctx, cfg, kafkatest.Log(), schemas.TopicOutages, keep); err != nil {
		t.Error(err)
	}
	if err := kafka.ReadRange(ctx, cfg, kafkatest.Log(), schemas.TopicOutages, 0, 2, 3, keep); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, []string{"first"}) {
		t.Errorf("while a transaction is open: got %q", got)
	}
	got = nil
	b.end(kgo.TryCommit)
	if err := kafka.ReadToEnd(ctx, cfg, kafkatest.Log(), schemas.TopicOutages, keep); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, []string{"first", "open"}) {
		t.Errorf("after it: got %q", got)
	}
}
