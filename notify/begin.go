package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/ledger"
	"github.com/darkmap/darkmap/schemas"
)

// overlap is the time before the newest record of the ledger from which records are read again if
// the group's offsets are lost.
const overlap = 10 * time.Minute

// begin builds the engine once the partition is assigned. It returns false while the process is a
// standby.
func (x *session) begin(ctx, following context.Context) (bool, error) {
	given, lost, committed, from := x.a.state()
	switch {
	case lost:
		return false, errLost
	case !given:
		return false, nil
	case x.engine != nil:
		return true, nil
	}
	x.ready.Set(errors.New("reading the ledger (bgp.notify.v1)"))
	began := x.d.Now()
	book, err := ledger.Load(ctx, x.d.Kafka, x.d.Log)
	if err != nil {
		return false, err
	}
	for _, key := range book.Unreadable {
		x.d.Log.Warn("a record of bgp.notify.v1 cannot be read: the delivery with its key is unknown",
			"key", key)
	}
	_, generation := x.s.Client().GroupMetadata()
	x.writer = ledger.Writer{Kafka: x.d.Kafka, Generation: max(generation, 1), Now: x.d.Now}
	x.next = from
	if err := x.restore(ctx, book, committed, from); err != nil {
		return false, err
	}
	if err := x.recall(book); err != nil {
		return false, err
	}
	for name, p := range x.d.Targets {
		x.startSender(name, p)
	}
	x.follow(following, began)
	for _, key := range slices.Sorted(maps.Keys(book.Retries)) {
		if err := x.retry(key, x.d.Now()); err != nil {
			return false, err
		}
	}
	x.ready.Set(nil)
	return true, nil
}

// recall applies answers of an earlier session that were not written, if the ledger still waits for
// them.
func (x *session) recall(book *ledger.Book) error {
	unsaved := x.unsaved
	x.unsaved = nil
	for _, o := range unsaved {
		in := book.Deliveries[o.attempt.Key()].Intent
		if in == nil || in.MessageID != o.attempt.Message.ID {
			continue
		}
		if err := x.answer(o, x.d.Now()); err != nil {
			return err
		}
	}
	return nil
}

// restore builds the engine from the ledger, or without one:
//
//   - At a first run one notice lists the open outages. Reading continues after them.
//   - If the ledger was lost, restore builds it from the outages up to the group's committed
//     offset, as if all messages had been sent. Messages that may not have been sent are sent again
//     (incident.Rebuild), and open incidents are closed when they are over.
//   - If the group's offsets were lost, restore reads again from shortly before the newest record
//     of the ledger. A record that was read before changes nothing.
func (x *session) restore(ctx context.Context, book *ledger.Book, committed bool,
	from map[int32]int64,
) (err error) {
	switch {
	case !book.Begun && !committed:
		return x.firstRun(ctx, book, from)
	case !book.Begun:
		return x.rebuild(ctx, book, from)
	}
	if x.engine, err = x.newEngine(book.Saved()); err != nil || committed {
		return err
	}
	x.d.Log.Warn("the offsets of the group are lost: outages that came since the last message are read again",
		"since", book.Newest)
	now := x.d.Now()
	return kafka.ReadSince(ctx, x.d.Kafka, x.d.Log, schemas.TopicOutages, book.Newest.Add(-overlap),
		func(rec *kgo.Record) error {
			if rec.Offset < from[rec.Partition] {
				x.apply(rec, now)
			}
			return nil
		})
}

// firstRun makes the notice that lists the open outages.
func (x *session) firstRun(ctx context.Context, book *ledger.Book, from map[int32]int64) (err error) {
	if x.engine, err = x.newEngine(book.Saved()); err != nil {
		return err
	}
	all := map[string]*bgp.Outage{}
	err = kafka.ReadToEnd(ctx, x.d.Kafka, x.d.Log, schemas.TopicOutages, func(rec *kgo.Record) error {
		e, _, err := outagelog.Decode(rec)
		if err != nil || rec.Offset >= from[rec.Partition] {
			return nil //nolint:nilerr // record counts it when it is read
		}
		if e.Outage.End != nil || e.Outage.State == bgp.StateRetracted {
			delete(all, e.Outage.ID)
		} else {
			all[e.Outage.ID] = &e.Outage
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the open outages: %w", err)
	}
	open := make([]*bgp.Outage, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		open = append(open, all[id])
	}
	if err := x.put(x.engine.Adopt(open, x.d.Now())...); err != nil {
		return err
	}
	return x.putBegun()
}

// rebuild makes a ledger from the outages that were applied before.
func (x *session) rebuild(ctx context.Context, book *ledger.Book, from map[int32]int64) error {
	x.d.Log.Warn("the ledger is lost (bgp.notify.v1 is empty): " +
		"it is rebuilt from the outages of the last 90 days. Messages of the last minute are sent again. " +
		"Targets that take a message once also get the messages about open incidents again. " +
		"Chats get a list of the open incidents")
	saved, err := x.past(ctx, from)
	if err != nil {
		return err
	}
	// Deliveries that were written after the loss are newer.
	saved = slices.DeleteFunc(saved, func(d incident.Delivery) bool {
		_, ok := book.Deliveries[d.Key()]
		return ok
	})
	for i := range saved {
		if err := x.put(&saved[i]); err != nil {
			return err
		}
	}
	if x.engine, err = x.newEngine(append(saved, book.Saved()...)); err != nil {
		return err
	}
	return x.putBegun()
}

// past returns the deliveries that result from the outages before the offsets in from.
func (x *session) past(ctx context.Context, from map[int32]int64) ([]incident.Delivery, error) {
	p := past{kafka: x.d.Kafka, log: x.d.Log, before: from}
	saved, err := incident.Rebuild(x.cfg.Config, x.infos(), p.records(ctx), x.d.Now())
	if err := errors.Join(p.err, err); err != nil {
		return nil, fmt.Errorf("rebuilding the ledger from past outages: %w", err)
	}
	return saved, nil
}

// putBegun records that the ledger was started.
func (x *session) putBegun() error {
	rec, err := x.writer.Begun()
	if err == nil {
		x.pending.put(rec)
	}
	return err
}

// record processes a record of bgp.outages.v1. It skips a record that was read before an aborted
// transaction.
func (x *session) record(rec *kgo.Record, now time.Time) {
	if rec.Offset < x.next[rec.Partition] {
		return
	}
	x.next[rec.Partition] = rec.Offset + 1
	if rec.Attrs.IsControl() {
		return
	}
	x.m.in.Inc()
	x.apply(rec, now)
}

// apply passes a record to the engine.
func (x *session) apply(rec *kgo.Record, now time.Time) {
	e, _, err := outagelog.Decode(rec)
	if err != nil {
		x.m.undecodable.Inc()
		x.d.Log.Warn("an outage cannot be read: no message is sent about it", "err", err)
		return
	}
	x.engine.Record(&e.Outage, e.JSON, incident.RecordRef{
		Partition: rec.Partition, Offset: rec.Offset,
		Sequence: e.Outage.Sequence, State: e.Outage.State, At: now,
	}, now)
}
