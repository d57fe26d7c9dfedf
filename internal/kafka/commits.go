package kafka

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FromCommitted returns an option for a member of a group. After a broker has lost a part of a log,
// a committed offset may lie behind the end of the log, or before its beginning. With this option
// reading continues at the end, or at the beginning, and the member logs a warning. Without it a
// reader would wait until the log reaches the offset, or read all of it again.
func FromCommitted(cfg Config, log *slog.Logger) kgo.Opt {
	return kgo.AdjustFetchOffsetsFn(func(
		ctx context.Context, offsets map[string]map[int32]kgo.Offset,
	) (map[string]map[int32]kgo.Offset, error) {
		return offsets, WithinLog(ctx, cfg, log, offsets)
	})
}

// WithinLog moves the committed offsets of a group into the log, as FromCommitted does. It is for
// members with a kgo.AdjustFetchOffsetsFn of their own.
func WithinLog(
	ctx context.Context, cfg Config, log *slog.Logger, offsets map[string]map[int32]kgo.Offset,
) error {
	if len(offsets) == 0 {
		return nil
	}
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return err
	}
	defer adm.Close()
	topics := make([]string, 0, len(offsets))
	for t := range offsets {
		topics = append(topics, t)
	}
	starts, err := adm.ListStartOffsets(ctx, topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where the logs begin: %w", err)
	}
	ends, err := adm.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where the logs end: %w", err)
	}
	for t, partitions := range offsets {
		for p, o := range partitions {
			at := o.EpochOffset().Offset
			if within := clamp(log, t, p, at, starts, ends); within != at {
				partitions[p] = kgo.NewOffset().At(within)
			}
		}
	}
	return nil
}

// clamp returns the offset at which a group with the committed offset at continues. A negative
// offset means the beginning or the end.
func clamp(
	log *slog.Logger, topic string, partition int32, at int64, starts, ends kadm.ListedOffsets,
) int64 {
	start, ok1 := starts.Lookup(topic, partition)
	end, ok2 := ends.Lookup(topic, partition)
	switch {
	case at < 0 || !ok1 || !ok2:
		return at
	case at > end.Offset:
		log.Warn("the offset that was committed lies behind the end of the log: reading goes on at the end",
			"topic", topic, "partition", partition, "committed", at, "end", end.Offset)
		return end.Offset
	case at < start.Offset:
		log.Warn("the log has lost records that were not read: reading goes on at its beginning",
			"topic", topic, "partition", partition, "committed", at, "begin", start.Offset)
		return start.Offset
	}
	return at
}
