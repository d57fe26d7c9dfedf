package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/schemas"
)

// errGone means that the record is older than the beginning of bgp.outages.v1 or cannot be read.
var errGone = errors.New("the record is not on bgp.outages.v1 any more")

// reader reads single records of bgp.outages.v1. It is fast if they are read in order. It belongs
// to one goroutine.
type reader struct {
	cfg kafka.Config
	log *slog.Logger
	// cl continues after the records of buf, which are of one partition, in order. It is nil before
	// the first read.
	cl        *kgo.Client
	partition int32
	buf       []*kgo.Record
	// begin is the offset from which buf holds all existing records.
	begin int64
}

func newReader(cfg kafka.Config, log *slog.Logger) *reader { return &reader{cfg: cfg, log: log} }

func (r *reader) close() {
	if r.cl != nil {
		r.cl.Close()
	}
	r.cl, r.buf = nil, nil
}

// get returns the record at an offset, or errGone.
func (r *reader) get(ctx context.Context, partition int32, offset int64) (outagelog.Entry, error) {
	if r.cl == nil || r.partition != partition || offset < r.begin {
		if err := r.open(partition, offset); err != nil {
			return outagelog.Entry{}, err
		}
	}
	for {
		for i, rec := range r.buf {
			if rec.Offset < offset {
				continue
			}
			r.buf, r.begin = r.buf[i:], offset
			if rec.Offset > offset || rec.Attrs.IsControl() {
				return outagelog.Entry{}, errGone
			}
			e, _, err := outagelog.Decode(rec)
			if err != nil {
				return outagelog.Entry{}, fmt.Errorf("%w: %w", errGone, err)
			}
			return e, nil
		}
		fetches := r.cl.PollRecords(ctx, maxPoll)
		if err := ctx.Err(); err != nil {
			return outagelog.Entry{}, fmt.Errorf("reading a record of %s: %w", schemas.TopicOutages, err)
		}
		if err := r.cfg.FetchErr(fetches); err != nil {
			r.close()
			return outagelog.Entry{}, err
		}
		if n := len(r.buf); n > 0 {
			r.begin = r.buf[n-1].Offset + 1
		}
		r.buf = fetches.Records()
	}
}

// open starts reading at an offset.
func (r *reader) open(partition int32, offset int64) error {
	r.close()
	cl, err := kafka.NewClient(r.cfg, r.log, append(kafka.FetchBounds(),
		kgo.ConsumePartitions(
			map[string]map[int32]kgo.Offset{
				r.cfg.Topic(schemas.TopicOutages): {partition: kgo.NewOffset().At(offset)},
			}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return err
	}
	r.cl, r.partition, r.begin = cl, partition, offset
	return nil
}
