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
	// maxBacklog is how many bytes of records may wait in a part before its partition is paused.
	maxBacklog = 8 << 20
	// maxLanes bounds the marks that a part remembers; lanes of fills and files come and go.
	maxLanes = 4096
)

// part is one Kafka partition that is assigned to this member. Stage.mu guards it.
type part struct {
	table      *table
	kafkaTopic string
	partition  int32
	// ctx ends when the partition is taken away.
	ctx    context.Context //nolint:containedctx // the assignment's life, which begins and ends in callbacks
	cancel context.CancelFunc

	// backlog are records that were polled and not yet looked at.
	backlog      []*kgo.Record
	backlogBytes int
	paused       bool
	// cleared: inserts that a predecessor may have left behind were killed, and what they left half was made whole.
	cleared bool
	// marks has the highest row of each lane that has occurred.
	marks map[bgp.LaneKey]*mark
	// past is what is known of the rows before, where they are compared.
	past *past
	// held: the next record waits until all rows before it are in the table.
	held bool
	// open is being filled, sealed wait for the writer, inserting is with it; all in order.
	open      *batch
	sealed    []*batch
	inserting *batch
	// done is the offset up to which everything is in the table; committed is what Kafka knows of it.
	done, committed kgo.EpochOffset
}

// batch is a contiguous run of records of one part and their rows.
type batch struct {
	part   *part
	rows   rows
	period int
	// since is when its first record came.
	since time.Time
	// first is the offset of its first record, appended when Kafka took that one.
	first    int64
	appended time.Time
	next     kgo.EpochOffset
	// lane and last are those of the last row.
	lane bgp.LaneKey
	last mark
	// finished is closed when the writer has let go of it.
	finished chan struct{}
}

func newPart(ctx context.Context, t *table, topic string, partition int32) *part {
	p := &part{table: t, kafkaTopic: topic, partition: partition, marks: map[bgp.LaneKey]*mark{},
		past: newPast()}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

func (p *part) String() string { return fmt.Sprintf("%s/%d", p.kafkaTopic, p.partition) }

// queryPrefix begins the query ids of all inserts of the part.
func (p *part) queryPrefix() string {
	return fmt.Sprintf("%s/%s/%s/%d/", Name, p.table.name, p.kafkaTopic, p.partition)
}

// seal ends the open batch.
func (p *part) seal() {
	if p.open != nil {
		p.sealed, p.open = append(p.sealed, p.open), nil
	}
}

// acknowledge notes that everything before next is in the table.
func (p *part) acknowledge(next kgo.EpochOffset) {
	p.done = next
	if p.open != nil || len(p.sealed) > 0 || p.inserting != nil {
		return
	}
	if len(p.marks) > maxLanes {
		clear(p.marks)
	}
	p.past.trim()
}

// uninserted reports whether rows of the part are not in the table yet.
func (p *part) uninserted() bool {
	return p.open != nil && p.open.rows.count() > 0 || len(p.sealed) > 0 || p.inserting != nil
}

// blocked reports whether the next record still has to wait for rows before it.
func (p *part) blocked() bool { return p.held && p.uninserted() }

// laneOf copies what names the lane.
func laneOf(p bgp.Position) bgp.LaneKey {
	return bgp.LaneKey{Collector: strings.Clone(p.Collector), Lane: bgp.Lane(strings.Clone(string(p.Lane)))}
}
