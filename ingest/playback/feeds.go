package playback

import (
	"context"
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// feedSource is the source in feed records about missing updates.
const feedSource = "archive"

// feeds returns the records of a plan for bgp.feeds: one for each time without updates.
func (p *Plan) feeds() []*pb.FeedRecord {
	var out []*pb.FeedRecord
	for i := range p.collectors {
		c := &p.collectors[i]
		for n, g := range c.gaps() {
			end := g.end
			if end == g.begin {
				end = 0 // the end is unknown
			}
			out = append(out, &pb.FeedRecord{
				Position: codec.Position(bgp.Position{
					Collector: c.name, Lane: bgp.FileLane(p.Hash), Sequence: uint64(n) + 1,
				}),
				TimestampUs: g.begin, Collector: c.name, Event: pb.FeedEvent_FEED_EVENT_GAP, Reason: g.text,
				GapId: fmt.Sprintf("gap/%d", n+1), Source: feedSource,
				BeginUs: g.begin, EndUs: end,
			})
		}
	}
	return out
}

// writeFeeds writes these records.
func (s *Stage) writeFeeds(ctx context.Context) (err error) {
	all := s.plan.feeds()
	if len(all) == 0 {
		return nil
	}
	producer, err := kafka.NewProducer(ctx, s.d.Kafka, schemas.TopicFeeds, s.d.Log, nil)
	if err != nil {
		return err
	}
	defer producer.Close()
	defer producer.EndAfter(ctx, s.d.Drain)()
	for _, f := range all {
		value, err := f.MarshalVT()
		if err != nil {
			return fmt.Errorf("encoding a feed record of %s: %w", f.GetCollector(), err)
		}
		// the notes contain it, too
		if err := producer.Produce(ctx, f.GetCollector(), value); err != nil && !errors.Is(err, kafka.ErrTooLarge) {
			return err
		}
	}
	return producer.Flush(ctx)
}
