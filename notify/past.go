package notify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/schemas"
)

// past reads the present content of bgp.outages.v1.
type past struct {
	kafka kafka.Config
	log   *slog.Logger
	// since is the append time of the first record to read; zero is the beginning.
	since time.Time
	// before holds the offset at which reading ends, by partition; nil is the current end.
	before map[int32]int64
	// err is the error of the read. It is set when the records have ended.
	err error
}

// records returns the records in order. It leaves out records that cannot be decoded: they were
// logged at the first read.
func (p *past) records(ctx context.Context) iter.Seq[incident.PastRecord] {
	return func(yield func(incident.PastRecord) bool) {
		enough := errors.New("enough")
		take := func(rec *kgo.Record) error {
			if at, ok := p.before[rec.Partition]; ok && rec.Offset >= at {
				return nil
			}
			e, at, err := outagelog.Decode(rec)
			if err == nil &&
				!yield(incident.PastRecord{Outage: &e.Outage, At: at, Partition: rec.Partition, Offset: rec.Offset}) {
				return enough
			}
			return nil
		}
		var err error
		if p.since.IsZero() {
			err = kafka.ReadToEnd(ctx, p.kafka, p.log, schemas.TopicOutages, take)
		} else {
			err = kafka.ReadSince(ctx, p.kafka, p.log, schemas.TopicOutages, p.since, take)
		}
		if !errors.Is(err, enough) {
			p.err = err
		}
	}
}

const (
	// exerciseTries is the number of attempts for a message of an exercise.
	exerciseTries = 3
	// exerciseWait is the maximum wait for a target that throttles.
	exerciseWait = 30 * time.Second
)

// Told is the result of an exercise.
type Told struct {
	// Sent counts the delivered messages by target, Failed those that no attempt delivered. Errors
	// holds the last error of each target.
	Sent, Failed map[string]int
	Errors       map[string]error
	// LiveOnly lists the targets that take live data only, sorted: pagers and Alertmanagers.
	LiveOnly []string
}

// Exercise sends the messages for all records of bgp.outages.v1, in order, one after the other. It
// is for a demo or a replay. Routes must name the dataset. It stores nothing, so a second run sends
// all messages again.
func Exercise(ctx context.Context, cfg Config, d Deps) (*Told, error) {
	attempts, err := Check(ctx, cfg, d, time.Time{})
	if err != nil {
		return nil, err
	}
	told := &Told{Sent: map[string]int{}, Failed: map[string]int{}, Errors: map[string]error{}}
	for name, p := range d.Targets {
		if p.Info.Traits.LiveOnly {
			told.LiveOnly = append(told.LiveOnly, name)
		}
	}
	slices.Sort(told.LiveOnly)
	handles := map[string]target.Handle{}
	for _, a := range attempts {
		p, key := d.Targets[a.Target], a.Target+"/"+a.Message.Incident
		if p == nil {
			continue
		}
		h, err := practise(ctx, p, a.Message, handles[key])
		switch {
		case ctx.Err() != nil:
			return told, fmt.Errorf("sending to the targets: %w", ctx.Err())
		case err != nil:
			told.Failed[a.Target]++
			told.Errors[a.Target] = err
			continue
		case h != nil:
			handles[key] = h
		}
		told.Sent[a.Target]++
	}
	return told, nil
}

// practise sends one message, with a few attempts.
func practise(ctx context.Context, p *Place, m *target.Message,
	h target.Handle,
) (_ target.Handle, err error) {
	var wait retry.Backoff
	for range exerciseTries {
		limited, cancel := context.WithTimeout(ctx, sendTimeout)
		var next target.Handle
		next, err = p.Send(limited, m, h)
		cancel()
		f := target.FaultOf(err)
		if err == nil || f != nil && (f.Refused || f.Gone) {
			return next, err
		}
		pause := wait.Next()
		if f != nil {
			pause = max(pause, min(f.RetryAfter, exerciseWait))
		}
		if err := retry.Sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
	return nil, err
}
