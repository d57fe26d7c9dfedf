package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
)

// errIncomplete means that a record waits until the copies of earlier rows are complete.
var errIncomplete = errors.New("the copies of earlier rows are not complete yet")

// assigned takes partitions. kgo calls it while no records of a poll are in use.
func (s *Stage) assigned(ctx context.Context, cl *kgo.Client, added map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, partitions := range added {
		w := s.writers[topic]
		if w == nil {
			continue
		}
		if s.partitions[topic] == nil {
			s.partitions[topic] = map[int32]*partition{}
		}
		for _, n := range partitions {
			s.partitions[topic][n] = newPartition(context.WithoutCancel(ctx), w.table, topic, n)
		}
	}
	cl.ResumeFetchPartitions(added) // the client keeps pauses of an earlier assignment
	s.kafkaReady.Set(nil)
}

// revoked gives partitions up. It drops records that are not acknowledged; the next owner reads
// them again.
func (s *Stage) revoked(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	var wait []<-chan struct{}
	s.mu.Lock()
	for topic, partitions := range lost {
		for _, n := range partitions {
			p := s.partitions[topic][n]
			if p == nil {
				continue
			}
			p.cancel()
			if p.inserting != nil {
				wait = append(wait, p.inserting.finished)
			}
			if p.completed != nil {
				wait = append(wait, p.completed)
			}
			delete(s.partitions[topic], n)
		}
	}
	left := 0
	for _, partitions := range s.partitions {
		left += len(partitions)
	}
	s.mu.Unlock()
	for _, ended := range wait {
		<-ended // returns soon: its context has ended
	}
	if left == 0 {
		// No insert waits for ClickHouse.
		s.storeReady.Set(nil)
	}
}

func commitOffsets(ctx context.Context, cl *kgo.Client, offsets map[string]map[int32]kgo.EpochOffset) error {
	var failed error
	cl.CommitOffsetsSync(ctx, offsets,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if err != nil {
				return
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil && failed == nil {
						failed = fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
					}
				}
			}
		})
	return failed
}

// consume turns the backlog of the partition into rows, until a batch is full. After a failure no
// partition processes records until retryAt. Otherwise mu would be held for the sum of the
// partitions' time-outs. The caller holds mu.
func (s *Stage) consume(ctx context.Context, p *partition, now time.Time) {
	if len(p.backlog) == 0 || now.Before(s.retryAt) || p.blocked() {
		return
	}
	p.waitsForInsert = false
	n := 0
	for n < len(p.backlog) && len(p.sealed) == 0 {
		rec := p.backlog[n]
		err := s.record(ctx, p, rec, now)
		if errors.Is(err, errIncomplete) {
			break // complete wakes the stage
		}
		if errors.Is(err, errUninserted) {
			p.waitsForInsert = true
			if p.open.rows.count() > 0 {
				p.seal()
			}
			break
		}
		if err = explain(err); err != nil {
			if ctx.Err() == nil {
				s.logFor(err).Warn("a record cannot be processed yet, trying again", "partition", p.String(),
					"offset", rec.Offset, "err", err)
			}
			if s.endsStage(err) {
				s.fatal = err
			}
			s.retryAt = time.Now().Add(retryAfter) // not from now: record may have waited since then
			break
		}
		p.backlogBytes -= len(rec.Key) + len(rec.Value)
		p.backlog[n] = nil
		n++
	}
	if p.backlog = p.backlog[n:]; len(p.backlog) == 0 {
		p.backlog = nil
	}
	s.metrics.in.Add(float64(n))
}

// record adds one record to the open batch. An error means that the record must wait: rows before
// it are not inserted yet or could not be looked up, or its dead letter could not be written.
func (s *Stage) record(ctx context.Context, p *partition, rec *kgo.Record, now time.Time) error {
	period := p.table.period(rec.Timestamp.UTC())
	if p.open != nil && p.open.period != period {
		if p.open.rows.count() > 0 {
			p.seal()
		} else {
			p.open.period = period
		}
	}
	w := s.writers[p.kafkaTopic]
	if p.open == nil {
		p.open = &batch{
			partition: p, rows: w.block(), period: period, since: now, first: rec.Offset,
			appended: rec.Timestamp, next: kgo.EpochOffset{Epoch: rec.LeaderEpoch, Offset: rec.Offset},
			finished: make(chan struct{}),
		}
	}
	b := p.open
	if l, ok := kafka.ParseLost(rec); ok {
		s.deps.Log.Warn("records were lost before they were stored: their rows are missing", "table",
			p.table.name, "partition", p.String(), "lost", l)
		s.metrics.lost.Add(float64(l.To - l.From))
	}
	if !rec.Attrs.IsControl() {
		if err := s.add(ctx, b, rec); err != nil {
			return err
		}
	}
	b.next = kgo.EpochOffset{Epoch: rec.LeaderEpoch, Offset: rec.Offset + 1}
	if b.rows.count() >= s.cfg.BatchMaxRows {
		p.seal()
	}
	return nil
}

// add appends those rows of a record that are not in the table yet.
func (s *Stage) add(ctx context.Context, b *batch, rec *kgo.Record) error {
	p := b.partition
	pos, n, err := b.rows.decode(rec)
	if err != nil {
		return s.deadLetter(ctx, rec, err)
	}
	if n == 0 {
		return nil
	}
	lane := pos.Of()
	at := p.marks[lane]
	if at == nil {
		lane = laneOf(pos)
		m, err := s.lookUp(ctx, p, rec, lane)
		if err != nil {
			return err
		}
		at = &m
		p.marks[lane] = at
	}
	if r, ok := b.rows.(*routeRows); ok && r.above(*at) {
		if err := s.prepare(ctx, p, r); err != nil {
			return err
		}
	}
	o := kafkaOffset{
		topic: p.table.topic, partition: rec.Partition, offset: rec.Offset,
		appendedAt: uint32(rec.Timestamp.Unix()),
	}
	after := b.rows.add(&o, *at)
	if after == *at {
		s.metrics.duplicate.Inc()
		return nil
	}
	*at, b.last = after, after
	if b.lane != lane {
		b.lane = laneOf(pos)
	}
	return nil
}

// lookUp reads the highest position of a lane and sets the readiness of ClickHouse by the outcome.
func (s *Stage) lookUp(ctx context.Context, p *partition, rec *kgo.Record, lane bgp.LaneKey) (mark, error) {
	m, err := s.highest(ctx, p, rec, lane)
	if errors.Is(err, errIncomplete) {
		return m, err
	}
	err = explain(err)
	if err == nil || ctx.Err() == nil {
		s.storeReady.Set(err)
	}
	return m, err
}

// highest reads the highest position of a lane. Before the first read of the partition, for rec, it
// kills inserts that a predecessor may have left running. It then begins to repeat the copies of
// rows from rec on that are in the table already, as the predecessor's copies may be incomplete.
// Until that is done the error is errIncomplete.
func (s *Stage) highest(ctx context.Context, p *partition, rec *kgo.Record, lane bgp.LaneKey) (mark, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	if err := s.store.open(ctx); err != nil {
		return mark{}, err
	}
	if !p.cleared {
		if err := s.store.kill(ctx, p.queryPrefix()); err != nil {
			return mark{}, err
		}
		p.completed = make(chan struct{})
		r := s.store.refill(p, rec.Offset, rec.Timestamp)
		s.refills.Go(func() { s.complete(p, r) }) // ends when all is copied, or with p.ctx
		return mark{}, errIncomplete
	}
	return s.store.highest(ctx, p, lane)
}

// deadLetter writes a record that cannot be decoded to the dead-letter topic.
func (s *Stage) deadLetter(ctx context.Context, rec *kgo.Record, reason error) error {
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	if err := s.client.ProduceSync(limited,
		kafka.DeadLetter(s.deps.Kafka, Name, rec, reason.Error())).FirstErr(); err != nil {
		err = fmt.Errorf("writing a dead letter: %w", err)
		if ctx.Err() == nil {
			s.kafkaReady.Set(err)
		}
		return err
	}
	s.kafkaReady.Set(nil)
	s.metrics.dead.Inc()
	return nil
}
