package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// history holds for each collector what bgp.feeds has of it: the time up to which the collector's
// stream is known, and its highest epoch.
type history map[string]stream.Past

// readHistory reads the records written to bgp.feeds from time since on. A collector that they do
// not name has to send its tables.
func readHistory(ctx context.Context, d *LiveDeps, since time.Time) (history, error) {
	p := history{}
	err := readFeeds(ctx, d, since, func(f *pb.FeedRecord, _ time.Time) { p.note(f) })
	if err != nil {
		return nil, fmt.Errorf("reading the history of the collectors: %w", err)
	}
	return p, nil
}

// readFeeds calls fn with each record written to bgp.feeds from time since on, and its Kafka
// timestamp.
func readFeeds(
	ctx context.Context, d *LiveDeps, since time.Time, fn func(f *pb.FeedRecord, at time.Time),
) error {
	return kafka.ReadSince(ctx, d.Kafka, d.Log, schemas.TopicFeeds, since, func(rec *kgo.Record) error {
		var f pb.FeedRecord
		// skip records that cannot be decoded; sink keeps them
		if err := f.UnmarshalVT(rec.Value); err == nil {
			fn(&f, rec.Timestamp)
		}
		return nil
	})
}

// note adds a record. A record of a lower epoch is late, and note ignores it.
func (p history) note(f *pb.FeedRecord) {
	epoch := f.GetPosition().GetEpoch()
	x := p[f.GetCollector()]
	// detect writes such a record with epoch 0, so the epoch is not compared
	if f.GetEvent() == pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED {
		x.Known = 0
		p[f.GetCollector()] = x
		return
	}
	if epoch == 0 || epoch < x.Epoch {
		return
	}
	x.Epoch = epoch
	switch f.GetEvent() { //nolint:exhaustive // the others do not change the known time
	case pb.FeedEvent_FEED_EVENT_STATUS:
		x.Known = f.GetStatus().GetKnownUs()
	case pb.FeedEvent_FEED_EVENT_GAP: // the gap may begin before the time in the last status
		x.Known = min(x.Known, f.GetBeginUs())
	}
	p[f.GetCollector()] = x
}

const (
	// catchUpSpan is the span of bgp.feeds that catchUp reads at the start. Every stream writes its
	// status every few seconds. So the span only has to exceed any backward step of a clock,
	// whatever FillLimit is.
	catchUpSpan = 2 * time.Hour
	// catchUpTimeout bounds the time of catchUp: a slow broker must not delay the feeds for long.
	catchUpTimeout = 30 * time.Second
)

// catchUp reads the latest records of bgp.feeds before any stream is opened. New epochs then exceed
// those of every collector, also of the collectors whose history is not looked up (routers,
// RouteViews). Requests for tables that detect wrote while no ingest ran are not forgotten.
func (r *running) catchUp(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	var wait retry.Backoff
	for {
		r.caughtUp = r.now()
		err := readFeeds(limited, &r.d, r.caughtUp.Add(-catchUpSpan), func(f *pb.FeedRecord, at time.Time) {
			r.set.RaiseEpoch(f.GetPosition().GetEpoch())
			if f.GetEvent() == pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED {
				r.set.RequestTables(f.GetCollector(), at)
			}
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		if wait.Wait(limited) != nil {
			r.d.Log.Warn("continuing without the epochs of bgp.feeds", "err", err)
			return
		}
	}
}
