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

// history is what bgp.feeds says of collectors: how far each is known, and the highest epoch.
type history map[string]stream.Past

// readHistory reads what bgp.feeds took since then. A collector that it does not name has to send its tables.
func readHistory(ctx context.Context, d *LiveDeps, since time.Time) (history, error) {
	p := history{}
	err := readFeeds(ctx, d, since, func(f *pb.FeedRecord, _ time.Time) { p.note(f) })
	if err != nil {
		return nil, fmt.Errorf("reading what was known of the collectors: %w", err)
	}
	return p, nil
}

// readFeeds calls fn with what bgp.feeds took since then, and when.
func readFeeds(ctx context.Context, d *LiveDeps, since time.Time, fn func(f *pb.FeedRecord, at time.Time)) error {
	return kafka.ReadSince(ctx, d.Kafka, d.Log, schemas.TopicFeeds, since, func(rec *kgo.Record) error {
		var f pb.FeedRecord
		if err := f.UnmarshalVT(rec.Value); err == nil { // what cannot be read tells nothing; sink keeps it
			fn(&f, rec.Timestamp)
		}
		return nil
	})
}

// note takes a record in; those of a lower epoch are late and count for nothing.
func (p history) note(f *pb.FeedRecord) {
	epoch := f.GetPosition().GetEpoch()
	x := p[f.GetCollector()]
	if f.GetEvent() == pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED { // the detector's own epoch is 0
		x.Known = 0
		p[f.GetCollector()] = x
		return
	}
	if epoch == 0 || epoch < x.Epoch {
		return
	}
	x.Epoch = epoch
	switch f.GetEvent() { //nolint:exhaustive // the others do not say how far it is known
	case pb.FeedEvent_FEED_EVENT_STATUS:
		x.Known = f.GetStatus().GetKnownUs()
	case pb.FeedEvent_FEED_EVENT_GAP: // it may reach back before what the last status said
		x.Known = min(x.Known, f.GetBeginUs())
	}
	p[f.GetCollector()] = x
}

const (
	// catchUpSpan is how far back bgp.feeds is read at the start: every stream says there how it stands every few seconds, so that is further
	// than a clock is stepped back, whatever FillLimit is.
	catchUpSpan = 2 * time.Hour
	// catchUpTimeout bounds how long that may take: a broker that is slow must not keep the feeds away.
	catchUpTimeout = 30 * time.Second
)

// catchUp reads what bgp.feeds took lately before anything is opened: epochs begin above those of every collector, also of those
// whose past nobody asks for (routers, RouteViews), and tables that were wanted while no process was there are not forgotten.
func (r *running) catchUp(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	var wait retry.Backoff
	for {
		r.caughtUp = r.now()
		err := readFeeds(limited, &r.d, r.caughtUp.Add(-catchUpSpan), func(f *pb.FeedRecord, at time.Time) {
			r.set.Saw(f.GetPosition().GetEpoch())
			if f.GetEvent() == pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED {
				r.set.Doubt(f.GetCollector(), at)
			}
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		if wait.Wait(limited) != nil {
			r.d.Log.Warn("going on without what bgp.feeds says of earlier epochs", "err", err)
			return
		}
	}
}
