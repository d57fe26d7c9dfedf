package ingest

import (
	"context"
	"errors"
	"time"

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
	at := &feedsRead{since: r.caughtUp, newest: map[int32]*kgo.Record{}}
	var wait retry.Backoff
	for {
		err := r.followFeeds(ctx, at, &wait)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		r.d.Log.Warn("cannot follow bgp.feeds, trying again", "err", err)
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}

// followFeeds goes on where at says, until ctx ends or reading fails.
func (r *running) followFeeds(ctx context.Context, at *feedsRead, wait *retry.Backoff) error {
	topics := []string{schemas.TopicFeeds}
	return kafka.TailSince(ctx, r.d.Kafka, r.d.Log, topics, at.since, func(rec *kgo.Record) error {
		wait.Reset()
		if at.handled(rec) {
			return nil
		}
		if err := r.handleFeed(ctx, rec); err != nil {
			return err
		}
		at.note(rec)
		return nil
	})
}

// rereadSpan is the time before the newest record from which records are read again after a
// failure. Partitions are not read in one order, so one may have older records that were not read.
const rereadSpan = time.Minute

// feedsRead is how far bgp.feeds was read. A record that is read again is not handled again,
// because a request for tables would begin a second gap.
type feedsRead struct {
	since  time.Time             // from when records are read after a failure
	newest map[int32]*kgo.Record // the newest record of each partition that was handled
}

// handled reports whether a record was handled. Offsets of a topic that was made anew begin at 0,
// but at a later time.
func (f *feedsRead) handled(rec *kgo.Record) bool {
	last := f.newest[rec.Partition]
	return last != nil && rec.Offset <= last.Offset && !rec.Timestamp.After(last.Timestamp)
}

func (f *feedsRead) note(rec *kgo.Record) {
	f.newest[rec.Partition] = &kgo.Record{Offset: rec.Offset, Timestamp: rec.Timestamp}
	if t := rec.Timestamp.Add(-rereadSpan); t.After(f.since) {
		f.since = t
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
