package sink

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Loader writes records of one topic into its table without Kafka, by the same rows and the same inserts as the stage. It keeps no
// positions and repeats no insert: what is loaded twice is there twice until ClickHouse merges it, and once under FINAL. It is for data
// that can be made again. It is not safe for concurrent use.
type Loader struct {
	table    *table
	rows     rows
	inserter *clickhouse.Inserter
	settings map[string]string
	run      string
	blocks   int
	max      int // rows of a block
	period   int // of the block's rows
	written  int
}

// NewLoader does not connect yet. topic is one of the registry that has a table.
func NewLoader(s clickhouse.Server, dataset, topic string) (*Loader, error) {
	t, err := tableOf(topic)
	if err != nil {
		return nil, err
	}
	return &Loader{
		table: t, rows: t.rows(dataset), inserter: clickhouse.NewInserter(s), settings: insertSettings(s),
		run: "load/" + rand.Text()[:8], max: maxLoaded,
	}, nil
}

// maxLoaded is how many rows a block of a Loader has: more than one of the stage, which must not wait for so many.
const maxLoaded = 250_000

// Add takes the rows of a record over, and inserts a block where it is full. The record may be used again afterwards.
func (l *Loader) Add(ctx context.Context, rec *kgo.Record) error {
	_, n, err := l.rows.decode(rec)
	if err != nil || n == 0 {
		return err
	}
	period := l.table.period(rec.Timestamp)
	if have := l.rows.count(); have > 0 && (have+n > l.max || period != l.period) {
		if err := l.Flush(ctx); err != nil {
			return err
		}
	}
	l.period = period
	l.rows.add(&origin{topic: l.table.topic, partition: rec.Partition, offset: rec.Offset,
		appendedAt: uint32(rec.Timestamp.Unix())}, mark{})
	return nil
}

// Flush inserts what was taken over.
func (l *Loader) Flush(ctx context.Context) error {
	n := l.rows.count()
	if n == 0 {
		return nil
	}
	l.blocks++
	err := l.inserter.Insert(ctx, clickhouse.Insert{
		Table: l.table.name, ID: l.run + "." + strconv.Itoa(l.blocks), Settings: l.settings,
		Columns: l.rows.input(),
	})
	if err != nil {
		return fmt.Errorf("inserting %d rows into %s: %w", n, l.table.name, explain(err))
	}
	l.written += n
	l.rows.reset()
	return nil
}

// Written is how many rows were inserted.
func (l *Loader) Written() int { return l.written }

// Close ends the connection.
func (l *Loader) Close() error { return l.inserter.Close() }
