package deadletter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// Stage is the stage name in the headers of notes, and in the transactional id.
const Stage = schemas.AccessDeadLetter

// ID is the position of a dead letter on its topic.
type ID struct {
	Partition int32
	Offset    int64
}

// String returns the offset; PARTITION:OFFSET for partitions other than 0.
func (id ID) String() string {
	if id.Partition == 0 {
		return strconv.FormatInt(id.Offset, 10)
	}
	return fmt.Sprintf("%d:%d", id.Partition, id.Offset)
}

// ParseID parses the form of String.
func ParseID(s string) (ID, error) {
	partition, offset, found := strings.Cut(s, ":")
	if !found {
		partition, offset = "0", s
	}
	p, err := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if errors.Join(err, err2) != nil || p < 0 || o < 0 {
		return ID{}, fmt.Errorf("%q is no dead letter: want an offset, "+
			"as `darkmap deadletter list --each` shows it", s)
	}
	return ID{int32(p), o}, nil
}

// Letter is one dead letter.
type Letter struct {
	ID ID
	// Time is the time at which Kafka received it.
	Time time.Time
	// Stage is the stage that could not process the record, Reason its reason.
	Stage, Reason string
	// Topic, Partition and Offset are the position at which the record was read. Topic is a full
	// name; for a record from outside, the name of a file or an address.
	Topic     string
	Partition int32
	Offset    int64
	// Truncated is set if the value was cut and the key omitted.
	Truncated  bool
	Key, Value []byte

	note  bool   // the record is the note of another letter
	named string // the topic's name in the registry; empty if it is no topic of the dataset
}

// parse reads a record of the topic. Missing or malformed headers leave fields empty.
func parse(cfg kafka.Config, rec *kgo.Record) Letter {
	l := Letter{
		ID: ID{rec.Partition, rec.Offset}, Time: rec.Timestamp.UTC(), Key: rec.Key,
		Value: rec.Value, Partition: -1, Offset: -1,
	}
	for _, h := range rec.Headers {
		text := string(h.Value)
		switch h.Key {
		case schemas.HeaderReason:
			l.Reason = text
		case schemas.HeaderStage:
			l.Stage = text
		case schemas.HeaderTopic:
			l.Topic = text
		case schemas.HeaderPartition:
			if n, err := strconv.ParseInt(text, 10, 32); err == nil {
				l.Partition = int32(n)
			}
		case schemas.HeaderOffset:
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				l.Offset = n
			}
		case schemas.HeaderTruncated:
			l.Truncated = text == "true"
		}
	}
	for _, t := range schemas.Topics {
		if cfg.Topic(t.Name) == l.Topic {
			l.named = t.Name
		}
	}
	l.note = l.Stage == Stage && l.named == schemas.TopicDeadLetter
	return l
}

// Collector returns the collector of the record; empty if the record's topic is not keyed by
// collector.
func (l *Letter) Collector() string {
	if l.named == "" { // ingest read it from outside, and keys by collector
		return string(l.Key)
	}
	for _, t := range schemas.Topics {
		if t.Name == l.named && t.PerCollector {
			return string(l.Key)
		}
	}
	return ""
}

// note returns the record that marks a letter as sent back.
func note(cfg kafka.Config, l *Letter) *kgo.Record {
	at := &kgo.Record{
		Topic: cfg.Topic(schemas.TopicDeadLetter), Partition: l.ID.Partition, Offset: l.ID.Offset,
		Key: l.Key,
	}
	rec := kafka.DeadLetter(cfg, Stage, at, "sent back to "+l.Topic)
	rec.Partition = 0
	return rec
}

// Refusal returns the reason why a letter cannot be sent back; empty if it can.
func (l *Letter) Refusal() string {
	row, _ := schemas.AccessOf(schemas.AccessDeadLetter)
	back := false
	for _, name := range row.Write {
		back = back || name == l.named && name != schemas.TopicDeadLetter
	}
	switch {
	case l.note:
		return "it is the note of a letter that was sent back"
	case !back:
		return fmt.Sprintf("it was read from %s, which is no topic of this dataset that a stage reads",
			orUnknown(l.Topic))
	case l.Truncated:
		return "its value was cut, for it was too long"
	case l.Partition < 0:
		return "its header " + schemas.HeaderPartition + " names no partition"
	}
	return ""
}

func orUnknown(s string) string {
	if s == "" {
		return "a topic that is not known"
	}
	return s
}
