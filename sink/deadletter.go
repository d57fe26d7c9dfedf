package sink

import (
	"slices"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
)

// deadLetterRows is a block of deadletter.
type deadLetterRows struct {
	kafkaOffsetColumns
	reason, key, value proto.ColStr
	headers            *proto.ColMap[string, string]

	rec *kgo.Record
}

func newDeadLetterRows(dataset string) rows {
	return &deadLetterRows{kafkaOffsetColumns: kafkaOffsetColumns{name: dataset}, headers: newHeaders()}
}

func newHeaders() *proto.ColMap[string, string] {
	return proto.NewMap[string, string](new(proto.ColStr).LowCardinality(), new(proto.ColStr))
}

func (r *deadLetterRows) count() int { return r.reason.Rows() }

func (r *deadLetterRows) input() proto.Input {
	return slices.Concat(r.kafkaOffsetColumns.input(), proto.Input{
		{Name: "reason", Data: &r.reason},
		{Name: "headers", Data: r.headers},
		{Name: "key", Data: &r.key},
		{Name: "value", Data: &r.value},
	})
}

func (r *deadLetterRows) reset() {
	r.rec = nil
	r.input().Reset()
}

func (r *deadLetterRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec = rec
	return deadLetterPosition(schemas.TopicDeadLetter, rec.Partition, rec.Offset), 1, nil
}

func (r *deadLetterRows) add(o *kafkaOffset, m mark) mark {
	pos := deadLetterPosition(o.topic, o.partition, o.offset)
	if !m.below(pos, 0) {
		return m
	}
	r.kafkaOffsetColumns.add(o, 1)
	headers := make([]proto.KV[string, string], 0, len(r.rec.Headers))
	reason := ""
	for _, h := range r.rec.Headers {
		headers = append(headers, proto.KV[string, string]{Key: h.Key, Value: string(h.Value)})
		if h.Key == schemas.HeaderReason {
			reason = string(h.Value)
		}
	}
	r.reason.Append(reason)
	r.headers.AppendKV(headers)
	r.key.AppendBytes(r.rec.Key)
	r.value.AppendBytes(r.rec.Value)
	return markOf(pos, 0)
}
