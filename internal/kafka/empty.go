package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// emptyFetch caps the answer of a broker to one question of Empty, in octets.
const emptyFetch = 1 << 20

// Empty returns the partitions of end without a record from next up to end that a client with
// read_committed passes on. Such offsets hold records of aborted transactions, or records that
// compaction or retention removed. If a partition ends with them, a reader that waits for the record
// before the end waits for ever. A partition whose leader gives no answer is left out.
//
// name is the topic's name at the brokers. cl must not consume: its questions would wait until its
// pending fetch is answered.
func Empty(
	ctx context.Context, cfg Config, cl *kgo.Client, name string, next, end map[int32]int64,
) ([]int32, error) {
	adm := kadm.NewClient(cl)
	topics, err := adm.ListTopics(ctx, name)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking who leads %s: %w", name, cfg.Refused(err, "DESCRIBE", "topic "+name))
	}
	starts, err := listOffsets(ctx, cfg, name, adm.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	topic := topics[name]
	var out []int32
	for _, p := range slices.Sorted(maps.Keys(end)) {
		at, got := max(next[p], starts[p]), int64(-1)
		for got < 0 && at < end[p] {
			from := at
			if got, at, err = peek(ctx, cl, &topic, p, from); err != nil || at <= from {
				break
			}
		}
		if at >= end[p] && (got < 0 || got >= end[p]) {
			out = append(out, p)
		}
	}
	return out, nil
}

// peek fetches once from an offset of a partition on. It returns the offset of the first record
// that a client passes on, or -1 if there is none, and the offset behind all that the broker sent.
func peek(
	ctx context.Context, cl *kgo.Client, topic *kadm.TopicDetail, p int32, from int64,
) (first, next int64, err error) {
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = p, from, emptyFetch
	of := kmsg.NewFetchRequestTopic()
	of.Topic, of.TopicID = topic.Topic, topic.ID
	of.Partitions = append(of.Partitions, part)
	req := kmsg.NewPtrFetchRequest()
	req.IsolationLevel, req.MaxBytes = 1, emptyFetch // read_committed
	req.Topics = append(req.Topics, of)
	resp, err := req.RequestWith(ctx, cl.Broker(int(topic.Partitions[p].Leader)))
	if err != nil {
		return -1, from, fmt.Errorf("fetching %s partition %d: %w", topic.Topic, p, err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return -1, from, fmt.Errorf("fetching %s partition %d: the answer names other partitions", topic.Topic, p)
	}
	got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: from, IsolationLevel: kgo.ReadCommitted(),
		Topic: topic.Topic, Partition: p,
	}, &resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	if len(got.Records) > 0 {
		return got.Records[0].Offset, next, got.Err
	}
	return -1, next, got.Err
}
