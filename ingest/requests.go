package ingest

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// followRequests follows bgp.feeds until ctx ends. It answers detect's requests for tables, and
// records the epochs seen.
func (r *running) followRequests(ctx context.Context) error {
	since := r.caughtUp
	var wait retry.Backoff
	for {
		handle := func(rec *kgo.Record) error {
			wait.Reset()
			since = rec.Timestamp
			return r.handleFeed(ctx, rec)
		}
		err := kafka.TailSince(ctx, r.d.Kafka, r.d.Log, []string{schemas.TopicFeeds}, since, handle)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		r.d.Log.Warn("cannot follow bgp.feeds, trying again", "err", err)
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}

func (r *running) handleFeed(ctx context.Context, rec *kgo.Record) error {
	var f pb.FeedRecord
	if err := f.UnmarshalVT(rec.Value); err != nil {
		return nil //nolint:nilerr // sink keeps what cannot be read
	}
	r.set.RaiseEpoch(f.GetPosition().GetEpoch())
	if f.GetEvent() != pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED {
		return nil
	}
	for {
		s := r.set.RequestTables(f.GetCollector(), r.now())
		if s == nil { // the collector belongs to another replica, or is not open yet
			return nil
		}
		r.d.Log.Info("the detector wants the tables again", "collector", s.Collector())
		if err := r.requestTables(ctx, s); !errors.Is(err, stream.ErrClosed) {
			return err
		}
	}
}

// requestTables makes a collector send its tables again: a router by ending its session, any other
// through a gap without a beginning. The error wraps stream.ErrClosed if the stream ended
// meanwhile.
func (r *running) requestTables(ctx context.Context, s *stream.Stream) error {
	if r.station.Drop(s.Collector()) {
		return nil
	}
	_, err := s.BeginGap(ctx, 0, "the detector needs the tables again")
	return err
}
