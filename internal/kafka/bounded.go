package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// quietPoll is the time without a record after which a reader asks whether the broker has any left.
const quietPoll = 250 * time.Millisecond

// bounded reads partitions of a topic up to one offset each. The record before the end may never
// come (see Empty). So bounded also asks the brokers what is left.
type bounded struct {
	cfg   Config
	topic string // with its prefix
	cl    *kgo.Client
	// next and end hold, by partition, the offset of the next record and the offset behind the last.
	next, end map[int32]int64
}

// readBounded passes the records with the offsets [from, to) of each partition to fn, in order,
// with control records. It deletes from to what it has read.
func readBounded(
	ctx context.Context, cfg Config, log *slog.Logger, name string, from, to map[int32]int64,
	fn func(*kgo.Record) error,
) error {
	if len(to) == 0 {
		return nil
	}
	at := map[int32]kgo.Offset{}
	for p := range to {
		at[p] = kgo.NewOffset().At(from[p])
	}
	cl, err := NewClient(cfg, log, append(FetchBounds(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: at}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ask, err := NewClient(cfg, log) // it connects with its first request
	if err != nil {
		return err
	}
	defer ask.Close()
	b := &bounded{cfg, name, cl, from, to}
	for len(b.end) > 0 {
		fetches, err := b.poll(ctx)
		if err != nil {
			return err
		}
		if fetches.NumRecords() == 0 {
			empty, err := Empty(ctx, cfg, ask, name, b.next, b.end)
			if err != nil {
				return err
			}
			for _, p := range empty {
				delete(b.end, p)
			}
		}
		for it := fetches.RecordIter(); !it.Done(); {
			if err := b.take(it.Next(), fn); err != nil {
				return err
			}
		}
	}
	return nil
}

// poll waits for records, but not for longer than quietPoll.
func (b *bounded) poll(ctx context.Context) (kgo.Fetches, error) {
	within, cancel := context.WithTimeout(ctx, quietPoll)
	defer cancel()
	fetches := b.cl.PollFetches(within)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", b.topic, err)
	}
	return fetches, b.cfg.FetchErr(fetches)
}

// take passes a record to fn if it is below its partition's end.
func (b *bounded) take(rec *kgo.Record, fn func(*kgo.Record) error) error {
	end, ok := b.end[rec.Partition]
	if !ok {
		return nil
	}
	b.next[rec.Partition] = rec.Offset + 1
	if rec.Offset >= end-1 {
		delete(b.end, rec.Partition)
	}
	if rec.Offset >= end {
		return nil
	}
	return fn(rec)
}
