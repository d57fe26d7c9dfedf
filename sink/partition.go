package sink

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// maxBacklog is the backlog of a partition, in bytes, above which it is paused.
	maxBacklog = 8 << 20
	// maxLanes bounds the marks that a partition keeps; lanes of fills and files are short-lived.
	maxLanes = 4096
)

// partition is one Kafka partition that is assigned to this member. Stage.mu guards it.
type partition struct {
	table      *table
	kafkaTopic string
	partition  int32
	// ctx ends when the partition is revoked.
	ctx    context.Context //nolint:containedctx // the assignment's life, which begins and ends in callbacks
	cancel context.CancelFunc

	// backlog holds records that were polled and not processed yet.
	backlog      []*kgo.Record
	backlogBytes int
	paused       bool
	// cleared means that inserts left behind by a predecessor were killed and incomplete copies
	// were completed. Until then the next record waits.
	cleared bool
	// completed is closed when the goroutine that completes copies has ended. It is nil if none was
	// started.
	completed chan struct{}
	// marks holds the highest row of each lane that occurred.
	marks map[bgp.LaneKey]*mark
	// earlier holds the earlier rows, for tables whose rows are compared.
	earlier *earlierRows
	// waitsForInsert means that the next record waits until all earlier rows are inserted.
	waitsForInsert bool
	// The batches, in the order of the records: first inserting, then sealed, then open.
	open      *batch   // gets rows; nil: none is begun
	sealed    []*batch // wait for the writer
	inserting *batch   // the writer inserts it; nil: none
	// The offsets.
	done      kgo.EpochOffset // all records below it are inserted
	committed kgo.EpochOffset // the last one committed to Kafka
}

// batch is a contiguous run of records of one partition, with their rows.
type batch struct {
	partition *partition
	rows      rows
	period    int // the table's own partition
	// since is the time at which the first record was processed.
	since    time.Time
	first    int64           // offset of the first record
	appended time.Time       // time at which Kafka appended the first record
	next     kgo.EpochOffset // offset after the last record
	lane     bgp.LaneKey     // of the last row
	last     mark            // of the last row
	// finished is closed when the writer has released the batch.
	finished chan struct{}
}

func newPartition(ctx context.Context, t *table, topic string, n int32) *partition {
	p := &partition{
		table: t, kafkaTopic: topic, partition: n, marks: map[bgp.LaneKey]*mark{},
		earlier: newEarlierRows(),
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

func (p *partition) String() string { return fmt.Sprintf("%s/%d", p.kafkaTopic, p.partition) }

// queryPrefix returns the common prefix of the query ids of all inserts of the partition.
func (p *partition) queryPrefix() string {
	return fmt.Sprintf("%s/%s/%s/%d/", Name, p.table.name, p.kafkaTopic, p.partition)
}

// seal ends the open batch.
func (p *partition) seal() {
	if p.open != nil {
		p.sealed, p.open = append(p.sealed, p.open), nil
	}
}

// acknowledge records that all records before next are inserted.
func (p *partition) acknowledge(next kgo.EpochOffset) {
	p.done = next
	if p.open != nil || len(p.sealed) > 0 || p.inserting != nil {
		return
	}
	if len(p.marks) > maxLanes {
		clear(p.marks)
	}
	p.earlier.trim()
}

// uninserted reports whether rows of the partition are not inserted yet.
func (p *partition) uninserted() bool {
	return p.open != nil && p.open.rows.count() > 0 || len(p.sealed) > 0 || p.inserting != nil
}

// blocked reports whether the next record still waits for earlier rows, or for their copies.
func (p *partition) blocked() bool {
	return p.waitsForInsert && p.uninserted() || p.completed != nil && !p.cleared
}

// laneOf returns the lane with its own copy of the names.
func laneOf(p bgp.Position) bgp.LaneKey {
	return bgp.LaneKey{Collector: strings.Clone(p.Collector), Lane: bgp.Lane(strings.Clone(string(p.Lane)))}
}
