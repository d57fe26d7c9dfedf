package kafka

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Span says where a partition's log begins and ends, and how far a group has come in it.
type Span struct {
	Partition int32
	// Start is the first offset that is kept, End the one behind the last that can be read with read_committed.
	Start, End int64
	// Committed is where the group goes on; -1 where it has committed nothing.
	Committed int64
	// Since is the first offset that was taken at a time or later, End where there is none.
	Since int64
}

// Spans asks for the partitions of a topic of the registry, in order. since is the time of Span.Since; the zero time is the beginning.
func Spans(ctx context.Context, cfg Config, log *slog.Logger, stage, topic string, since time.Time) ([]Span, error) {
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return nil, err
	}
	defer adm.Close()
	name := cfg.Topic(topic)
	starts, err := adm.ListStartOffsets(ctx, name)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking where %s begins: %w", name, err)
	}
	commits, err := committed(ctx, adm, cfg, stage, name) // before the ends
	if err != nil {
		return nil, err
	}
	ends, err := adm.ListCommittedOffsets(ctx, name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking where %s ends: %w", name, err)
	}
	var all []Span
	ends.Each(func(o kadm.ListedOffset) {
		s := Span{Partition: o.Partition, Start: starts[name][o.Partition].Offset, End: o.Offset, Committed: -1}
		if c, ok := commits.Lookup(name, o.Partition); ok {
			s.Committed = c.At
		}
		s.Since = s.Start
		all = append(all, s)
	})
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.Partition, b.Partition) })
	if since.IsZero() {
		return all, nil
	}
	listed, err := adm.ListOffsetsAfterMilli(ctx, since.UnixMilli(), name)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking what %s took at a time: %w", name, err)
	}
	for i := range all {
		all[i].Since = min(listed[name][all[i].Partition].Offset, all[i].End)
	}
	return all, nil
}

// ReadRange reads a partition of a topic of the registry from an offset until before another, which is not behind Span.End: the committed
// records, and those that stand for lost ones (ParseLost), in order. Records that retention drops meanwhile are left out.
func ReadRange(ctx context.Context, cfg Config, log *slog.Logger, topic string, partition int32, from, to int64, fn func(*kgo.Record) error) error {
	if from >= to {
		return nil
	}
	name := cfg.Topic(topic)
	cl, err := NewClient(cfg, log, append(FetchBounds(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: {partition: kgo.NewOffset().At(from)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if err := cfg.FetchErr(fetches); err != nil {
			return err
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			if rec.Offset >= to {
				return nil
			}
			_, lost := ParseLost(rec)
			if !rec.Attrs.IsControl() || lost {
				if err := fn(rec); err != nil {
					return err
				}
			}
			if rec.Offset == to-1 {
				return nil
			}
		}
	}
}
