package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/sink"
)

// A piece ends with the record that brings it to one of these bounds.
const (
	maxRows   = 65_536
	maxOctets = 32 << 20
)

// partition compares one Kafka partition with its table.
type partition struct {
	d     *Deps
	c     *comparison
	topic string
	span  kafka.Span
	out   *TableReport

	rows *sink.Rebuilder
	// first and last are the times at which Kafka appended the first and the last record. octets is
	// the size of the piece's records.
	first, last time.Time
	octets      int
	pieces      []piece
}

// piece is a run of records that starts at an offset.
type piece struct {
	from int64
	own  uint64 // rows of the table whose columns name these records as their origin
}

// check reads the partition up to an offset (exclusive) and compares it piece by piece.
func (p *partition) check(ctx context.Context, until int64) error {
	out := p.out
	out.Partitions++
	if p.span.Committed >= 0 && p.d.To.IsZero() {
		out.Waiting += max(p.span.End-p.span.Committed, 0)
	}
	from := p.span.Since
	switch {
	case p.span.Committed > p.span.End:
		out.Ahead++
	case p.span.Committed < 0 && p.span.End > p.span.Start:
		out.Uncommitted++
	}
	var err error
	if p.rows, err = sink.NewRebuilder(p.d.Dataset, p.topic); err != nil {
		return err
	}
	p.pieces = []piece{{from: from}}
	err = kafka.ReadRange(ctx, p.d.Kafka, p.d.Log, p.topic, p.span.Partition, from, until,
		func(rec *kgo.Record) error {
			return p.record(ctx, rec, until)
		})
	if err == nil {
		err = p.compare(ctx)
	}
	if err == nil && !p.first.IsZero() {
		err = p.strangers(ctx, until)
	}
	if err == nil && p.d.From.IsZero() {
		err = p.before(ctx)
	}
	return err
}

// record adds a record to the piece.
func (p *partition) record(ctx context.Context, rec *kgo.Record, until int64) error {
	if l, lost := kafka.ParseLost(rec); lost {
		p.out.Lost += uint64(l.To - l.From)
		return nil
	}
	if p.first.IsZero() {
		p.first = rec.Timestamp
	}
	p.last = rec.Timestamp
	p.out.Records++
	again, err := p.rows.Add(rec)
	switch {
	case err != nil:
		p.out.Undecodable.add(1, Place{Partition: rec.Partition, Offset: rec.Offset, Note: err.Error()})
	case again:
		p.out.Again++
	}
	p.octets += len(rec.Key) + len(rec.Value)
	if p.rows.Count() < maxRows && p.octets < maxOctets {
		return nil
	}
	p.d.Progress(fmt.Sprintf("%s: partition %d, offset %d of %d, %d rows compared", p.out.Topic,
		rec.Partition, rec.Offset, until, p.out.Rows))
	if err := p.compare(ctx); err != nil {
		return err
	}
	p.pieces = append(p.pieces, piece{from: rec.Offset + 1})
	return nil
}

// compare compares the piece that was read.
func (p *partition) compare(ctx context.Context) error {
	defer p.rows.Reset()
	p.octets = 0
	if p.rows.Count() == 0 {
		return nil
	}
	p.out.Rows += uint64(p.rows.Count())
	own, err := p.c.compare(ctx, p.rows.Columns(), p.span.Partition, p.out)
	p.pieces[len(p.pieces)-1].own = own
	return err
}

// strangers names rows whose columns name records that were read as their origin, but that these
// records do not make.
func (p *partition) strangers(ctx context.Context, until int64) error {
	const most = 1000 // pieces per query
	for begin := 0; begin < len(p.pieces); begin += most {
		pieces := p.pieces[begin:min(begin+most, len(p.pieces))]
		end := until
		if begin+most < len(p.pieces) {
			end = p.pieces[begin+most].from
		}
		have, err := p.c.countByPiece(ctx, p.span.Partition, pieces, end, p.first, p.last)
		if err != nil {
			return err
		}
		for i, piece := range pieces {
			if have[piece.from] <= piece.own {
				continue
			}
			to := end
			if i+1 < len(pieces) {
				to = pieces[i+1].from
			}
			if err := p.nameStrangers(ctx, piece.from, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameStrangers reads a piece again and finds the rows that do not belong to it.
func (p *partition) nameStrangers(ctx context.Context, from, to int64) error {
	rows, err := sink.NewRebuilder(p.d.Dataset, p.topic)
	if err != nil {
		return err
	}
	start := to
	err = kafka.ReadRange(ctx, p.d.Kafka, p.d.Log, p.topic, p.span.Partition, from, to,
		func(rec *kgo.Record) error {
			if _, lost := kafka.ParseLost(rec); lost {
				return nil
			}
			start = min(start, rec.Offset) // retention may have deleted earlier records
			_, _ = rows.Add(rec)           // an undecodable record was counted before
			return nil
		})
	if err != nil {
		return err
	}
	return p.c.nameStrangers(ctx, rows.Columns(), p.span.Partition, start, to, p.first, p.last, p.out)
}

// before counts the rows that were stored from records that the log no longer holds.
func (p *partition) before(ctx context.Context) error {
	first := p.first
	// The first record may not be among those that are compared.
	if first.IsZero() {
		var err error
		if first, err = p.timeOf(ctx, p.span.Start); err != nil {
			return err
		}
	}
	n, err := p.c.countBefore(ctx, p.span.Partition, first)
	p.out.Before += n
	return err
}

// errFound ends a read.
var errFound = errors.New("found")

// timeOf returns the time at which Kafka appended the first record at or after an offset. If there
// is no record, it returns the current time.
func (p *partition) timeOf(ctx context.Context, offset int64) (at time.Time, err error) {
	at = time.Now()
	err = kafka.ReadRange(ctx, p.d.Kafka, p.d.Log, p.topic, p.span.Partition, offset, p.span.End,
		func(rec *kgo.Record) error {
			at = rec.Timestamp
			return errFound
		})
	if errors.Is(err, errFound) {
		err = nil
	}
	return at, err
}
