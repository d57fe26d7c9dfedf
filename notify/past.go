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

// past reads what bgp.outages.v1 holds already.
type past struct {
	kafka kafka.Config
	log   *slog.Logger
	// since is when the first record was taken by the topic; zero is the beginning.
	since time.Time
	// before are the offsets at which each partition ends; nil is where it ends now.
	before map[int32]int64
	// err is what went wrong; set when the records have ended.
	err error
}

// records are the records, in order. Those that cannot be decoded are left out: they were told when they were read first.
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
	// exerciseTries is how often a message of an exercise is tried.
	exerciseTries = 3
	// exerciseWait is how long a target that asks to be left alone is waited for at most.
	exerciseWait = 30 * time.Second
)

// Told says what became of an exercise.
type Told struct {
	// Sent counts the messages by target; Failed has those that no try delivered, with the last error of each target.
	Sent, Failed map[string]int
	Errors       map[string]error
	// LiveOnly are the targets that hear of live data alone, sorted: pagers and Alertmanagers.
	LiveOnly []string
}

// Exercise tells the targets what they would have been told of all that bgp.outages.v1 holds, in order, one after the other: of a demo, or of a
// replay. Routes have to name the dataset. Nothing is remembered, so that a second run tells all of it again.
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
			return told, fmt.Errorf("telling the targets: %w", ctx.Err())
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

// practise sends one message, in a few tries.
func practise(ctx context.Context, p *Place, m *target.Message,
	h target.Handle) (_ target.Handle, err error) {
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
