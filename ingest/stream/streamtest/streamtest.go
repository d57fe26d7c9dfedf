// Package streamtest replaces the broker behind ingest/stream in tests. It keeps the written
// records.
package streamtest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/kafka"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Recorder is a producer that keeps values in order. It is safe for concurrent use.
type Recorder struct {
	mu     sync.Mutex
	values [][]byte
}

// Produce keeps a value. Like kafka.Producer it refuses one that is too large.
func (r *Recorder) Produce(_ context.Context, _ string, value []byte) error {
	if len(value) > kafka.MaxRecordBytes {
		return fmt.Errorf("%d octets: %w", len(value), kafka.ErrTooLarge)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values = append(r.values, value)
	return nil
}

// ProduceAll keeps a value once, instead of once for each partition.
func (r *Recorder) ProduceAll(ctx context.Context, value []byte) error {
	return r.Produce(ctx, "", value)
}

// Updates decodes the recorded values as records of bgp.updates.
func (r *Recorder) Updates(t testing.TB) []*pb.UpdateRecord {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*pb.UpdateRecord, len(r.values))
	for i, v := range r.values {
		out[i] = &pb.UpdateRecord{}
		if err := out[i].UnmarshalVT(v); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Feeds decodes the recorded values as records of bgp.feeds.
func (r *Recorder) Feeds(t testing.TB) []*pb.FeedRecord {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*pb.FeedRecord, len(r.values))
	for i, v := range r.values {
		out[i] = &pb.FeedRecord{}
		if err := out[i].UnmarshalVT(v); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Bodies returns the short names of the kinds of records in a collector's lane (EpochBegin,
// BgpMessage, ...), without ticks. An empty lane means all lanes.
func Bodies(recs []*pb.UpdateRecord, collector, lane string) []string {
	var out []string
	for _, r := range recs {
		p := r.GetPosition()
		if _, tick := r.GetBody().(*pb.UpdateRecord_Tick); tick || p.GetCollector() != collector ||
			lane != "" && p.GetLane() != lane {
			continue
		}
		out = append(out, fmt.Sprintf("%T", r.GetBody())[len("*darkmapv1.UpdateRecord_"):])
	}
	return out
}

// Set is a stream.Set that writes to recorders.
type Set struct {
	*stream.Set
	Updates, Feeds *Recorder
	Gaps           chan *stream.Gap // the gaps that OnGap received
	mu             sync.Mutex
	dead           []stream.DeadLetter
}

// New returns a Set. now is its clock. nil means time.Now.
func New(t testing.TB, cfg stream.Config, now func() time.Time) *Set {
	t.Helper()
	if now == nil {
		now = time.Now
	}
	s := &Set{Updates: &Recorder{}, Feeds: &Recorder{}, Gaps: make(chan *stream.Gap, 1000)}
	var err error
	s.Set, err = stream.NewSet(cfg, stream.Deps{
		Log: slog.New(slog.DiscardHandler), Now: now, Instance: "test", Updates: s.Updates, Feeds: s.Feeds,
		OnGap: func(g *stream.Gap) { s.Gaps <- g },
		DeadLetter: func(_ context.Context, l stream.DeadLetter) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			l.Raw = append([]byte(nil), l.Raw...)
			s.dead = append(s.dead, l)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Dead returns the dead letters that DeadLetter received.
func (s *Set) Dead() []stream.DeadLetter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]stream.DeadLetter(nil), s.dead...)
}
