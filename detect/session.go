package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/detect/checkpoint"
	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var (
	// errDetector marks a failure of the core: a bug, which a rebuild of the state does not remove.
	errDetector = errors.New("detector failed")
	// errLost reports that partitions were revoked or assigned again, or that a transaction was
	// aborted.
	errLost = errors.New("partitions lost or transaction aborted")
)

const (
	// commitInterval is the longest time for which the offsets of records without output wait for a
	// commit.
	commitInterval = 100 * time.Millisecond
	// heartbeat bounds the time after which a member that stands by learns that the active member
	// is gone.
	heartbeat = time.Second
	// maxAttempts is the number of times that a transaction is tried before the state is thrown
	// away.
	maxAttempts = 5
)

// flushRecords is the number of gathered records from which they are sent before the poll is done:
// a long hole in the input closes many windows at once.
const flushRecords = 20_000

// session is one life of the state: from an empty state, or a checkpoint, until partitions or a
// transaction are lost.
type session struct {
	*Stage
	s     *kgo.GroupTransactSession
	a     *assignment
	topic string
	// given is closed when partitions were assigned and the lookup of checkpoints has ended. It ends
	// a poll, because the log may hold no record to read.
	given chan struct{}

	// The loop owns all fields from here on. They are nil until partitions are assigned.
	clock     *clock.Clock
	detector  Detector
	publisher *publisher
	keeper    *keeper
	restored  *restored       // the checkpoint that the state begins with; nil after resume
	starts    map[int32]int64 // offsets of the first records of the log when the state began
	// lasting holds the published outages that have not ended, until the detector takes them over.
	lasting   []lasting
	next      map[int32]int64 // offset of the next record of each partition
	committed map[int32]int64 // assignment.committed as of the beginning of the state
	topicID   [16]byte
	ends      map[int32]int64 // ends of the partitions when the state began
	high      map[int32]int64 // ends of the partitions at the last poll
	// incomplete: records are missing, and tables were not requested yet because the state has not
	// caught up.
	incomplete bool
	waited     bool // requestTables has waited for a window
	// ended is the wall-clock time when the last window was closed, or else when the state began.
	ended time.Time
	// due is the time by which the records read so far must be committed; zero: none waits.
	due time.Time
	ctx context.Context //nolint:containedctx // the stage's: closing a window may publish
}

// session runs one life of the state.
func (s *Stage) session(ctx context.Context, wait *retry.Backoff) error {
	x := &session{
		Stage: s, a: &assignment{published: published{-1, -1}}, topic: s.d.Kafka.Topic(schemas.TopicRoutes),
		given: make(chan struct{}), ctx: ctx,
	}
	gs, err := kafka.NewSession(ctx, s.d.Kafka,
		kafka.SessionConfig{
			Stage: s.cfg.Families.Group(), Instance: s.d.Instance, Topics: []string{schemas.TopicRoutes}, Sole: true,
		},
		s.d.Log, s.d.Registerer,
		kgo.Balancers(kafka.SingleOwner()),
		kgo.HeartbeatInterval(heartbeat),
		kgo.OnPartitionsAssigned(x.assigned),
		kgo.OnPartitionsRevoked(x.revoked),
		kgo.OnPartitionsLost(x.revoked),
		kgo.AdjustFetchOffsetsFn(x.fromStart))
	if err != nil {
		return err
	}
	x.s = gs
	defer gs.CloseAllowingRebalance()
	defer x.m.active.set(0)
	defer x.tellVerdicts()
	defer x.endCheckpoints()
	for {
		fetches := x.read(ctx)
		if ctx.Err() != nil {
			return x.finish()
		}
		if err := s.d.Kafka.FetchErr(fetches); err != nil {
			return err
		}
		if err := x.poll(ctx, fetches); err != nil {
			return err
		}
		if fetches.NumRecords() > 0 {
			wait.Reset()
		}
		x.answer()
		gs.AllowRebalance()
	}
}

// read polls until a question is put. While offsets wait for a commit, it polls no longer than
// until the commit is due.
func (x *session) read(ctx context.Context) kgo.Fetches {
	ctx, done := x.questions.until(ctx)
	defer done()
	ctx, stop := x.untilCheckpoint(ctx)
	defer stop()
	if x.due.IsZero() {
		return x.s.PollRecords(ctx, x.cfg.PollMaxRecords)
	}
	ctx, cancel := context.WithDeadline(ctx, x.due)
	defer cancel()
	return x.s.PollRecords(ctx, x.cfg.PollMaxRecords)
}

// finish commits the records read so far when the stage is told to end.
func (x *session) finish() error {
	if x.due.IsZero() {
		return nil
	}
	return x.flush()
}

// begin takes the state of a checkpoint, or builds an empty state, once partitions are assigned. It
// returns false while this member stands by.
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
	p, err := newPublisher(ctx, x)
	if err != nil {
		return false, err
	}
	x.unready(errors.New("reading which outages last"))
	if x.lasting, err = x.readLasting(ctx); err != nil {
		return false, err
	}
	x.unready(errors.New("rebuilding the state"))
	x.publisher = p
	x.m.active.set(1)
	x.ended = time.Now()
	// The callbacks replace these maps; they do not write to them.
	x.next, x.committed, x.ends, x.high = map[int32]int64{}, x.a.committed, x.a.log.ends, map[int32]int64{}
	x.keeper = &keeper{
		settings: checkpoint.Hash(x.d.Settings), topicID: x.a.log.topicID, slot: x.a.slot, begun: x.now(),
	}
	if r := x.a.restored; r != nil {
		x.detector, x.clock, x.incomplete,
			x.restored, x.starts = r.detector, r.clock, r.manifest.TablesMissing, r, x.a.log.starts
		x.a.restored = nil
		return true, nil
	}
	if x.detector, err = x.d.NewDetector(); err != nil {
		return false, fmt.Errorf("%w: %w", errDetector, err)
	}
	if x.a.log.trimmed {
		x.recordsMissing()
		x.d.Log.Warn(
			"the log has lost its beginning: tables are asked for again, and nothing is decided on before they came")
	}
	x.clock = x.newClock(len(x.committed))
	maps.Copy(x.next, x.a.log.starts)
	return true, nil
}

// resume continues from the state of a checkpoint, if the session began with one. If the log has
// lost records after the checkpoint, they count as lost to the collectors of their partition.
func (x *session) resume() error {
	r := x.restored
	if r == nil {
		return nil
	}
	x.restored = nil
	for p, at := range r.manifest.Offsets {
		x.next[p] = max(at, x.starts[p])
	}
	if paused := x.clock.Paused(); len(paused) > 0 {
		x.s.Client().PauseFetchPartitions(map[string][]int32{x.topic: paused})
	}
	x.due = time.Now().Add(commitInterval)
	if err := x.take(-1, 0); err != nil { // the steps left when the checkpoint was taken
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(x.starts)) {
		from, to := r.manifest.Offsets[p], x.starts[p]
		if from >= to {
			continue
		}
		if err := x.give(
			p, to-1, codec.RecordsLost(x.topic, p, from, to, time.Time{}, time.Time{}), 0,
		); err != nil {
			return err
		}
	}
	return nil
}

// poll applies the fetched records and publishes the output. If there is no output, the offsets are
// committed within commitInterval.
func (x *session) poll(ctx context.Context, fetches kgo.Fetches) error {
	began := time.Now()
	if ok, err := x.begin(ctx); !ok || err != nil {
		return err
	}
	if err := x.resume(); err != nil {
		return err
	}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) { x.high[p.Partition] = p.LastStableOffset })
	for it := fetches.RecordIter(); !it.Done(); {
		if err := x.push(it.Next()); err != nil {
			return err
		}
	}
	if fetches.NumRecords() > 0 && x.due.IsZero() {
		x.due = began.Add(commitInterval)
	}
	if err := x.collect(); err != nil {
		return err
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
	x.m.gate(x.detector)
	if w, ok := x.clock.Open(); ok {
		x.m.window.set(float64(w))
	}
	x.follow()
	return nil
}

// push decodes one record, gives it to the clock, and takes the steps that follow: it applies
// records, and closes and publishes windows. A transaction in between commits the offset of this
// record, not the offset of the next one, because this record is not done yet.
func (x *session) push(rec *kgo.Record) error {
	if rec.Offset < x.next[rec.Partition] { // read again after an aborted transaction
		return nil
	}
	defer func() { x.next[rec.Partition] = rec.Offset + 1 }()
	r := x.decode(rec)
	if r == nil {
		return nil
	}
	return x.give(rec.Partition, rec.Offset, r, len(rec.Value))
}

// give pushes a record of the log into the clock, and takes the steps that follow.
func (x *session) give(partition int32, offset int64, r *pb.RouteRecord, size int) error {
	if lost := r.GetRecordsLost(); lost != nil {
		x.d.Log.Warn("records were lost: "+
			"the routes of their partition's collectors are unknown until new tables come",
			"topic", lost.GetTopic(), "partition", partition,
			"offsets", fmt.Sprintf("%d-%d", lost.GetFromOffset(), lost.GetToOffset()-1))
		x.recordsMissing()
	}
	before := x.clock.Dropped()
	if err := x.clock.Push(partition, offset, r, size); err != nil {
		return fmt.Errorf("%w: %w", errDetector, err)
	}
	x.m.dropped[dropRepeated].Add(float64(x.clock.Dropped() - before))
	return x.take(partition, offset+1)
}

// take takes the clock's steps. next is the offset after the record that led to them, in the given
// partition; partition -1 is none.
func (x *session) take(partition int32, next int64) error {
	for step := range x.clock.Steps() {
		if step.Record != nil {
			if err := x.apply(step); err != nil {
				return fmt.Errorf("%w: applying the record at partition %d, offset %d: %w",
					errDetector, step.Partition, step.Offset, err)
			}
			continue
		}
		if err := x.closeWindow(step.Window); err != nil {
			return fmt.Errorf("%w: closing window %d: %w", errDetector, step.Window, err)
		}
		if len(x.publisher.pending) >= flushRecords {
			if err := x.flush(); err != nil {
				return err
			}
		}
		if err := x.checkpoint(step.Window, partition, next); err != nil {
			return err
		}
	}
	return nil
}

// decode returns the record for the clock, or nil if there is none. A record that cannot be decoded
// goes to the dead-letter topic.
func (x *session) decode(rec *kgo.Record) *pb.RouteRecord {
	if l, ok := kafka.ParseLost(rec); ok {
		return codec.RecordsLost(rec.Topic, rec.Partition, l.From, l.To, l.Since, l.Until)
	}
	if rec.Attrs.IsControl() {
		return nil
	}
	r := &pb.RouteRecord{}
	if err := r.UnmarshalVT(rec.Value); err != nil {
		x.m.dropped[dropUndecodable].Inc()
		// A record below the committed offset is a dead letter already.
		if x.cfg.Families.Leads() && rec.Offset >= x.committed[rec.Partition] {
			x.publisher.deadLetter(rec, err)
		}
		return nil
	}
	return r
}

// apply gives the detector a record. A record with impossible content is rejected and kept until
// its window closes.
func (x *session) apply(step clock.Step) error {
	if step.Record.GetRecordsLost() != nil {
		// Set it again: the clock may have held the record back until tables were requested.
		x.incomplete = true
	}
	err := x.detector.Apply(step.Record, step.Effective)
	if errors.Is(err, codec.ErrInvalid) {
		x.clock.Reject(step, err)
		return nil
	}
	return err
}

// closeWindow closes a window, and gathers its records to publish.
func (x *session) closeWindow(start int64) error {
	x.lasting = slices.DeleteFunc(x.lasting, func(l lasting) bool {
		if start < l.until {
			return false
		}
		x.detector.TakeOver(l.family, l.outages, l.until)
		return true
	})
	x.ended = time.Now()
	outs, err := x.detector.CloseWindow(start)
	if err != nil {
		return err
	}
	for _, note := range x.detector.WatchNotes() {
		if start > x.publisher.last {
			x.d.Log.Warn("a watch list is not complete", "reason", note)
		}
	}
	if x.incomplete && start > x.publisher.last && x.caughtUp() {
		outs = append(outs, x.requestTables(start)...)
	}
	return x.publisher.window(start, outs, x.clock.Rejected(start))
}

// requestTables returns the requests for tables at the end of the window that began at start. A
// detector that does not lead waits for one more window: the tables that the other detector
// requests are those of both families, and by then their gaps are in the log.
func (x *session) requestTables(start int64) []core.Out {
	if !x.cfg.Families.Leads() && !x.waited {
		x.waited = true
		return nil
	}
	x.incomplete, x.waited = false, false
	return x.detector.RequestTables(start)
}

// recordsMissing records that the log has gaps. The stage requests tables, and the detector learns
// no state from updates in their place.
func (x *session) recordsMissing() {
	x.detector.RecordsMissing()
	x.incomplete = true
}

// follow sets the readiness: whether the state has caught up with the offsets committed before, and
// whether a verdict is possible.
func (x *session) follow() {
	if x.rebuilding() {
		w, _ := x.clock.Open()
		x.unready(fmt.Errorf("rebuilding the state, at %s", time.Unix(w, 0).UTC().Format(time.RFC3339)))
		return
	}
	x.ready.Set(x.undecided(time.Now()))
	x.asking.Set(nil)
}

// tellVerdicts stores the detector's verdicts when its session ends.
func (x *session) tellVerdicts() {
	if x.detector != nil {
		v := x.detector.Verdicts()
		x.verdicts.Store(&v)
	}
}

// caughtUp reports whether the loop has read all records that the log held when the state began.
func (x *session) caughtUp() bool {
	for p, at := range x.ends {
		if x.next[p] < at {
			return false
		}
	}
	return true
}

// flush publishes the gathered records and commits the offsets, in one transaction. The broker may
// abort a transaction although the partitions are still assigned to us, because the one before it
// may not be finished yet. flush then repeats it with the same records: none of them was published,
// and the state holds no result that they do not contain. After an abort the client goes back to
// the committed offsets; push skips the records that it reads again.
func (x *session) flush() error {
	recs, window := x.publisher.take()
	var wait retry.Backoff
	for range maxAttempts {
		committed, err := x.transact(recs, window)
		if err != nil {
			return fmt.Errorf("%w: %w", errPublish, err)
		}
		if committed {
			x.due = time.Time{}
			x.publisher.published(recs)
			x.kept(recs)
			x.m.success.SetToCurrentTime()
			return nil
		}
		x.m.aborts.Inc()
		if x.lost() || wait.Wait(context.WithoutCancel(x.ctx)) != nil {
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
	ctx, cancel := kafka.TransactionContext(x.ctx, x.d.Drain)
	defer cancel()
	ctx = kgo.PreTxnCommitFnContext(ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
		x.offsets(req, window)
		return nil
	})
	return kafka.Transact(ctx, x.s, recs)
}
