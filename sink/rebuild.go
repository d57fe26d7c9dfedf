package sink

import (
	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Rebuilder makes the rows that the stage makes of the records of one Kafka partition, with the
// same code, without storing them. It leaves the column repeats at 0, as the stage reads that from
// the table. It is not safe for concurrent use.
type Rebuilder struct {
	table *table
	rows  rows
	marks map[bgp.LaneKey]*mark
}

// NewRebuilder returns a Rebuilder for one partition of a topic of Topics.
func NewRebuilder(dataset, topic string) (*Rebuilder, error) {
	t, err := tableOf(topic)
	if err != nil {
		return nil, err
	}
	return &Rebuilder{table: t, rows: t.rows(dataset), marks: map[bgp.LaneKey]*mark{}}, nil
}

// Table returns the name of the rows' table.
func (b *Rebuilder) Table() string { return b.table.name }

// Add adds those rows of a record that no earlier record had. Records must come in the order of the
// partition. duplicate means that the record has rows and earlier records had all of them. An error
// means that the record cannot be decoded; the stage skips such a record.
func (b *Rebuilder) Add(rec *kgo.Record) (duplicate bool, err error) {
	pos, n, err := b.rows.decode(rec)
	if err != nil || n == 0 {
		return false, err
	}
	at := b.marks[pos.Of()]
	if at == nil {
		at = &mark{}
		b.marks[laneOf(pos)] = at
	}
	after := b.rows.add(&kafkaOffset{
		topic: b.table.topic, partition: rec.Partition, offset: rec.Offset,
		appendedAt: uint32(rec.Timestamp.Unix()),
	}, *at)
	duplicate = after == *at
	*at = after
	return duplicate, nil
}

// Count returns the number of rows.
func (b *Rebuilder) Count() int { return b.rows.count() }

// Columns returns the rows. They are valid until the next call of Add or Reset.
func (b *Rebuilder) Columns() proto.Input { return b.rows.input() }

// Reset drops the rows. If there are many lanes, it also drops their positions. A repeated record
// then makes rows once more.
func (b *Rebuilder) Reset() {
	b.rows.reset()
	if len(b.marks) > 16*maxLanes {
		clear(b.marks)
	}
}
