// Package verify checks that the tables of the store have exactly the rows of the topics' records.
//
// It reads the topics of the sink, one partition after the other, up to the sink's committed
// offsets. It makes the rows again with the sink's own code (sink.Rebuilder), and sends them to
// ClickHouse in pieces, each as a temporary table of one query. ClickHouse hashes both sides with
// the same function. A piece is right if the number of rows and the sum of their hashes are equal.
// Otherwise the rows of the piece are joined, and missing, doubled and different rows are named.
// Rows in a table that the log does not make are found by counting the table's rows by piece.
//
// Rows are found by the sorting key, which ends with the position. So a row that was stored from an
// earlier log (other offsets, the same positions) is right. The log does not hold which row repeats
// another, so the hash leaves that column out.
//
// The tables that views fill are compared with the current result of their view over the source: by
// the day of event time, and within a differing day by the hour, the minute and the row.
//
// Memory: one piece of at most maxRows rows or maxOctets of records; 16 octets for each piece; the
// hashes of a day in ClickHouse. The package only reads.
package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/sink"
)

// Deps are the dependencies of a check.
type Deps struct {
	Log *slog.Logger
	// Kafka is the configuration of the dataset's topics.
	Kafka kafka.Config
	// ClickHouse is the store. The user must be able to read system.tables and system.columns.
	ClickHouse clickhouse.Server
	// Dataset is the dataset whose rows are compared.
	Dataset string
	// From and To bound the time at which Kafka appended the records. A zero time is no bound.
	From, To time.Time
	// Progress receives progress messages; it may be nil.
	Progress func(string)
}

// Run compares the tables with the log and returns a report. Differences are no error: Report.Right
// reports them.
func Run(ctx context.Context, d Deps) (*Report, error) {
	if d.Dataset == "" || d.Log == nil {
		return nil, errors.New("checking the tables: no dataset, or no logger")
	}
	if d.Progress == nil {
		d.Progress = func(string) {}
	}
	d.ClickHouse.ReadOnly = true
	r := &Report{Dataset: d.Dataset}
	began := time.Now()
	until := map[string]time.Time{} // by table: all rows that were appended before this time are stored
	for _, topic := range sink.Topics() {
		t, hi, err := checkTopic(ctx, &d, topic, began)
		if err != nil {
			return nil, fmt.Errorf("comparing %s with the store: %w", d.Kafka.Topic(topic), err)
		}
		r.Tables = append(r.Tables, t)
		until[t.Table] = hi
	}
	copies, err := checkCopies(ctx, &d, until)
	r.Copies = copies
	return r, err
}

// checkTopic compares one topic with its table. It also returns a time: the rows of all records
// that Kafka appended before it are stored.
func checkTopic(ctx context.Context, d *Deps, topic string, began time.Time) (TableReport, time.Time, error) {
	b, err := sink.NewRebuilder(d.Dataset, topic)
	if err != nil {
		return TableReport{}, began, err
	}
	out := TableReport{Table: b.Table(), Topic: d.Kafka.Topic(topic)}
	c, err := newComparison(ctx, d, topic, b.Table())
	if err != nil {
		return out, began, err
	}
	spans, err := kafka.Spans(ctx, d.Kafka, d.Log, sink.Name, topic, d.From)
	if err != nil {
		return out, began, err
	}
	until, err := d.ends(ctx, topic, spans)
	if err != nil {
		return out, began, err
	}
	hi := began.Truncate(time.Second)
	for i, s := range spans {
		p := &partition{d: d, c: c, topic: topic, span: s, out: &out}
		if err := p.check(ctx, until[i]); err != nil {
			return out, began, err
		}
		if s.Committed >= 0 && s.Committed < s.End {
			at, err := p.timeOf(ctx, s.Committed)
			if err != nil {
				return out, began, err
			}
			if at.Before(hi) {
				hi = at.Truncate(time.Second)
			}
		}
	}
	return out, hi, nil
}

// ends returns the offset before which each partition is compared: at most the sink's committed
// offset. Without a committed offset the partition is compared to its end.
func (d *Deps) ends(ctx context.Context, topic string, spans []kafka.Span) ([]int64, error) {
	to := spans
	if !d.To.IsZero() {
		var err error
		if to, err = kafka.Spans(ctx, d.Kafka, d.Log, sink.Name, topic, d.To); err != nil {
			return nil, err
		}
	}
	ends := make([]int64, len(spans))
	for i, s := range spans {
		ends[i] = s.End
		if s.Committed >= 0 {
			ends[i] = min(ends[i], s.Committed)
		}
		if !d.To.IsZero() && i < len(to) {
			ends[i] = min(ends[i], to[i].Since)
		}
	}
	return ends, nil
}
