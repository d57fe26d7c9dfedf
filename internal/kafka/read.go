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
	ends, err := adm.ListCommittedOffsets(ctx, cfg.Topic(topic))
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking where %s ends: %w",
			cfg.Topic(topic), cfg.Refused(err, "DESCRIBE", "topic "+cfg.Topic(topic)))
	}
	out := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out, nil
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
	starts, err := adm.ListStartOffsets(ctx, name)
	if err == nil {
		err = starts.Error()
	}
	ends := kadm.ListedOffsets{}
	if err == nil {
		ends, err = adm.ListCommittedOffsets(ctx, name)
	}
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("asking where %s begins and ends: %w",
			name, cfg.Refused(err, "DESCRIBE", "topic "+name))
	}
	return starts[name][partition].Offset, ends[name][partition].Offset, nil
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
	listed, err := adm.ListOffsetsAfterMilli(ctx, since.UnixMilli(), cfg.Topic(topic))
	adm.Close()
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return fmt.Errorf("listing offsets: %w", cfg.Refused(err, "DESCRIBE", "topic "+cfg.Topic(topic)))
	}
	from := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { from[o.Partition] = o.Offset })
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
	ends, err := adm.ListCommittedOffsets(ctx, name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("listing offsets: %w", cfg.Refused(err, "DESCRIBE", "topic "+cfg.Topic(topic)))
	}
	starts, err := adm.ListStartOffsets(ctx, name)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("listing offsets: %w", cfg.Refused(err, "DESCRIBE", "topic "+cfg.Topic(topic)))
	}
	at, left := readRange(name, starts, ends, from)
	if len(left) == 0 {
		return nil
	}
	cl, err := NewClient(cfg, log, append(FetchBounds(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: at}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if err := cfg.FetchErr(fetches); err != nil {
			return err
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			end, ok := left[rec.Partition]
			if !ok || rec.Offset >= end {
				continue
			}
			if rec.Offset == end-1 {
				delete(left, rec.Partition)
			}
			if rec.Attrs.IsControl() {
				continue
			}
			if err := fn(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// readRange returns the first offsets and the ends of the partitions with records to read.
func readRange(
	name string, starts, ends kadm.ListedOffsets, from map[int32]int64,
) (at map[int32]kgo.Offset, left map[int32]int64) {
	at, left = map[int32]kgo.Offset{}, map[int32]int64{}
	for p, end := range ends[name] {
		begin := starts[name][p].Offset
		if from != nil {
			o, ok := from[p]
			if !ok {
				continue
			}
			begin = max(begin, o)
		}
		if begin < end.Offset {
			at[p], left[p] = kgo.NewOffset().At(begin), end.Offset
		}
	}
	return at, left
}
