package detect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// positioned is a record with a position.
type positioned interface {
	UnmarshalVT(b []byte) error
	GetPosition() *pb.Position
}

// windowTopics are the topics whose newest records show which window was published last.
var windowTopics = map[string]func() positioned{
	schemas.TopicOutages:    func() positioned { return &pb.OutageRecord{} },
	schemas.TopicVisibility: func() positioned { return &pb.VisibilityRecord{} },
	schemas.TopicPanel:      func() positioned { return &pb.PanelRecord{} },
}

// newestLook is the number of newest records of a partition that are read first. The last offset
// may belong to the end of a transaction.
const newestLook = 64

// publishedBefore sets the last window published from the newest records for each family of the
// detector of which it is not known. It serves when the commits name no window: commits expire when
// no detector runs for a week. The window stays -1 if nothing was published.
func (x *session) publishedBefore(ctx context.Context, p *published) error {
	none := published{-1, -1}
	if *p == none && x.cfg.Families.Group() == Name {
		last, err := x.newestWindow(ctx, Name)
		*p = published{last, last}
		return err
	}
	for i, f := range bgp.Families {
		if p[i] < 0 && x.cfg.Families.Has(f) {
			last, err := x.newestWindow(ctx, Name+"/"+f.String())
			if err != nil {
				return err
			}
			p[i] = last
		}
	}
	return nil
}

// newestWindow returns the window of the newest records whose collector begins with prefix; -1:
// there is none.
func (x *session) newestWindow(ctx context.Context, prefix string) (int64, error) {
	last := int64(-1)
	for topic, empty := range windowTopics {
		spans, err := kafka.Spans(ctx, x.d.Kafka, x.d.Log, Name, topic, time.Time{})
		for i := 0; i < len(spans) && err == nil; i++ {
			err = x.eachNewest(ctx, topic, spans[i], func(rec *kgo.Record) {
				r := empty()
				if r.UnmarshalVT(rec.Value) != nil {
					return
				}
				if pos := r.GetPosition(); pos.GetLane() == string(bgp.LaneOut) &&
					strings.HasPrefix(pos.GetCollector(), prefix) {
					last = max(last, int64(pos.GetSequence()>>indexBits)*clock.Window)
				}
			})
		}
		if err != nil {
			return 0, fmt.Errorf("looking for the last window that was published: %w", err)
		}
	}
	if last >= 0 {
		x.d.Log.Warn("no commit names the last window that was published: it is taken from the newest records",
			"of", prefix, "window", time.Unix(last, 0).UTC())
	}
	return last, nil
}

// eachNewest calls fn with the newest records of a partition, at least one if the partition has
// any.
func (x *session) eachNewest(ctx context.Context, topic string, s kafka.Span, fn func(*kgo.Record)) error {
	for look, hi := int64(newestLook), s.End; hi > s.Start; look *= 4 {
		lo, found := max(s.Start, s.End-look), false
		err := kafka.ReadRange(ctx, x.d.Kafka, x.d.Log, topic, s.Partition, lo, hi, func(r *kgo.Record) error {
			found = true
			fn(r)
			return nil
		})
		if err != nil || found {
			return err
		}
		hi = lo
	}
	return nil
}
