// Package verify proves that the tables of the store equal the log.
//
// It reads the topics that the sink reads, one partition after the other, up to where the sink has committed, makes the rows again by
// the sink's own code (sink.Rebuilder), and sends them in pieces to ClickHouse, as a table that one query alone sees. ClickHouse hashes
// both sides with the same function: a piece is right where the number of rows and the sum of their hashes are equal. Only where they are
// not, the rows of the piece are joined, and what is missing, doubled or different is named. What a table holds beyond the log is
// found by counting its rows by piece.
//
// Rows are found by the sorting key, which ends with the position, so a row that was stored from an earlier log (other offsets, the same
// positions) is right. Which row repeats another is not in the log: it is left out of the hash.
//
// The tables that views fill are compared with what their view makes of the source now, by the day of event time, and where a day differs
// by the hour, the minute and the row.
//
// Memory: one piece, at most maxRows rows or maxOctets of records; 16 octets for each piece; a day's number in ClickHouse. It only reads.
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

// Deps is what a check works with.
type Deps struct {
	Log *slog.Logger
	// Kafka is the configuration of the dataset's topics.
	Kafka kafka.Config
	// ClickHouse is the store. The user must be able to read system.tables and system.columns.
	ClickHouse clickhouse.Server
	// Dataset is the one whose rows are compared.
	Dataset string
	// From and To bound the time at which Kafka took the records; zero is no bound.
	From, To time.Time
	// Progress is told what is being done; nil is nobody.
	Progress func(string)
}

// Run compares, and says what it found. Differences are no error: Report.Right tells.
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
	until := map[string]time.Time{} // by table: rows that were appended before are all stored
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

// checkTopic compares one topic with its table. hi is a time: all rows of records that Kafka took before it are stored.
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

// ends are the offsets before which the records of each partition are compared: where the sink has committed, at most. Where it has
// committed nothing all that is there is compared.
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
