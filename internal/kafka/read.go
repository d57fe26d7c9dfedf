package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Tail reads the committed records of topics of the registry from their beginning, without a group,
// and continues as the topics grow. It returns nil when ctx ends, or fn's error.
func Tail(
	ctx context.Context, cfg Config, log *slog.Logger, topics []string, fn func(*kgo.Record) error,
) error {
	return tail(ctx, cfg, log, topics, kgo.NewOffset().AtStart(), fn)
}

// TailSince is a Tail that begins in each topic at the first record that the topic took at since or
// later.
func TailSince(
	ctx context.Context, cfg Config, log *slog.Logger, topics []string, since time.Time,
	fn func(*kgo.Record) error,
) error {
	return tail(ctx, cfg, log, topics, kgo.NewOffset().AfterMilli(since.UnixMilli()), fn)
}

func tail(
	ctx context.Context, cfg Config, log *slog.Logger, topics []string, from kgo.Offset,
	fn func(*kgo.Record) error,
) error {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = cfg.Topic(t)
	}
	cl, err := NewClient(cfg, log, append(FetchBounds(),
		kgo.ConsumeTopics(names...),
		kgo.ConsumeStartOffset(from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := cfg.FetchErr(fetches); err != nil {
			return err
		}
		for it := fetches.RecordIter(); !it.Done(); {
			if err := fn(it.Next()); err != nil {
				return err
			}
		}
	}
}

// ReadToEnd reads the committed records of a topic of the registry from its beginning to its
// present end. The records of a partition come in order.
func ReadToEnd(
	ctx context.Context, cfg Config, log *slog.Logger, topic string, fn func(*kgo.Record) error,
) error {
	return read(ctx, cfg, log, topic, nil, fn)
}

// CommittedEnds returns, for each partition of a topic of the registry, the offset behind the last
// record that read_committed returns.
func CommittedEnds(ctx context.Context, cfg Config, log *slog.Logger, topic string) (map[int32]int64, error) {
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return nil, err
	}
	defer adm.Close()
	return listOffsets(ctx, cfg, cfg.Topic(topic), adm.ListCommittedOffsets)
}

// listOffsets returns an offset of each partition of a topic, which list requests.
func listOffsets(
	ctx context.Context, cfg Config, name string,
	list func(context.Context, ...string) (kadm.ListedOffsets, error),
) (map[int32]int64, error) {
	listed, err := list(ctx, name)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking where %s begins and ends: %w",
			name, cfg.Refused(err, "DESCRIBE", "topic "+name))
	}
	out := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out, nil
}

// listOffsetsSince returns the offset of the first record of each partition that the broker took at
// since or later.
func listOffsetsSince(
	ctx context.Context, adm *kadm.Client, cfg Config, name string, since time.Time,
) (map[int32]int64, error) {
	return listOffsets(ctx, cfg, name, func(ctx context.Context, names ...string) (kadm.ListedOffsets, error) {
		return adm.ListOffsetsAfterMilli(ctx, since.UnixMilli(), names...)
	})
}

// Bounds returns the range of a partition of a topic of the registry that read_committed returns:
// the first offset, and the offset behind the last. Both are 0 if the partition does not exist.
func Bounds(
	ctx context.Context, cfg Config, log *slog.Logger, topic string, partition int32,
) (from, to int64, err error) {
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return 0, 0, err
	}
	defer adm.Close()
	name := cfg.Topic(topic)
	starts, err := listOffsets(ctx, cfg, name, adm.ListStartOffsets)
	if err != nil {
		return 0, 0, err
	}
	ends, err := listOffsets(ctx, cfg, name, adm.ListCommittedOffsets)
	return starts[partition], ends[partition], err
}

// ReadSince is a ReadToEnd that begins at the first record that the topic took at since or later.
func ReadSince(
	ctx context.Context, cfg Config, log *slog.Logger, topic string, since time.Time,
	fn func(*kgo.Record) error,
) error {
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return err
	}
	from, err := listOffsetsSince(ctx, adm, cfg, cfg.Topic(topic), since)
	adm.Close()
	if err != nil {
		return err
	}
	return read(ctx, cfg, log, topic, from, fn)
}

// read reads from the given offsets, or from the beginning if from is nil, to the end of the
// committed records.
func read(
	ctx context.Context, cfg Config, log *slog.Logger, topic string, from map[int32]int64,
	fn func(*kgo.Record) error,
) error {
	name := cfg.Topic(topic)
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return err
	}
	defer adm.Close()
	ends, err := listOffsets(ctx, cfg, name, adm.ListCommittedOffsets)
	if err != nil {
		return err
	}
	starts, err := listOffsets(ctx, cfg, name, adm.ListStartOffsets)
	if err != nil {
		return err
	}
	for p, end := range ends {
		o, ok := from[p]
		starts[p] = max(starts[p], o)
		if from != nil && !ok || starts[p] >= end {
			delete(ends, p)
		}
	}
	return readBounded(ctx, cfg, log, name, starts, ends, func(rec *kgo.Record) error {
		if rec.Attrs.IsControl() {
			return nil
		}
		return fn(rec)
	})
}
