package detect_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// longHole produces two clock records in each partition. The windows between them are too many for
// a single transaction.
func longHole(t *testing.T, cfg kafka.Config, minutes int64) {
	t.Helper()
	p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicRoutes, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i, c := range []*pb.RouteRecord{
		{Position: &pb.Position{Lane: "clock/x", Sequence: 1}, TimestampUs: minute0 * 1e6, Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{}}},
		{Position: &pb.Position{Lane: "clock/x", Sequence: 2}, TimestampUs: (minute0 + 60*minutes - 1) * 1e6, Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{End: true}}},
	} {
		b, err := c.MarshalVT()
		if err != nil {
			t.Fatal(i, err)
		}
		if err := p.ProduceAll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestTransactionWithinRecord: a transaction between two steps of one record commits the offset of
// that record, not of the next one, with the windows published. After a failure the other windows
// follow, and none is published twice.
func TestTransactionWithinRecord(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 2)
	const minutes, failing = 30_000, 25_000
	longHole(t, cfg, minutes)
	broken := errors.New("broken")
	s, err := newCounter(cfg, "0", 0, counter{fail: func(start int64) error {
		if start == minute0+60*failing {
			return broken
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	committed, err := adm.FetchOffsetsForTopics(t.Context(), cfg.Group(detect.Name), cfg.Topic(schemas.TopicRoutes))
	if err != nil {
		t.Fatal(err)
	}
	var offsets []int64
	published := len(kafkatest.Read(t, cfg, schemas.TopicOutages))
	committed.Each(func(o kadm.OffsetResponse) {
		offsets = append(offsets, o.At)
		if want := fmt.Sprint("window=", minute0+60*int64(published-1)); o.Metadata != want {
			t.Errorf("partition %d: got the metadata %q, want %q", o.Partition, o.Metadata, want)
		}
	})
	slices.Sort(offsets)
	if !slices.Equal(offsets, []int64{1, 2}) || published == 0 || published > failing {
		t.Errorf("got %d windows published and offsets %v, want some, and 1 and 2: one partition's last record is not done", published, offsets)
	}
	defer start(t, newStage(t, cfg, 0))()
	kafkatest.WaitDrained(t, cfg, reading)
	if got := len(kafkatest.Read(t, cfg, schemas.TopicOutages)); got != minutes {
		t.Errorf("got %d windows, want %d", got, minutes)
	}
}

// TestStageLongHole: one record closes too many windows for a single transaction.
func TestStageLongHole(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 2)
	const minutes = 30_000
	longHole(t, cfg, minutes)
	var transactions atomic.Int64
	stop := start(t, newStage(t, cfg, 0))
	defer stop()
	kafkatest.WaitDrained(t, cfg, reading)
	next := int64(0)
	if err := kafka.ReadToEnd(t.Context(), cfg, kafkatest.Log(), schemas.TopicOutages, func(r *kgo.Record) error {
		o := &pb.OutageRecord{}
		if err := o.UnmarshalVT(r.Value); err != nil {
			return err
		}
		if o.GetStartS() != minute0+60*next {
			return fmt.Errorf("window %d follows %d", (o.GetStartS()-minute0)/60, next-1)
		}
		if r.Offset != next+transactions.Load() {
			transactions.Add(1)
		}
		next++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if next != minutes || transactions.Load() < 1 {
		t.Errorf("got %d windows in %d transactions, want %d in two or more", next, transactions.Load()+1, minutes)
	}
}
