package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// past is what bgp.feeds says of collectors: how far each is known, and the highest session number.
type past map[string]stream.Past

// readPast reads what bgp.feeds took since then. A collector that it does not name has to send its tables.
func readPast(ctx context.Context, d *LiveDeps, since time.Time) (past, error) {
	p := past{}
	err := kafka.ReadSince(ctx, d.Kafka, d.Log, schemas.TopicFeeds, since, func(rec *kgo.Record) error {
		var f pb.FeedRecord
		if err := f.UnmarshalVT(rec.Value); err == nil { // what cannot be read tells nothing
			p.note(&f)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what was known of the collectors: %w", err)
	}
	return p, nil
}

// note takes a record in; those of an older session are late and count for nothing.
func (p past) note(f *pb.FeedRecord) {
	session := f.GetPosition().GetSession()
	x := p[f.GetCollector()]
	if f.GetEvent() == pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED { // the detector's own session is 0
		x.Known = 0
		p[f.GetCollector()] = x
		return
	}
	if session == 0 || session < x.Session {
		return
	}
	x.Session = session
	if f.GetEvent() == pb.FeedEvent_FEED_EVENT_STATUS {
		x.Known = f.GetStatus().GetKnownUs()
	}
	p[f.GetCollector()] = x
}
