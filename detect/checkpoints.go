package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect/checkpoint"
	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/schemas"
)

const (
	// lateAfter is the age from which the open window counts as a window of the past: detect is
	// catching up, or its sources are late by nature.
	lateAfter = 2 * time.Minute
	// nearClose is the time before the close of a window in which no checkpoint begins.
	nearClose = 5 * time.Second
)

// errNotPublished reports that the transaction with the manifest did not commit, or that the
// session ended before the manifest was published.
var errNotPublished = errors.New("the session ended before its manifest was published")

// restored is the state that a checkpoint holds.
type restored struct {
	manifest checkpoint.Manifest
	clock    *clock.Clock
	detector Detector
}

// keeper writes the checkpoints of a session. Only the session's loop uses it.
type keeper struct {
	settings []byte
	topicID  [16]byte
	slot     uint32    // slot of the next checkpoint
	begun    time.Time // the time when the last checkpoint, or else the session, began
	writer   *checkpoint.Writer
	writing  *checkpoint.Writing  // the checkpoint whose chunks are being written
	whole    *checkpoint.Manifest // the manifest that is among the records to publish
}

// checkpoints returns the store of the stage's checkpoints.
func (s *Stage) checkpoints() checkpoint.Store {
	return checkpoint.Store{Kafka: s.d.Kafka, Log: s.d.Log, Detector: s.cfg.Families.Group()}
}

// newClock returns a clock that has read no record.
func (s *Stage) newClock(partitions int) *clock.Clock {
	return clock.New(clock.Config{
		Partitions:  partitions,
		BufferBytes: s.cfg.BufferMaxBytes,
		Vanished:    s.cfg.Core.Feeds.CollectorTimeout,
		Back:        s.cfg.Core.Feeds.BackWithin,
	})
}

// load restores the newest checkpoint that may be used; r is nil if there is none. slot is the slot
// of the next checkpoint to write. load reports each checkpoint that it refuses.
func (x *session) load(ctx context.Context, p progress) (r *restored, slot uint32, err error) {
	d, err := x.d.NewDetector()
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errDetector, err)
	}
	if _, ok := d.(checkpoint.State); !ok {
		return nil, 0, nil
	}
	x.unready(errors.New("looking for a checkpoint"))
	found, err := x.checkpoints().List(ctx)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		x.d.Log.Warn("there are no checkpoints, for there is no such topic: `darkmap topics apply` makes it",
			"topic", x.d.Kafka.Topic(schemas.TopicCheckpoints))
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	}
	for _, fault := range found.Faults {
		x.refuse(fault)
	}
	now := checkpoint.Situation{
		Settings: checkpoint.Hash(x.d.Settings), TopicID: p.log.topicID, Ends: p.log.ends,
		Published: p.published.least(x.cfg.Families),
	}
	for _, m := range found.Manifests {
		if r, err = x.restore(ctx, m, now); err == nil {
			x.d.Log.Info("the state goes on from a checkpoint",
				"checkpoint", m.ID, "window", time.Unix(m.Window, 0).UTC(), "written", m.Written)
			return r, 1 - m.Slot, nil
		}
		if checkpoint.Reason(err) == checkpoint.Other { // an error of Kafka, or of the detector
			return nil, 0, err
		}
		x.refuse(fmt.Errorf("checkpoint %s of %s: %w",
			m.ID, time.Unix(m.Window, 0).UTC().Format(time.RFC3339), err))
	}
	if found.Last >= 0 {
		slot = 1 - uint32(found.Last)
	}
	return nil, slot, nil
}

// refuse reports a checkpoint that is not used.
func (x *session) refuse(err error) {
	x.m.refusedCheckpoints[checkpoint.Reason(err)].Inc()
	x.d.Log.Warn("a checkpoint is not used", "reason", err)
}

// restore builds the state that a checkpoint holds. If checkpoint.Reason of the error is not
// checkpoint.Other, this checkpoint cannot be used, and the next one may be tried.
func (x *session) restore(
	ctx context.Context, m checkpoint.Manifest, now checkpoint.Situation,
) (*restored, error) {
	if err := m.Usable(now); err != nil {
		return nil, err
	}
	d, err := x.d.NewDetector()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDetector, err)
	}
	r := &restored{manifest: m, clock: x.newClock(len(m.Offsets)), detector: d}
	state, ok := d.(checkpoint.State)
	if !ok {
		return nil, errors.New("the detector cannot read it")
	}
	x.unready(errors.New("reading a checkpoint"))
	if err := x.checkpoints().Read(ctx, m, r.clock, state); err != nil {
		return nil, err
	}
	return r, nil
}

// checkpoint begins a checkpoint after a window was closed, if one is due. offset is the offset
// after the record whose steps the loop is taking; partition is the partition of that record.
// checkpoint flushes first, so that no record is pending and the window is published.
func (x *session) checkpoint(window int64, partition int32, offset int64) error {
	if err := x.collect(); err != nil {
		return err
	}
	if x.keeper.whole != nil { // one record can close many windows
		return x.flush()
	}
	if !x.checkpointDue(window) {
		return nil
	}
	next := x.nextOf(partition, offset)
	if x.now().Sub(time.Unix(window+clock.Window, 0)) >= lateAfter && x.behind(next) {
		return nil
	}
	if err := x.flush(); err != nil {
		return err
	}
	d, ok := x.detector.(checkpoint.State)
	if !ok {
		return nil
	}
	k := x.keeper
	k.begun = x.now()
	if k.writer == nil {
		w, err := checkpoint.NewWriter(x.ctx, x.d.Kafka, x.d.Log, x.cfg.Families.Group())
		if err != nil {
			return err
		}
		k.writer = w
	}
	began := time.Now()
	w, err := k.writer.Begin(checkpoint.Manifest{
		Slot: k.slot, Settings: k.settings, TopicID: k.topicID, Offsets: next,
		Window: window, Published: x.publisher.last, TablesMissing: x.incomplete, Written: x.now(),
	}, x.clock, d)
	x.m.checkpointSeconds.Observe(time.Since(began).Seconds())
	if err != nil {
		x.failed(err)
		return nil
	}
	k.writing = w
	return nil
}

// checkpointDue reports whether a checkpoint begins after the window that was just closed. No
// checkpoint begins while the last one is being written, while the state differs from the state of
// the published records, or shortly before another window closes.
func (x *session) checkpointDue(window int64) bool {
	k := x.keeper
	if _, ok := x.detector.(checkpoint.State); !ok || x.cfg.CheckpointInterval == 0 ||
		k.writing != nil || k.whole != nil || x.now().Sub(k.begun) < time.Duration(x.cfg.CheckpointInterval) {
		return false
	}
	if len(x.lasting) > 0 || x.rebuilding() || window != x.publisher.last {
		return false
	}
	open := x.now().Sub(time.Unix(window+clock.Window, 0))
	return open >= lateAfter || open < time.Duration(clock.Window)*time.Second-nearClose
}

// behind reports whether the log holds records that were not pushed into the clock.
func (x *session) behind(next map[int32]int64) bool {
	for p, end := range x.high {
		if next[p] < end {
			return true
		}
	}
	return false
}

// nextOf returns the offset of the next record of each partition. In the given partition that is
// offset, as if its present record were applied; partition -1 is none.
func (x *session) nextOf(partition int32, offset int64) map[int32]int64 {
	next := map[int32]int64{}
	for p := range int32(len(x.committed)) {
		next[p] = 0
	}
	maps.Copy(next, x.next)
	if partition >= 0 {
		next[partition] = offset
	}
	return next
}

// collect takes a checkpoint whose chunks are written. The next transaction publishes its manifest.
func (x *session) collect() error {
	k := x.keeper
	if k.writing == nil {
		return nil
	}
	select {
	case <-k.writing.Done():
	default:
		return nil
	}
	m, err := k.writing.Result()
	k.writing = nil
	if err != nil {
		x.failed(err)
		return nil
	}
	rec, err := m.Record(x.d.Kafka.Topic(schemas.TopicCheckpoints), x.cfg.Families.Group())
	if err != nil {
		return err
	}
	k.whole = &m
	x.publisher.pending = append(x.publisher.pending, rec)
	return nil
}

// untilCheckpoint returns a context for a poll. Before the state begins, the context ends when the
// lookup of checkpoints has ended. While the chunks of a checkpoint are being written, it ends when
// they are written.
func (x *session) untilCheckpoint(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	var done <-chan struct{}
	switch {
	case x.clock == nil:
		done = x.given
	case x.keeper.writing != nil:
		done = x.keeper.writing.Done()
	default:
		return ctx, cancel
	}
	go func() { // ends with the poll
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// kept records that the manifest among recs was published.
func (x *session) kept(recs []*kgo.Record) {
	k := x.keeper
	if k.whole == nil {
		return
	}
	topic := x.d.Kafka.Topic(schemas.TopicCheckpoints)
	for _, r := range recs {
		if r.Topic != topic {
			continue
		}
		m := k.whole
		k.whole, k.slot = nil, 1-m.Slot
		x.m.checkpointsWritten.Inc()
		x.m.checkpointBytes.Set(float64(m.Length))
		x.m.checkpointWindow.Set(float64(m.Window))
		x.d.Log.Info("a checkpoint was written", "checkpoint", m.ID,
			"window", time.Unix(m.Window, 0).UTC(), "octets", m.Length, "chunks", len(m.Chunks))
		return
	}
}

// failed reports a checkpoint that was not written. The next attempt follows after the interval.
func (x *session) failed(err error) {
	x.m.checkpointsFailed.Inc()
	x.d.Log.Warn("a checkpoint was not written: a new start would go on from the one before", "err", err)
}

// endCheckpoints abandons a checkpoint that is being written, and waits until its writer has ended.
func (x *session) endCheckpoints() {
	k := x.keeper
	if k == nil {
		return
	}
	if k.writing != nil || k.whole != nil {
		x.failed(errNotPublished)
	}
	if k.writer != nil {
		k.writer.Close()
	}
	if k.writing != nil {
		<-k.writing.Done()
	}
}

// now returns the time by which checkpoints are written.
func (s *Stage) now() time.Time {
	if s.d.Now != nil {
		return s.d.Now()
	}
	return time.Now()
}
