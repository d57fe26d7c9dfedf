package detect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var (
	// errDetector marks a failure of the core: a bug, which no restart of the state mends.
	errDetector = errors.New("detector failed")
	// errLost: the partitions were taken away, or given again, or a transaction was aborted.
	errLost = errors.New("partitions lost or transaction aborted")
)

// windowKey begins the metadata of a commit: the last window published, in seconds since 1970.
const windowKey = "window="

const (
	// commitInterval is how long the offsets of records that lead to nothing may wait.
	commitInterval = 100 * time.Millisecond
	// maxAttempts is how often a transaction is tried before the state is thrown away.
	maxAttempts = 5
)

// flushRecords is how many records to publish are gathered before they are sent although the poll is not done: a long
// hole in the input closes many windows at once.
const flushRecords = 20_000

// assignment is what the group's callbacks learn, in the client's goroutine, and the loop takes over.
type assignment struct {
	mu        sync.Mutex
	given     bool
	lost      bool
	committed map[int32]int64 // every partition of the topic; -1 where nothing was committed
	published int64           // last window published; -1 for none
	log       extent
}

// extent is what there is of the log when a life of the state begins.
type extent struct {
	trimmed bool            // it does not begin with its first record
	ends    map[int32]int64 // offsets behind its last records
}

// session is one life of the state: from an empty one until partitions or a transaction are lost.
type session struct {
	*Stage
	s     *kgo.GroupTransactSession
	a     *assignment
	topic string

	// From here on owned by the loop; nil until partitions are given.
	clock     *clock.Clock
	detector  Detector
	publisher *publisher
	next      map[int32]int64 // offset of the next record of each partition
	committed map[int32]int64 // assignment's, as it was when the state began
	topicID   [16]byte
	ends      map[int32]int64 // offsets up to which the log went when the state began
	wants     Restorer        // is to say which tables are wanted once the state has caught up; nil when it has, or need not
	due       time.Time       // when what was read has to be committed; zero when nothing waits
	base      context.Context //nolint:containedctx // of the session, without its end: closing a window may publish
}

// session runs one life of the state.
func (s *Stage) session(ctx context.Context, wait *kafka.Backoff) error {
	x := &session{Stage: s, a: &assignment{published: -1}, topic: s.d.Kafka.Topic(schemas.TopicRoutes), base: context.WithoutCancel(ctx)}
	gs, err := kafka.NewSession(ctx, s.d.Kafka, kafka.SessionConfig{Stage: Name, Instance: s.d.Instance, Topics: []string{schemas.TopicRoutes}}, s.d.Log, s.d.Registerer,
		kgo.Balancers(kafka.Sole()),
		kgo.OnPartitionsAssigned(x.assigned),
		kgo.OnPartitionsRevoked(x.revoked),
		kgo.OnPartitionsLost(x.revoked),
		kgo.AdjustFetchOffsetsFn(x.fromStart))
	if err != nil {
		return err
	}
	x.s = gs
	defer gs.CloseAllowingRebalance()
	for {
		fetches := x.read(ctx)
		if ctx.Err() != nil {
			return x.finish()
		}
		if err := kafka.FetchErr(fetches); err != nil {
			return err
		}
		if err := x.poll(ctx, fetches); err != nil {
			return err
		}
		if fetches.NumRecords() > 0 {
			wait.Reset()
		}
		gs.AllowRebalance()
	}
}

// read polls; while something waits to be committed, not longer than until it has to be.
func (x *session) read(ctx context.Context) kgo.Fetches {
	if x.due.IsZero() {
		return x.s.PollRecords(ctx, x.cfg.PollMaxRecords)
	}
	ctx, cancel := context.WithDeadline(ctx, x.due)
	defer cancel()
	return x.s.PollRecords(ctx, x.cfg.PollMaxRecords)
}

// finish commits what was read when the stage is told to end.
func (x *session) finish() error {
	if x.due.IsZero() {
		return nil
	}
	return x.flush()
}

// assigned is called after each rebalance, also where nothing is new.
func (x *session) assigned(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	switch {
	case len(m[x.topic]) > 0 && x.a.given:
		x.a.lost = true // the state was built without these partitions
	case !x.a.given && len(m[x.topic]) == 0:
		x.reason.Store(nil) // standing by is ready
	}
}

func (x *session) revoked(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	if len(m[x.topic]) > 0 {
		x.a.lost = true
	}
}

// fromStart makes the client read from the beginning of the log, and remembers what was committed and published.
func (x *session) fromStart(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	if len(offsets[x.topic]) == 0 {
		return offsets, nil
	}
	committed, published, log, err := x.progress(ctx)
	if err != nil {
		return nil, err
	}
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	if x.a.given {
		x.a.lost = true
	}
	x.a.given, x.a.committed, x.a.published, x.a.log = true, committed, published, log
	for p := range offsets[x.topic] {
		offsets[x.topic][p] = kgo.NewOffset().AtStart()
	}
	return offsets, nil
}

// progress reads the group's offsets, the last window published, and what there is of the log. No transaction is pending: the client has just
// waited for that, and only the present member can begin another.
func (x *session) progress(ctx context.Context) (map[int32]int64, int64, extent, error) {
	adm, err := kafka.NewAdmin(x.d.Kafka, x.d.Log)
	if err != nil {
		return nil, 0, extent{}, err
	}
	defer adm.Close()
	resp, err := adm.FetchOffsetsForTopics(kadm.RequireStable(ctx), x.d.Kafka.Group(Name), x.topic)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return nil, 0, extent{}, fmt.Errorf("reading the group's offsets: %w", err)
	}
	log, err := x.extent(ctx, adm) // behind the offsets, which it bounds
	if err != nil {
		return nil, 0, extent{}, err
	}
	committed, published := map[int32]int64{}, int64(-1)
	for p, o := range resp[x.topic] {
		committed[p] = o.At
		if end, ok := log.ends[p]; ok && o.At > end {
			x.d.Log.Warn("the offset that was committed lies behind the end of the log: reading goes on at the end", "topic", x.topic, "partition", p, "committed", o.At, "end", end)
			committed[p] = end
		}
		if v, ok := strings.CutPrefix(o.Metadata, windowKey); ok {
			w, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return nil, 0, extent{}, fmt.Errorf("reading the metadata %q of partition %d: %w", o.Metadata, p, err)
			}
			published = max(published, w)
		}
	}
	return committed, published, log, nil
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
	e := extent{ends: map[int32]int64{}}
	starts.Each(func(o kadm.ListedOffset) { e.trimmed = e.trimmed || o.Offset > 0 })
	ends.Each(func(o kadm.ListedOffset) { e.ends[o.Partition] = o.Offset })
	return e, nil
}

// begin builds an empty state once partitions are given; false while standing by.
func (x *session) begin(ctx context.Context) (bool, error) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	switch {
	case x.a.lost:
		return false, errLost
	case !x.a.given:
		return false, nil
	case x.clock != nil:
		return true, nil
	}
	d, err := x.d.NewDetector()
	if err != nil {
		return false, fmt.Errorf("%w: %w", errDetector, err)
	}
	p, err := newPublisher(ctx, x)
	if err != nil {
		return false, err
	}
	x.notReady("rebuilding the state")
	x.publisher = p
	x.detector = d
	if r, ok := d.(Restorer); ok && x.a.log.trimmed {
		r.Trimmed()
		x.wants = r
		x.d.Log.Warn("the log has lost its beginning: tables are asked for again, and nothing is decided on before they came")
	}
	x.next, x.committed, x.ends = map[int32]int64{}, x.a.committed, x.a.log.ends // the callbacks replace that map, they do not write to it
	x.clock = clock.New(clock.Config{
		Partitions: len(x.committed), BufferBytes: x.cfg.BufferMaxBytes, Vanished: x.cfg.Core.Feeds.CollectorTimeout, Back: x.cfg.Core.Feeds.BackWithin,
	}, &driver{x, d})
	return true, nil
}

// poll applies what was read and publishes what came of it. Where nothing did, the offsets are committed now and then.
func (x *session) poll(ctx context.Context, fetches kgo.Fetches) error {
	began := time.Now()
	if ok, err := x.begin(ctx); !ok || err != nil {
		return err
	}
	for it := fetches.RecordIter(); !it.Done(); {
		if err := x.push(it.Next()); err != nil {
			return err
		}
	}
	if fetches.NumRecords() > 0 && x.due.IsZero() {
		x.due = began.Add(commitInterval)
	}
	if len(x.publisher.pending) > 0 || (!x.due.IsZero() && !time.Now().Before(x.due)) {
		if err := x.flush(); err != nil {
			return err
		}
	}
	pause, resume := x.clock.Flow()
	if len(pause) > 0 {
		x.s.Client().PauseFetchPartitions(map[string][]int32{x.topic: pause})
	}
	if len(resume) > 0 {
		x.s.Client().ResumeFetchPartitions(map[string][]int32{x.topic: resume})
	}
	x.m.in.Add(float64(fetches.NumRecords()))
	x.m.batch.Observe(time.Since(began).Seconds())
	x.m.buffered.Set(float64(x.clock.Buffered()))
	x.m.refused(x.detector)
	if w, ok := x.clock.Open(); ok {
		x.m.window.Set(float64(w))
	}
	x.follow()
	return nil
}

// push decodes one record and hands it to the clock. What it leads to may be published while it is worked on: the
// offset moves past it only when that is done.
func (x *session) push(rec *kgo.Record) error {
	if rec.Offset < x.next[rec.Partition] { // read again after a transaction that was aborted
		return nil
	}
	defer func() { x.next[rec.Partition] = rec.Offset + 1 }()
	r := &pb.RouteRecord{}
	if l, ok := kafka.ParseLost(rec); ok {
		r = codec.RecordsLost(rec.Topic, rec.Partition, l.From, l.To, l.Since, l.Until)
	} else if rec.Attrs.IsControl() {
		return nil
	} else if err := r.UnmarshalVT(rec.Value); err != nil {
		x.m.dropped[dropUndecodable].Inc()
		if rec.Offset >= x.committed[rec.Partition] { // else it is a dead letter already
			x.publisher.deadLetter(rec, err)
		}
		return nil
	}
	x.lacks(rec, r.GetRecordsLost())
	before := x.clock.Dropped()
	if err := x.clock.Push(rec.Partition, rec.Offset, r, len(rec.Value)); err != nil {
		if errors.Is(err, errPublish) {
			return err
		}
		return fmt.Errorf("%w: %w", errDetector, err)
	}
	x.m.dropped[dropRepeated].Add(float64(x.clock.Dropped() - before))
	return nil
}

// lacks takes note that records were lost: tables are wanted, and nothing is learned in their place.
func (x *session) lacks(rec *kgo.Record, lost *pb.RecordsLost) {
	r, ok := x.detector.(Restorer)
	if lost == nil || !ok {
		return
	}
	x.d.Log.Warn("records were lost: what the collectors of their partition know is void until their tables come", "topic", lost.GetTopic(), "partition", rec.Partition,
		"offsets", fmt.Sprintf("%d-%d", lost.GetFromOffset(), lost.GetToOffset()-1))
	r.Trimmed()
	x.wants = r
}

// follow says whether the state has caught up with what was committed before.
func (x *session) follow() {
	for p, at := range x.committed {
		if x.next[p] < at {
			w, _ := x.clock.Open()
			x.notReady("rebuilding the state, at " + time.Unix(w, 0).UTC().Format(time.RFC3339))
			return
		}
	}
	x.reason.Store(nil)
}

// caughtUp reports whether everything that was in the log when the state began has been read.
func (x *session) caughtUp() bool {
	for p, at := range x.ends {
		if x.next[p] < at {
			return false
		}
	}
	return true
}

// flush publishes what has been gathered and commits where the log was read to, in one transaction. One that the broker
// aborts although the partitions are still ours (the one before it may not be wound up yet) is done again with the same
// records: nothing of it was published, and the state holds nothing that it does not say. The client goes back to what
// was committed then; push passes over what it reads again.
func (x *session) flush() error {
	recs, window := x.publisher.take()
	var wait kafka.Backoff
	for range maxAttempts {
		committed, err := x.transact(recs, window)
		if err != nil {
			return fmt.Errorf("%w: %w", errPublish, err)
		}
		if committed {
			x.due = time.Time{}
			x.publisher.published(recs)
			x.m.success.SetToCurrentTime()
			return nil
		}
		x.m.aborts.Inc()
		if x.lost() || wait.Wait(x.base) != nil {
			break
		}
	}
	return fmt.Errorf("%w: %w", errPublish, errLost)
}

func (x *session) lost() bool {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	return x.a.lost
}

func (x *session) transact(recs []*kgo.Record, window int64) (bool, error) {
	ctx, cancel := context.WithTimeout(x.base, x.d.Drain)
	defer cancel()
	ctx = kgo.PreTxnCommitFnContext(ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
		x.offsets(req, window)
		return nil
	})
	return kafka.Transact(ctx, x.s, recs)
}

// offsets makes the commit say where each partition was read to, never less than an earlier life of the state did, and
// which window was published last. It writes all of the request, because the client knows nothing new to commit when a
// poll takes several transactions.
func (x *session) offsets(req *kmsg.TxnOffsetCommitRequest, window int64) {
	for i := range req.Topics {
		x.topicID = req.Topics[i].TopicID
	}
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = x.topic, x.topicID
	metadata := ""
	if window >= 0 {
		metadata = windowKey + strconv.FormatInt(window, 10)
	}
	for p := range int32(len(x.committed)) {
		at := max(x.next[p], x.committed[p])
		if at <= 0 {
			continue
		}
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset, rp.Metadata = p, at, &metadata
		t.Partitions = append(t.Partitions, rp)
	}
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{t}
}
