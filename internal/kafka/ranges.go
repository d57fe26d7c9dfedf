package kafka

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

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
	starts, err := listOffsets(ctx, cfg, name, adm.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	commits, err := committed(ctx, adm, cfg, stage, name) // before the ends
	if err != nil {
		return nil, err
	}
	ends, err := listOffsets(ctx, cfg, name, adm.ListCommittedOffsets)
	if err != nil {
		return nil, err
	}
	var all []Span
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		s := Span{Partition: p, Start: starts[p], Since: starts[p], End: ends[p], Committed: -1}
		if c, ok := commits.Lookup(name, p); ok {
			s.Committed = c.At
		}
		all = append(all, s)
	}
	if since.IsZero() {
		return all, nil
	}
	listed, err := listOffsetsSince(ctx, adm, cfg, name, since)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Since = min(listed[all[i].Partition], all[i].End)
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
	return readBounded(ctx, cfg, log, cfg.Topic(topic), map[int32]int64{partition: from},
		map[int32]int64{partition: to}, func(rec *kgo.Record) error {
			if _, lost := ParseLost(rec); rec.Attrs.IsControl() && !lost {
				return nil
			}
			return fn(rec)
		})
}
