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

// assignment is what the group's callbacks learn, in the client's goroutine, and the loop takes over.
type assignment struct {
	mu        sync.Mutex
	given     bool
	lost      bool
	committed map[int32]int64 // every partition of the topic; -1 where nothing was committed
	published int64           // last window published; -1 for none
	log       extent
	restored  *restored // nil where the state begins with the log
	slot      uint32    // of the next checkpoint
}

// progress is how far the group has come.
type progress struct {
	committed map[int32]int64
	published int64
	log       extent
}

// extent is what there is of the log when a life of the state begins.
type extent struct {
	trimmed bool            // it does not begin with its first record
	starts  map[int32]int64 // offsets of its first records
	ends    map[int32]int64 // offsets behind its last records
	topicID [16]byte
}

// assigned is called after each rebalance, also where nothing is new.
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
		x.ready.Set(nil) // standing by is ready
		x.asking.Set(errStandingBy)
	}
}

// lose notes that the state is of no use any more.
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

// fromStart makes the client read from a checkpoint, or from the beginning of the log, and remembers what was committed and published.
func (x *session) fromStart(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
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
	x.a.given, x.a.committed, x.a.published, x.a.log, x.a.restored, x.a.slot = true, p.committed, p.published, p.log, r, slot
	if r != nil {
		close(x.loaded)
	}
	for part := range offsets[x.topic] {
		offsets[x.topic][part] = kgo.NewOffset().AtStart()
		if r != nil {
			offsets[x.topic][part] = kgo.NewOffset().At(max(r.manifest.Offsets[part], p.log.starts[part]))
		}
	}
	return offsets, nil
}

// again notes, and reports, that partitions were given before.
func (x *session) again() bool {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	x.a.lost = x.a.lost || x.a.given
	return x.a.given
}

// progress reads the group's offsets, the last window published, and what there is of the log. No transaction is pending: the client has just
// waited for that, and only the present member can begin another.
func (x *session) progress(ctx context.Context) (progress, error) {
	adm, err := kafka.NewAdmin(x.d.Kafka, x.d.Log)
	if err != nil {
		return progress{}, err
	}
	defer adm.Close()
	resp, err := adm.FetchOffsetsForTopics(kadm.RequireStable(ctx), x.d.Kafka.Group(Name), x.topic)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return progress{}, fmt.Errorf("reading the group's offsets: %w", err)
	}
	log, err := x.extent(ctx, adm) // behind the offsets, which it bounds
	if err != nil {
		return progress{}, err
	}
	committed, published := map[int32]int64{}, int64(-1)
	for p, o := range resp[x.topic] {
		committed[p] = o.At
		if end, ok := log.ends[p]; ok && o.At > end {
			x.d.Log.Warn("the offset that was committed lies behind the end of the log: reading goes on at the end", "topic", x.topic, "partition", p, "committed", o.At, "end", end)
			committed[p] = end
		}
		w, err := kafka.ParseWindow(o.Metadata)
		if err != nil {
			return progress{}, fmt.Errorf("reading what was committed of partition %d: %w", p, err)
		}
		published = max(published, w)
	}
	if published < 0 {
		if published, err = x.publishedBefore(ctx); err != nil {
			return progress{}, err
		}
	}
	return progress{committed, published, log}, nil
}

// extent asks the broker where the log begins and ends.
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

// offsets makes the commit say where each partition was read to, and which window was published last. While the state is built again,
// that is where an earlier life was: a partition that is ahead of others has led to nothing yet, and whoever waits until all is read
// (kafka.Drained) would be told so too early. It writes all of the request, because the client knows nothing new to commit when a
// poll takes several transactions.
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

// rebuilding reports whether a partition was not read up to where an earlier life of the state was.
func (x *session) rebuilding() bool {
	for p, at := range x.committed {
		if x.next[p] < at {
			return true
		}
	}
	return false
}
