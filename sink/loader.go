package sink

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Loader writes records of one topic into its table without Kafka. It uses the same rows and
// inserts as the stage. It keeps no positions and retries no insert: data that are loaded twice are
// stored twice until ClickHouse merges them, and are read once under FINAL. It is for data that can
// be generated again. It is not safe for concurrent use.
type Loader struct {
	table    *table
	rows     rows
	inserter *clickhouse.Inserter
	settings map[string]string
	run      string
	blocks   int
	max      int // maximum rows of a block
	period   int // of the block's rows
	written  int
}

// NewLoader checks the topic, which must be one of the registry with a table. It does not connect
// yet.
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

// maxLoaded is the size of a Loader's blocks in rows. The blocks of the stage are smaller, because
// the stage must not wait for so many rows.
const maxLoaded = 250_000

// Add decodes a record, adds its rows to the block, and inserts the block if it is full. It does
// not keep the record.
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
	l.rows.add(&kafkaOffset{
		topic: l.table.topic, partition: rec.Partition, offset: rec.Offset,
		appendedAt: uint32(rec.Timestamp.Unix()),
	}, mark{})
	return nil
}

// Flush inserts the rows of the current block.
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

// Written returns the number of inserted rows.
func (l *Loader) Written() int { return l.written }

// Close closes the connection.
func (l *Loader) Close() error { return l.inserter.Close() }
