package sink

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
)

// table describes the table for the records of a topic.
type table struct {
	name, topic string
	// period returns the table's own partition for a row that was appended at t.
	period func(t time.Time) int
	// rows returns an empty block.
	rows func(dataset string) rows
	// highest is the SQL query for the highest position of a lane. Parameters: dataset, collector,
	// lane. Results: epoch, sequence, idx.
	highest string
	// perPartition means that a lane is spread over the topic's partitions. highest then also has
	// the parameters topic and partition.
	perPartition bool
}

// rows decodes records and collects their rows in one block.
type rows interface {
	// decode reads a record and keeps it for add. It returns the record's position and number of
	// rows. An error means that the record cannot be decoded. The position may refer to the
	// record's memory; the rows that add appends do not.
	decode(rec *kgo.Record) (pos bgp.Position, n int, err error)
	// add appends the rows of the decoded record that are above m. It returns the mark of the last
	// row, or m.
	add(o *kafkaOffset, m mark) mark
	// count returns the number of rows.
	count() int
	// input returns the columns; reset empties them.
	input() proto.Input
	reset()
}

// mark is the highest row of a lane that is inserted or being inserted. As enrich may split a
// message into several records (RouteRecord.part), which share a position, the index within the
// message counts too.
// The zero mark is below every row.
type mark struct {
	set             bool
	epoch, sequence uint64
	idx             uint32
}

// below reports whether m is below the row.
func (m mark) below(p bgp.Position, idx uint32) bool {
	switch {
	case !m.set || p.Epoch > m.epoch:
		return true
	case p.Epoch < m.epoch || p.Sequence < m.sequence:
		return false
	case p.Sequence > m.sequence:
		return true
	}
	return idx > m.idx
}

func markOf(p bgp.Position, idx uint32) mark { return mark{true, p.Epoch, p.Sequence, idx} }

func day(t time.Time) int { return int(t.Unix() / (24 * 60 * 60)) }

func month(t time.Time) int { return t.Year()*12 + int(t.Month()) }

const byPosition = ` WHERE dataset = ? AND position_collector = ? AND position_lane = ?
			ORDER BY position_epoch DESC, position_sequence DESC LIMIT 1`

// greatest and byPartition are the parts of the query before and after the table's name. The query
// reads the highest position of a lane that is spread over partitions.
const (
	greatest = `SELECT tupleElement(m, 1), tupleElement(m, 2), toUInt32(0)
			FROM (SELECT max((position_epoch, position_sequence)) AS m FROM `
	byPartition = ` WHERE dataset = ? AND position_collector = ? AND position_lane = ?
			AND topic = ? AND partition = ?
			GROUP BY dataset, topic, partition, position_collector, position_lane)`
)

// tables lists all tables. Each topic has one table.
var tables = []*table{
	{
		name: "route_change_log", topic: schemas.TopicRoutes, period: day, rows: newRouteRows,
		highest: `SELECT epoch, sequence, idx FROM {db}.route_change_log
			WHERE dataset = ? AND collector = ? AND lane = ?
			ORDER BY dataset DESC, collector DESC, lane DESC, epoch DESC, sequence DESC, idx DESC LIMIT 1`,
	},
	{
		name: "visibility", topic: schemas.TopicVisibility, period: month, rows: newVisibilityRows,
		perPartition: true,
		highest:      greatest + `{db}.visibility` + byPartition,
	},
	{
		name: "prefix_states", topic: schemas.TopicPrefixes, period: day, rows: newPrefixRows, perPartition: true,
		highest: greatest + `{db}.prefix_states` + byPartition,
	},
	{
		name: "outage_events", topic: schemas.TopicOutages, period: month, rows: newOutageRows,
		highest: `SELECT position_epoch, position_sequence, toUInt32(0) FROM {db}.outage_events` + byPosition,
	},
	{
		name: "panel", topic: schemas.TopicPanel, period: month, rows: newPanelRows,
		highest: `SELECT position_epoch, position_sequence, idx FROM {db}.panel
			WHERE dataset = ? AND position_collector = ? AND position_lane = ?
			ORDER BY position_epoch DESC, position_sequence DESC, idx DESC LIMIT 1`,
	},
	{
		name: "feeds", topic: schemas.TopicFeeds, period: month, rows: newFeedRows,
		highest: `SELECT position_epoch, position_sequence, toUInt32(0) FROM {db}.feeds` + byPosition,
	},
	{
		// A dead letter has no position of its own: topic, partition and offset serve as one
		// (deadLetterPosition).
		name: "deadletter", topic: schemas.TopicDeadLetter, period: month, rows: newDeadLetterRows,
		highest: `SELECT toUInt64(0), toUInt64(offset), toUInt32(0) FROM {db}.deadletter
			WHERE dataset = ? AND topic = ? AND partition = toInt32(?) ORDER BY offset DESC LIMIT 1`,
	},
}

// tableOf returns the table of a topic of the registry.
func tableOf(topic string) (*table, error) {
	i := slices.IndexFunc(tables, func(t *table) bool { return t.topic == topic })
	if i < 0 {
		return nil, fmt.Errorf("no table holds the records of %s", topic)
	}
	return tables[i], nil
}

// deadLetterPosition returns a position for a dead letter: the lane is its partition, the sequence
// its offset.
func deadLetterPosition(topic string, partition int32, offset int64) bgp.Position {
	return bgp.Position{Collector: topic, Lane: bgp.Lane(strconv.Itoa(int(partition))), Sequence: uint64(offset)}
}
