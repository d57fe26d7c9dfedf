package routeviews

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/retry"
)

// unknownFor is how long the cluster may report a topic as unknown before that is accepted. Its
// brokers learn of a new topic one after the other. A deleted topic delays the others for as long.
const unknownFor = 5 * time.Second

// cluster returns the offsets of partitions. kadm.Client implements it.
type cluster interface {
	FetchOffsets(ctx context.Context, group string) (kadm.OffsetResponses, error)
	ListStartOffsets(ctx context.Context, topics ...string) (kadm.ListedOffsets, error)
	ListEndOffsets(ctx context.Context, topics ...string) (kadm.ListedOffsets, error)
}

// startOffsets asks the cluster for the offset ranges of the partitions, and for the committed
// offsets. A topic that stays unknown starts at its committed offset, or at its beginning. The
// group would not return to a partition that is left out here, and it takes away deleted ones by
// itself.
func (s *Source) startOffsets(
	ctx context.Context, from cluster, at map[string]map[int32]kgo.Offset,
) ([]*startOffset, error) {
	topics := slices.Sorted(maps.Keys(at))
	if len(topics) == 0 {
		return nil, nil
	}
	var wait retry.Backoff
	for began := time.Now(); ; {
		out, unknown, err := s.ask(ctx, from, topics, at)
		if err != nil || unknown == "" {
			return out, err
		}
		if time.Since(began) >= unknownFor {
			s.broken.Warn("the cluster does not know a topic that its list names", "topic", unknown)
			return out, nil
		}
		if err := wait.Wait(ctx); err != nil {
			return nil, fmt.Errorf("waiting for the cluster to know %s: %w", unknown, err)
		}
	}
}

// ask makes one attempt at startOffsets. unknown is a topic that the cluster does not know, or
// empty.
func (s *Source) ask(
	ctx context.Context, from cluster, topics []string, at map[string]map[int32]kgo.Offset,
) (out []*startOffset, unknown string, err error) {
	committed, err := from.FetchOffsets(ctx, s.group)
	if err != nil {
		return nil, "", fmt.Errorf("asking for committed offsets: %w", err)
	}
	starts, err := from.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, "", fmt.Errorf("asking where topics begin: %w", err)
	}
	ends, err := from.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, "", fmt.Errorf("asking where topics end: %w", err)
	}
	for _, topic := range topics {
		for n := range at[topic] {
			begin, end, old := listed(starts, topic, n), listed(ends, topic, n), left(committed, topic, n)
			isUnknown := isUnknown(begin.Err) || isUnknown(end.Err) || isUnknown(old.Err)
			if err := errors.Join(begin.Err, end.Err, old.Err); err != nil && !isUnknown {
				return nil, "", fmt.Errorf("asking for the offsets of %s partition %d: %w", topic, n, err)
			}
			if isUnknown {
				unknown = topic
				begin.Offset = max(old.At, 0)
				end.Offset = begin.Offset
			}
			p := &partition{topic: topic, number: n, peers: map[bgp.Peer]*stream.Peer{}}
			start := s.startOffset(p, begin.Offset, end.Offset, old.Offset)
			start.unknown = isUnknown
			out = append(out, start)
		}
	}
	return out, unknown, nil
}

func isUnknown(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }

// listed returns the answer for a partition. An error of the whole topic is listed as partition -1.
func listed(from kadm.ListedOffsets, topic string, number int32) kadm.ListedOffset {
	if o, ok := from.Lookup(topic, number); ok {
		return o
	}
	if o, ok := from.Lookup(topic, -1); ok {
		return o
	}
	return kadm.ListedOffset{Err: errors.New("no answer")}
}

// left returns the committed offset of a partition. It is less than 0 if there is none.
func left(committed kadm.OffsetResponses, topic string, number int32) kadm.OffsetResponse {
	o, ok := committed.Lookup(topic, number)
	if !ok || o.Err != nil {
		o.At = -1
	}
	return o
}
