package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// MaxDeliveries bounds the deliveries held in memory: incidents of the last 7 days for each
	// target. Load fails above it.
	MaxDeliveries = 1_000_000
	// retryKey starts the key of a request to send a parked message again. The delivery's key
	// follows.
	retryKey = "retry/"
	// silenceKey starts the key of a silence, which has no target. The silence's id follows.
	silenceKey = "/"
	// begunKey is the key of the record that marks the topic as started.
	begunKey = "begun"
)

// Book is the content of the topic.
type Book struct {
	// Deliveries holds the deliveries by key, including silences and the states of targets.
	Deliveries map[string]incident.Delivery
	// Retries holds the keys of parked deliveries for which a retry is requested.
	Retries map[string]bool
	// Begun reports whether the topic was started. If not, the topic is new or was lost.
	Begun bool
	// Newest is the time of the newest record; zero if there is none.
	Newest time.Time
	// Unreadable holds the keys of records that could not be decoded, at most maxUnreadable.
	Unreadable []string
}

const maxUnreadable = 20

// Saved returns the deliveries in the order of their keys.
func (b *Book) Saved() []incident.Delivery {
	out := make([]incident.Delivery, 0, len(b.Deliveries))
	for _, k := range slices.Sorted(maps.Keys(b.Deliveries)) {
		out = append(out, b.Deliveries[k])
	}
	return out
}

// Load reads the topic to its current end, committed records only.
func Load(ctx context.Context, cfg kafka.Config, log *slog.Logger) (*Book, error) {
	b := &Book{Deliveries: map[string]incident.Delivery{}, Retries: map[string]bool{}}
	err := kafka.ReadToEnd(ctx, cfg, log, schemas.TopicNotify, b.add)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger (bgp.notify.v1): %w", err)
	}
	return b, nil
}

// add applies a record.
func (b *Book) add(rec *kgo.Record) error {
	if rec.Timestamp.After(b.Newest) {
		b.Newest = rec.Timestamp
	}
	key := string(rec.Key)
	e, err := Parse(rec)
	switch {
	case err != nil:
		if len(b.Unreadable) < maxUnreadable {
			b.Unreadable = append(b.Unreadable, key)
		}
	case e.Retry != "":
		if e.Gone {
			delete(b.Retries, e.Retry)
		} else {
			b.Retries[e.Retry] = true
		}
	case key == begunKey:
		b.Begun = !e.Gone
	case e.Gone:
		delete(b.Deliveries, key)
	case e.Delivery != nil:
		b.Deliveries[key] = *e.Delivery
	}
	if len(b.Deliveries) > MaxDeliveries {
		return fmt.Errorf("%s holds more than %d deliveries", schemas.TopicNotify, MaxDeliveries)
	}
	return nil
}

// Entry is the content of one record.
type Entry struct {
	// Gone means that the key is removed.
	Gone bool
	// Delivery is the delivery of the key; nil for other records.
	Delivery *incident.Delivery
	// Silence is the id of a silence; empty for other records.
	Silence string
	// Retry is the key of a delivery that is to be sent again; empty for other records.
	Retry string
	// Foreign means that a command wrote the record, not the stage.
	Foreign bool
}

// Parse decodes a record of the topic.
func Parse(rec *kgo.Record) (Entry, error) {
	key := string(rec.Key)
	retry, isRetry := strings.CutPrefix(key, retryKey)
	e := Entry{Gone: len(rec.Value) == 0}
	if isRetry {
		e.Retry = retry
	}
	if id, ok := strings.CutPrefix(key, silenceKey); ok {
		e.Silence = id
	}
	if e.Gone {
		return e, nil
	}
	var msg pb.NotifyRecord
	if err := msg.UnmarshalVT(rec.Value); err != nil {
		return Entry{}, fmt.Errorf("decoding %s of %s: %w", key, schemas.TopicNotify, err)
	}
	e.Foreign = msg.GetGeneration() == 0
	if k := msg.GetKind(); k != pb.NotifyKind_NOTIFY_KIND_DELIVERY && k != pb.NotifyKind_NOTIFY_KIND_SILENCE {
		return e, nil
	}
	e.Delivery = &incident.Delivery{}
	if err := json.Unmarshal(msg.GetJson(), e.Delivery); err != nil {
		return Entry{}, fmt.Errorf("decoding %s of %s: %w", key, schemas.TopicNotify, err)
	}
	return e, nil
}

// Writer makes the records of the topic.
type Writer struct {
	Kafka kafka.Config
	// Generation is the generation of the group; 0 for commands.
	Generation int32
	Now        func() time.Time
}

// Delivery returns the record of a delivery, or its tombstone.
func (w Writer) Delivery(d *incident.Delivery) (*kgo.Record, error) {
	if d.Tombstone {
		return w.record(d.Key(), nil)
	}
	kind := pb.NotifyKind_NOTIFY_KIND_DELIVERY
	if d.Silence != nil {
		kind = pb.NotifyKind_NOTIFY_KIND_SILENCE
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding the delivery %s: %w", d.Key(), err)
	}
	return w.record(d.Key(),
		&pb.NotifyRecord{Kind: kind, Target: d.Target, Incident: d.Incident, Route: d.Route, Json: b})
}

// SilenceEnded returns the tombstone of a silence.
func (w Writer) SilenceEnded(id string) (*kgo.Record, error) { return w.record(silenceKey+id, nil) }

// Begun returns the record that marks the topic as started.
func (w Writer) Begun() (*kgo.Record, error) {
	return w.record(begunKey, &pb.NotifyRecord{Kind: pb.NotifyKind_NOTIFY_KIND_BEGUN})
}

// Retry returns a request to send a parked delivery again. RetryDone removes the request.
func (w Writer) Retry(key string) (*kgo.Record, error) {
	return w.record(retryKey+key, &pb.NotifyRecord{Kind: pb.NotifyKind_NOTIFY_KIND_RETRY})
}

// RetryDone returns the tombstone of a request for a retry.
func (w Writer) RetryDone(key string) (*kgo.Record, error) { return w.record(retryKey+key, nil) }

// record returns a record of the topic's one partition. If msg is nil, it is a tombstone.
func (w Writer) record(key string, msg *pb.NotifyRecord) (*kgo.Record, error) {
	rec := &kgo.Record{Topic: w.Kafka.Topic(schemas.TopicNotify), Key: []byte(key)}
	if msg == nil {
		return rec, nil
	}
	msg.Generation, msg.WrittenUs = w.Generation, w.Now().UnixMicro()
	b, err := msg.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", key, err)
	}
	if n := len(key) + len(b); n > kafka.MaxRecordBytes {
		return nil, fmt.Errorf("writing %s: %d octets: %w", key, n, kafka.ErrTooLarge)
	}
	rec.Value = b
	return rec, nil
}
