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

// leaseLimit is how long after a transaction of our generation a message may be sent. A member that was away for longer may have lost its
// place: the group gives it to another one 6 s after the last heartbeat.
const leaseLimit = 4 * time.Second

// assignment holds this process's place in the group. The group's callbacks write it, in the client's goroutine; the loop and the senders read it.
type assignment struct {
	mu    sync.Mutex
	given bool
	lost  bool
	// begin is where reading begins; committed is false where the group had committed nothing.
	begin     map[int32]int64
	committed bool
	// leased is when the last transaction began that the group took as ours.
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

// lease notes that the group took a transaction, which began at t, as ours.
func (a *assignment) lease(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leased = t
}

// ours reports whether a message may be sent now: the place in the group was ours a moment ago. The wall clock counts too: the other one stands
// still while a machine sleeps.
func (a *assignment) ours(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.lost && now.Sub(a.leased) < leaseLimit && now.Round(0).Sub(a.leased.Round(0)) < leaseLimit
}

// assigned is called after each rebalance, also where nothing is new.
func (x *session) assigned(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	switch {
	case len(m[x.topic]) > 0 && x.a.given:
		x.a.lost = true
	case !x.a.given && len(m[x.topic]) == 0:
		x.ready.Set(nil) // standing by is ready
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

// from learns where reading begins. Where nothing was committed that is the end of the log.
func (x *session) from(ctx context.Context,
	offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
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

// offsets makes a commit say where each partition was read to, also where that is nothing new: the group takes it only from the member that has
// the place.
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
