package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestRequests checks that detect's request for tables begins a gap without a beginning: at once if
// the collector is open (also without a station for routers, as with archives alone), else when it
// opens.
func TestRequests(t *testing.T) {
	t.Parallel()
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	r := &running{set: set.Set, d: LiveDeps{Log: kafkatest.Log(), Now: time.Now}}
	wanted, err := (&pb.FeedRecord{Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	want := func() {
		t.Helper()
		if err := r.handleFeed(t.Context(), &kgo.Record{Value: wanted}); err != nil {
			t.Fatal(err)
		}
	}
	set.Remember("ris/rrc00", stream.Past{Known: 7, AsOf: time.Now().UnixMicro()})
	want()
	s, err := set.Open(t.Context(), "ris/rrc00", stream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Since() != 0 || !s.TablesRequested() {
		t.Errorf("known up to %d, want never", s.Since())
	}
	want()
	if since, open := s.OpenGap(); !open || since != 0 {
		t.Errorf("gap %v since %d, want one without a beginning", open, since)
	}
	s.Close()
	want()
	set.Remember("ris/rrc00", stream.Past{Known: 7})
	if s, err = set.Open(t.Context(), "ris/rrc00", stream.Options{}); err != nil || s.Since() != 0 {
		t.Errorf("known up to %d, %v; want never", s.Since(), err)
	}
}

// TestRequestedBefore checks that a request for tables that was written while no ingest ran still
// counts.
func TestRequestedBefore(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 2)
	wanted, err := (&pb.FeedRecord{Collector: "routeviews/x", Event: pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	kafkatest.Produce(t, k, schemas.TopicFeeds, "routeviews/x", wanted)
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	r := &running{set: set.Set, d: LiveDeps{Log: kafkatest.Log(), Kafka: k, Now: time.Now}}
	r.catchUp(t.Context())
	for name, want := range map[string]bool{"routeviews/x": true, "routeviews/y": false} {
		s, err := set.Open(t.Context(), name, stream.Options{})
		if err != nil || s.TablesRequested() != want {
			t.Errorf("%s: tables requested %v, %v; want %v", name, s.TablesRequested(), err, want)
		}
	}
}

// TestRequestsReadAgain checks that a request that was the last record begins no second gap when
// reading begins again, and that the next one begins one.
func TestRequestsReadAgain(t *testing.T) {
	t.Parallel()
	const first, second = "ris/rrc00", "ris/rrc01"
	k := kafkatest.New(t, 2)
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	for _, c := range []string{first, second} {
		if _, err := set.Open(t.Context(), c, stream.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	r := &running{set: set.Set, d: LiveDeps{Log: kafkatest.Log(), Kafka: k, Now: time.Now}}
	at := &feedsRead{since: time.Now().Add(-time.Hour), newest: map[int32]*kgo.Record{}}
	gaps := func(collector string) (n int) {
		for _, rec := range set.Updates.Updates(t) {
			if rec.GetGapBegin() != nil && rec.GetPosition().GetCollector() == collector {
				n++
			}
		}
		return n
	}
	for _, c := range []string{first, second} { // in one partition, read over two connections
		b, err := (&pb.FeedRecord{Collector: c, Event: pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		kafkatest.Produce(t, k, schemas.TopicFeeds, first, b)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.followFeeds(ctx, at, &retry.Backoff{}) }() // ends with ctx
		waittest.Until(t, time.Minute, "a gap of "+c, func() bool { return gaps(c) > 0 })
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if a, b := gaps(first), gaps(second); a != 1 || b != 1 {
		t.Errorf("gaps: got %d and %d, want one of each request", a, b)
	}
}
