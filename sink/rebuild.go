package sink

import (
	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Rebuilder makes the rows that the stage makes of the records of one Kafka partition, by the same code, without storing them. What a row
// repeats is left 0: the stage reads that from the table. It is not safe for concurrent use.
type Rebuilder struct {
	table *table
	rows  rows
	marks map[bgp.LaneKey]*mark
}

// NewRebuilder is for one partition of a topic of Topics.
func NewRebuilder(dataset, topic string) (*Rebuilder, error) {
	t, err := tableOf(topic)
	if err != nil {
		return nil, err
	}
	return &Rebuilder{table: t, rows: t.rows(dataset), marks: map[bgp.LaneKey]*mark{}}, nil
}

// Table is the name of the table that the rows are for.
func (b *Rebuilder) Table() string { return b.table.name }

// Add takes over the rows of a record that no record before it had, in the order of the partition. again says that the record has rows,
// and that all of them were there before. An error means that the record cannot be understood: the stage passes it over.
func (b *Rebuilder) Add(rec *kgo.Record) (again bool, err error) {
	pos, n, err := b.rows.decode(rec)
	if err != nil || n == 0 {
		return false, err
	}
	at := b.marks[pos.Of()]
	if at == nil {
		at = &mark{}
		b.marks[laneOf(pos)] = at
	}
	after := b.rows.add(&origin{topic: b.table.topic, partition: rec.Partition, offset: rec.Offset,
		appendedAt: uint32(rec.Timestamp.Unix())}, *at)
	again = after == *at
	*at = after
	return again, nil
}

// Count is how many rows there are.
func (b *Rebuilder) Count() int { return b.rows.count() }

// Columns are the rows, until the next call of Add or Reset.
func (b *Rebuilder) Columns() proto.Input { return b.rows.input() }

// Reset forgets the rows, and, where there are many, the positions of the lanes: a record that comes again makes rows again then.
func (b *Rebuilder) Reset() {
	b.rows.reset()
	if len(b.marks) > 16*maxLanes {
		clear(b.marks)
	}
}
