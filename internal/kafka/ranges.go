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

// Span holds the bounds of a partition's log and the position of a group in it.
type Span struct {
	Partition int32
	// Start is the first offset in the log. End is the offset behind the last record that
	// read_committed returns.
	Start, End int64
	// Committed is the offset at which the group continues, or -1 without a commit.
	Committed int64
	// Since is the first offset that the broker took at a given time or later, or End if there is
	// none.
	Since int64
}

// Spans returns the spans of the partitions of a topic of the registry, in order. since is the time
// of Span.Since; the zero time is the beginning.
func Spans(
	ctx context.Context, cfg Config, log *slog.Logger, stage, topic string, since time.Time,
) ([]Span, error) {
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

// ReadRange reads the offsets [from, to) of a partition of a topic of the registry; to is at most
// Span.End. It passes committed records, and control records for lost ones (ParseLost), to fn in
// order. It skips records that retention drops meanwhile.
func ReadRange(
	ctx context.Context, cfg Config, log *slog.Logger, topic string, partition int32, from, to int64,
	fn func(*kgo.Record) error,
) error {
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
