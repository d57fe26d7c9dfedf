package kafka

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Positions of the fields of a record batch (Kafka's message format, version 2). The checksum
// covers the octets from crcFrom on.
const (
	batchLength   = 8
	batchEpoch    = 12
	batchMagic    = 16
	batchCRC      = 17
	crcFrom       = 21
	batchAttrs    = 21
	batchDelta    = 23
	batchMaxTime  = 35
	batchProducer = 43
	batchHead     = 61
	// markerType is the position of the outcome in a transaction's marker; 0 is aborted.
	markerType = 68
	// maxBatch exceeds the largest batch that the broker accepts.
	maxBatch = 64 << 20

	attrTransactional = 0x10
	attrControl       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head is the header of a record batch, as far as the check needs it.
type head struct {
	size        int // in octets
	first, next int64
	epoch       int32
	attrs       uint16
	maxTime     int64 // newest time of its records, milliseconds since 1970
	producer    int64
	abort       bool // marker of an aborted transaction
	mended      bool // one of the octets before the checksum was wrong
}

func (h *head) control() bool { return h.attrs&attrControl != 0 }

func (h *head) transactional() bool { return h.attrs&attrTransactional != 0 }

// open reports whether the batch belongs to a transaction that a later batch ends.
func (h *head) open() bool { return h.transactional() && !h.control() }

// sealed reports whether data begins with size octets of a batch with a correct checksum.
func sealed(data []byte, size int) bool {
	return size >= batchHead && size <= len(data) && size <= maxBatch &&
		binary.BigEndian.Uint32(data[batchCRC:]) == crc32.Checksum(data[crcFrom:size], castagnoli)
}

// readHead reads the header of the batch of size octets at the beginning of data.
func readHead(data []byte, size int) head {
	be := binary.BigEndian
	h := head{
		size: size, first: int64(be.Uint64(data)), epoch: int32(be.Uint32(data[batchEpoch:])),
		attrs: be.Uint16(data[batchAttrs:]), maxTime: int64(be.Uint64(data[batchMaxTime:])),
		producer: int64(be.Uint64(data[batchProducer:])),
	}
	h.next = h.first + int64(int32(be.Uint32(data[batchDelta:]))) + 1
	h.abort = h.control() && h.transactional() && size > markerType+1 && be.Uint16(data[markerType:]) == 0
	h.mended = data[batchMagic] != 2 || int(be.Uint32(data[batchLength:])) != size-batchLength-4
	return h
}

// stated returns the size in the header of the batch at the beginning of data, or 0 if it is
// impossible.
func stated(data []byte) int {
	if len(data) < batchHead {
		return 0
	}
	n := int64(binary.BigEndian.Uint32(data[batchLength:])) + batchLength + 4
	if n < batchHead || n > int64(len(data)) || n > maxBatch {
		return 0
	}
	return int(n)
}

// resync finds the next whole batch from the octet from on whose offset may follow next. It returns
// -1 if there is none.
func resync(data []byte, from int, next int64) int {
	for at := from; at+batchHead <= len(data); at++ {
		if data[at+batchMagic] != 2 {
			continue
		}
		first := int64(binary.BigEndian.Uint64(data[at:]))
		if first < next || first-next > math.MaxInt32 {
			continue
		}
		if n := stated(data[at:]); n > 0 && sealed(data[at:], n) {
			return at
		}
	}
	return -1
}

// mend corrects the octets before the checksum.
func mend(data []byte, h head) {
	be := binary.BigEndian
	be.PutUint64(data, uint64(h.first))
	be.PutUint32(data[batchLength:], uint32(h.size-batchLength-4))
	be.PutUint32(data[batchEpoch:], uint32(h.epoch))
	data[batchMagic] = 2
}

// Lost is a range of a partition whose records were lost on the embedded broker's disk. A control
// record replaces them. Clients that do not request control records never see it.
type Lost struct {
	// From is the first lost offset, To the first offset behind the range.
	From, To int64
	// Since and Until are the times at which the broker took the records before and behind the
	// range. They are zero if there are none.
	Since, Until time.Time
}

// lostKey is the key of the control record: version 0, and a type that Kafka does not use. Clients
// skip unknown types.
var lostKey = [4]byte{0, 0, 'd', 'm'}

// lostValue is the value of the control record.
type lostValue struct {
	From  int64 `json:"from"`
	Since int64 `json:"since,omitempty"` // milliseconds since 1970
	Until int64 `json:"until,omitempty"`
}

// ParseLost reports whether a record replaces lost records, and returns their range. The record
// comes from a client with kgo.KeepControlRecords.
func ParseLost(rec *kgo.Record) (Lost, bool) {
	var v lostValue
	if !rec.Attrs.IsControl() || string(rec.Key) != string(lostKey[:]) || json.Unmarshal(rec.Value, &v) != nil {
		return Lost{}, false
	}
	return Lost{From: v.From, To: rec.Offset + 1, Since: atMilli(v.Since), Until: atMilli(v.Until)}, true
}

// LogValue implements slog.LogValuer.
func (l Lost) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("offsets", fmt.Sprintf("%d-%d", l.From, l.To-1))}
	if !l.Since.IsZero() {
		attrs = append(attrs, slog.Time("after", l.Since))
	}
	if !l.Until.IsZero() {
		attrs = append(attrs, slog.Time("before", l.Until))
	}
	return slog.GroupValue(attrs...)
}

func atMilli(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// lostBatch returns the batch that replaces the records [from, to). producer is the producer whose
// open transaction it ends with a commit; -1 is none.
func lostBatch(from, to, since, until, producer int64, epoch int32) []byte {
	value, err := json.Marshal(lostValue{From: from, Since: since, Until: until})
	if err != nil {
		panic(err) // numbers always encode
	}
	rec := kmsg.Record{OffsetDelta: int32(to - from - 1), Key: lostKey[:], Value: value}
	rec.Length = int32(len(rec.AppendTo(nil)) - 1)        // less the length, one octet while 0
	taken := cmp.Or(since, until, time.Now().UnixMilli()) // retention drops old records
	b := kmsg.RecordBatch{
		FirstOffset: from, PartitionLeaderEpoch: epoch, Magic: 2, Attributes: attrControl,
		LastOffsetDelta: int32(to - from - 1), FirstTimestamp: taken, MaxTimestamp: taken,
		ProducerID: producer, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1,
		Records: rec.AppendTo(nil),
	}
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[batchLength:], uint32(len(out)-batchLength-4))
	binary.BigEndian.PutUint32(out[batchCRC:], crc32.Checksum(out[crcFrom:], castagnoli))
	return out
}

const (
	indexEntry   = 15
	indexVersion = 1
)

// indexOf returns the entry of a batch in the segment's index file, as the broker writes it:
// version, checksum, epoch, a time that the broker computes itself, and whether a transaction must
// end before the batch counts.
func indexOf(h *head) (out [indexEntry]byte) {
	out[0] = indexVersion
	binary.LittleEndian.PutUint32(out[2:], uint32(h.epoch))
	if h.open() {
		out[14] = 1
	}
	out[1] = byte(crc32.Checksum(out[2:], castagnoli))
	return out
}

// indexed reports whether an entry is whole and correct for the batch.
func indexed(entry []byte, h *head) bool {
	want := indexOf(h)
	return entry[0] == indexVersion && entry[1] == byte(crc32.Checksum(entry[2:indexEntry], castagnoli)) &&
		binary.LittleEndian.Uint32(entry[2:]) == uint32(h.epoch) && entry[14] == want[14]
}
