package deadletter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// Box is the dead letters of a dataset.
type Box struct {
	Kafka kafka.Config
	Log   *slog.Logger
}

// ErrNotFound reports that the topic does not hold a letter, or not any more.
var ErrNotFound = errors.New("there is no such dead letter")

// maxNotes bounds the notes kept while the log is read, 32 octets each.
const maxNotes = 1 << 20

// read calls fn with all letters that a filter selects, in order.
func (b Box) read(ctx context.Context, f Filter, fn func(*Letter) error) error {
	return b.scan(ctx, f.From, func(l *Letter) error {
		if !f.chooses(l) {
			return nil
		}
		return fn(l)
	})
}

// scan calls fn with all letters and notes that Kafka received at from or later.
func (b Box) scan(ctx context.Context, from time.Time, fn func(*Letter) error) error {
	each := func(rec *kgo.Record) error {
		l := parse(b.Kafka, rec)
		return fn(&l)
	}
	if from.IsZero() {
		return kafka.ReadToEnd(ctx, b.Kafka, b.Log, schemas.TopicDeadLetter, each)
	}
	return kafka.ReadSince(ctx, b.Kafka, b.Log, schemas.TopicDeadLetter, from, each)
}

// sentBack reads the times at which letters were sent back, of those that Kafka received at from or
// later. A note is younger than its letter.
func (b Box) sentBack(ctx context.Context, from time.Time) (map[ID]time.Time, error) {
	sent := map[ID]time.Time{}
	err := b.scan(ctx, from, func(l *Letter) error {
		if !l.note {
			return nil
		}
		if len(sent) == maxNotes {
			return fmt.Errorf("more than %d letters were sent back: choose a shorter time with --from", maxNotes)
		}
		sent[ID{l.Partition, l.Offset}] = l.Time
		return nil
	})
	return sent, err
}

// One is a letter with its state.
type One struct {
	Letter
	// SentBack is the time at which the letter was sent back; zero if it was not.
	SentBack time.Time
}

// Show reads one letter.
func (b Box) Show(ctx context.Context, id ID) (One, error) {
	missing := fmt.Errorf("%s: %w on %s", id, ErrNotFound, b.Kafka.Topic(schemas.TopicDeadLetter))
	begin, end, err := kafka.Bounds(ctx, b.Kafka, b.Log, schemas.TopicDeadLetter, id.Partition)
	switch {
	case err != nil:
		return One{}, err
	case id.Offset < begin || id.Offset >= end:
		return One{}, missing
	}
	var found *Letter
	err = kafka.ReadRange(ctx, b.Kafka, b.Log, schemas.TopicDeadLetter, id.Partition, id.Offset,
		id.Offset+1, func(rec *kgo.Record) error {
			if rec.Offset == id.Offset && !rec.Attrs.IsControl() {
				l := parse(b.Kafka, rec)
				found = &l
			}
			return nil
		})
	if err != nil {
		return One{}, err
	}
	if found == nil {
		return One{}, missing
	}
	sent, err := b.sentBack(ctx, found.Time)
	return One{*found, sent[id]}, err
}
