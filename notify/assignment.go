package notify

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// leaseLimit is the time after a transaction of our generation during which a message may be sent.
// A member that was away for longer may have lost its partition: the group gives the partition to
// another member 6 s after the last heartbeat.
const leaseLimit = 4 * time.Second

// assignment is the membership of this process in the group. The group's callbacks write it in the
// client's goroutine; the loop and the senders read it. mu guards all fields.
type assignment struct {
	mu    sync.Mutex
	given bool
	lost  bool
	// begin holds the offset at which reading begins, by partition. committed is false if the group
	// had no committed offset.
	begin     map[int32]int64
	committed bool
	// leased is the begin of the last transaction that the group accepted from this process.
	leased time.Time
}

// state returns a copy.
func (a *assignment) state() (given, lost, committed bool, begin map[int32]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.given, a.lost, a.committed, maps.Clone(a.begin)
}

func (a *assignment) isLost() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost
}

// lease records that the group accepted a transaction of this process, which began at t.
func (a *assignment) lease(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leased = t
}

// ours reports whether a message may be sent now: the group accepted a transaction of this process
// recently. It checks the wall clock too, because the monotonic clock stops while a machine sleeps.
func (a *assignment) ours(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.lost && now.Sub(a.leased) < leaseLimit && now.Round(0).Sub(a.leased.Round(0)) < leaseLimit
}

// assigned is called after each rebalance, even if the assignment did not change.
func (x *session) assigned(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	switch {
	case len(m[x.topic]) > 0 && x.a.given:
		x.a.lost = true
	case !x.a.given && len(m[x.topic]) == 0:
		x.ready.Set(nil) // a standby is ready
	}
}

func (x *session) revoked(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	if len(m[x.topic]) > 0 {
		x.a.lost = true
		x.stopSending()
	}
}

// from returns the offsets at which reading begins. Without a committed offset reading begins at
// the end of the log.
func (x *session) from(ctx context.Context,
	offsets map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	if len(offsets[x.topic]) == 0 {
		return offsets, nil
	}
	if err := kafka.WithinLog(ctx, x.d.Kafka, x.d.Log, offsets); err != nil {
		return nil, err
	}
	ends, err := kafka.CommittedEnds(ctx, x.d.Kafka, x.d.Log, schemas.TopicOutages)
	if err != nil {
		return nil, err
	}
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	if x.a.given {
		x.a.lost = true
	}
	x.a.given, x.a.begin = true, map[int32]int64{}
	for p, o := range offsets[x.topic] {
		at := o.EpochOffset().Offset
		if at < 0 {
			at = ends[p]
			offsets[x.topic][p] = kgo.NewOffset().At(at)
		} else {
			x.a.committed = true
		}
		x.a.begin[p] = at
	}
	return offsets, nil
}

// offsets fills a commit with the offset of each partition, even if it is unchanged. The group
// accepts such a commit only from the member that owns the partition.
func (x *session) offsets(req *kmsg.TxnOffsetCommitRequest) {
	for i := range req.Topics {
		x.topicID = req.Topics[i].TopicID
	}
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = x.topic, x.topicID
	metadata := ""
	for p, at := range x.next {
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset, rp.Metadata = p, at, &metadata
		t.Partitions = append(t.Partitions, rp)
	}
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{t}
}
