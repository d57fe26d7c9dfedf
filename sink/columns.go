package sink

import (
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/darkmap/darkmap/internal/bgp"
)

// lowCard is a LowCardinality(String) column that is filled with runs of equal values.
type lowCard struct {
	index map[string]uint32
	dict  proto.ColStr
	keys  []uint32
	last  string
	key   uint32
	raw   proto.ColLowCardinalityRaw
}

// add appends v n times. It copies v.
func (c *lowCard) add(v string, n int) {
	if len(c.dict.Pos) == 0 || v != c.last {
		c.key = c.keyOf(v)
	}
	for range n {
		c.keys = append(c.keys, c.key)
	}
}

func (c *lowCard) keyOf(v string) uint32 {
	if k, ok := c.index[v]; ok {
		c.last = strings.Clone(v)
		return k
	}
	if c.index == nil {
		c.index = map[string]uint32{}
	}
	v = strings.Clone(v)
	k := uint32(len(c.dict.Pos))
	c.index[v], c.last = k, v
	c.dict.Append(v)
	return k
}

// Prepare chooses the narrowest keys. ch-go calls it before it writes the column.
func (c *lowCard) Prepare() error {
	c.raw.Index = &c.dict
	c.raw.Keys8.Reset()
	c.raw.Keys16.Reset()
	c.raw.Keys32.Reset()
	switch n := len(c.dict.Pos); {
	case n <= 1<<8:
		c.raw.Key = proto.KeyUInt8
		for _, k := range c.keys {
			c.raw.Keys8 = append(c.raw.Keys8, uint8(k))
		}
	case n <= 1<<16:
		c.raw.Key = proto.KeyUInt16
		for _, k := range c.keys {
			c.raw.Keys16 = append(c.raw.Keys16, uint16(k))
		}
	default:
		c.raw.Key = proto.KeyUInt32
		c.raw.Keys32 = append(c.raw.Keys32, c.keys...)
	}
	return nil
}

// Reset empties the column and keeps its memory.
func (c *lowCard) Reset() {
	clear(c.index)
	c.dict.Reset()
	c.keys = c.keys[:0]
}

// Type returns LowCardinality(String).
func (c *lowCard) Type() proto.ColumnType {
	return proto.ColumnTypeLowCardinality.Sub(proto.ColumnTypeString)
}

// Rows returns the number of values.
func (c *lowCard) Rows() int { return len(c.keys) }

// EncodeState writes the version of the keys' encoding.
func (c *lowCard) EncodeState(b *proto.Buffer) { c.raw.EncodeState(b) }

// EncodeColumn writes the column.
func (c *lowCard) EncodeColumn(b *proto.Buffer) { c.raw.EncodeColumn(b) }

// WriteColumn writes the column.
func (c *lowCard) WriteColumn(w *proto.Writer) { c.raw.WriteColumn(w) }

// micros returns a DateTime64(6) column.
func micros() *proto.ColDateTime64 {
	return new(proto.ColDateTime64).WithPrecision(proto.PrecisionMicro)
}

// appendN appends v n times.
func appendN[S ~[]E, E any](s *S, v E, n int) {
	for range n {
		*s = append(*s, v)
	}
}

// kafkaOffset is the topic, partition and offset of a record, with its append time. Every table has
// these columns.
type kafkaOffset struct {
	topic      string // the name in the registry
	partition  int32
	offset     int64
	appendedAt uint32 // Unix seconds
}

// kafkaOffsetColumns are dataset, topic, partition, offset and appended_at.
type kafkaOffsetColumns struct {
	name           string
	dataset, topic lowCard
	partition      proto.ColInt32
	offset         proto.ColInt64
	appended       proto.ColDateTime
}

func (c *kafkaOffsetColumns) add(o *kafkaOffset, n int) {
	c.dataset.add(c.name, n)
	c.topic.add(o.topic, n)
	appendN(&c.partition, o.partition, n)
	appendN(&c.offset, o.offset, n)
	appendN(&c.appended.Data, proto.DateTime(o.appendedAt), n)
}

func (c *kafkaOffsetColumns) input() proto.Input {
	return proto.Input{
		{Name: "dataset", Data: &c.dataset},
		{Name: "topic", Data: &c.topic},
		{Name: "partition", Data: &c.partition},
		{Name: "offset", Data: &c.offset},
		{Name: "appended_at", Data: &c.appended},
	}
}

// positionColumns holds the position of the record, for tables in which the column collector has
// another meaning.
type positionColumns struct {
	collector, lane lowCard
	epoch, sequence proto.ColUInt64
}

func (c *positionColumns) add(p bgp.Position, n int) {
	c.collector.add(p.Collector, n)
	c.lane.add(string(p.Lane), n)
	appendN(&c.epoch, p.Epoch, n)
	appendN(&c.sequence, p.Sequence, n)
}

func (c *positionColumns) input(prefix string) proto.Input {
	return proto.Input{
		{Name: prefix + "collector", Data: &c.collector},
		{Name: prefix + "lane", Data: &c.lane},
		{Name: prefix + "epoch", Data: &c.epoch},
		{Name: prefix + "sequence", Data: &c.sequence},
	}
}
