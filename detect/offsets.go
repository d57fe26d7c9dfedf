package detect

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/kafka"
)

// assignment holds the results of the group's callbacks, which run in a goroutine of the client.
// The loop reads them. mu guards all fields.
type assignment struct {
	mu        sync.Mutex
	given     bool
	lost      bool
	committed map[int32]int64 // of every partition of the topic; -1: no offset was committed
	published published
	log       extent
	restored  *restored // nil if the state begins with the log
	slot      uint32    // slot of the next checkpoint
}

// progress is the position that the group has reached.
type progress struct {
	committed map[int32]int64
	published published
	log       extent
}

// extent describes the log at the time when a session begins.
type extent struct {
	trimmed bool            // the log has lost its first records
	starts  map[int32]int64 // offsets of the first records
	ends    map[int32]int64 // offsets after the last records
	topicID [16]byte
}

// assigned is called after each rebalance, even if no partition is new.
func (x *session) assigned(ctx context.Context, cl *kgo.Client, m map[string][]int32) {
	if len(m[x.topic]) > 0 {
		if err := kafka.Claim(ctx, cl); err != nil {
			x.d.Log.Warn("the stage's transactions could not be claimed", "err", err)
			x.lose()
		}
	}
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	switch {
	case len(m[x.topic]) > 0 && x.a.given:
		x.a.lost = true // the state was built without these partitions
	case !x.a.given && len(m[x.topic]) == 0:
		x.ready.Set(nil) // a member that stands by is ready
		x.asking.Set(errStandingBy)
	}
}

// lose records that the state cannot be used any more.
func (x *session) lose() {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	x.a.lost = true
}

func (x *session) revoked(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	if len(m[x.topic]) > 0 {
		x.a.lost = true
	}
}

// fromStart makes the client read from a checkpoint, or else from the beginning of the log. It
// stores the committed offsets and the last window published.
func (x *session) fromStart(
	ctx context.Context, offsets map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	if len(offsets[x.topic]) == 0 {
		return offsets, nil
	}
	if x.again() {
		return offsets, nil // the state was built without these partitions, and is given up
	}
	p, err := x.progress(ctx)
	if err != nil {
		return nil, err
	}
	r, slot, err := x.load(ctx, p)
	if err != nil {
		return nil, err
	}
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	x.a.given, x.a.committed, x.a.published,
		x.a.log, x.a.restored, x.a.slot = true, p.committed, p.published, p.log, r, slot
	close(x.given)
	for part := range offsets[x.topic] {
		offsets[x.topic][part] = kgo.NewOffset().AtStart()
		if r != nil {
			offsets[x.topic][part] = kgo.NewOffset().At(max(r.manifest.Offsets[part], p.log.starts[part]))
		}
	}
	return offsets, nil
}

// again reports whether the group assigned partitions before. If so, it marks the state as lost.
func (x *session) again() bool {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	x.a.lost = x.a.lost || x.a.given
	return x.a.given
}

// progress reads the offsets of the detector's group and of the groups before it, the last window
// published, and the extent of the log. No transaction of the group is pending: the client has just
// waited for the end of pending transactions, and only the present member can begin another.
func (x *session) progress(ctx context.Context) (progress, error) {
	adm, err := kafka.NewAdmin(x.d.Kafka, x.d.Log)
	if err != nil {
		return progress{}, err
	}
	defer adm.Close()
	if err := x.alone(ctx); err != nil {
		return progress{}, err
	}
	p, err := x.reached(ctx, adm)
	if err != nil {
		return progress{}, err
	}
	// Read the extent after the offsets, because it bounds them.
	if p.log, err = x.extent(ctx, adm); err != nil {
		return progress{}, err
	}
	for part, at := range p.committed {
		if end, ok := p.log.ends[part]; ok && at > end {
			x.d.Log.Warn(
				"the offset that was committed lies behind the end of the log: reading goes on at the end",
				"topic", x.topic, "partition", part, "committed", at, "end", end)
			p.committed[part] = end
		}
	}
	return p, x.publishedBefore(ctx, &p.published)
}

// extent asks the broker for the beginning and the end of the log.
func (x *session) extent(ctx context.Context, adm *kadm.Client) (extent, error) {
	starts, err := adm.ListStartOffsets(ctx, x.topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return extent{}, fmt.Errorf("asking where the log begins: %w", err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, x.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return extent{}, fmt.Errorf("asking where the log ends: %w", err)
	}
	topics, err := adm.ListTopics(ctx, x.topic)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return extent{}, fmt.Errorf("asking which topic the log is: %w", err)
	}
	e := extent{starts: map[int32]int64{}, ends: map[int32]int64{}, topicID: topics[x.topic].ID}
	starts.Each(func(o kadm.ListedOffset) {
		e.starts[o.Partition] = o.Offset
		e.trimmed = e.trimmed || o.Offset > 0
	})
	ends.Each(func(o kadm.ListedOffset) { e.ends[o.Partition] = o.Offset })
	return e, nil
}

// offsets writes the commit request: the offset of each partition's next record, and in the
// metadata the last window published. While the state is being rebuilt, the offsets are those that
// were committed before: a partition that is ahead of others has led to no output yet, and a reader
// that waits until all is read (kafka.Drained) would get that answer too early. offsets writes the
// whole request, because the client knows no new offsets to commit when a poll takes several
// transactions.
func (x *session) offsets(req *kmsg.TxnOffsetCommitRequest, window int64) {
	for i := range req.Topics {
		x.topicID = req.Topics[i].TopicID
	}
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = x.topic, x.topicID
	metadata := kafka.WindowMetadata(window)
	rebuilding := x.rebuilding()
	for p := range int32(len(x.committed)) {
		at := x.next[p]
		if rebuilding {
			at = x.committed[p]
		}
		if at <= 0 {
			continue
		}
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset, rp.Metadata = p, at, &metadata
		t.Partitions = append(t.Partitions, rp)
	}
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{t}
}

// rebuilding reports whether the next record of some partition is below the offset that was
// committed before the session.
func (x *session) rebuilding() bool {
	for p, at := range x.committed {
		if x.next[p] < at {
			return true
		}
	}
	return false
}
