package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/ledger"
	"github.com/darkmap/darkmap/schemas"
)

// Desk answers commands about notify's state and writes their requests to the ledger. It sends no
// messages.
type Desk struct {
	cfg    kafka.Config
	log    *slog.Logger
	now    func() time.Time
	engine *incident.Engine
}

// OpenDesk reads the ledger. A target that is not in d.Targets counts as not configured.
func OpenDesk(ctx context.Context, cfg Config, d Deps) (*Desk, error) {
	book, err := ledger.Load(ctx, d.Kafka, d.Log)
	if err != nil {
		return nil, err
	}
	engine, err := incident.New(cfg.Config, infos(d.Targets), book.Saved(), d.Now())
	if err != nil {
		return nil, err
	}
	return &Desk{cfg: d.Kafka, log: d.Log, now: d.Now, engine: engine}, nil
}

// Status returns the status of each target.
func (k *Desk) Status() []incident.Status { return k.engine.Status(k.now()) }

// Silences returns the current and future silences.
func (k *Desk) Silences() []incident.Silence { return k.engine.Silences(k.now()) }

// Parked returns the messages that were given up.
func (k *Desk) Parked() []incident.Parked { return k.engine.Parked() }

// errNotFound means that bgp.outages.v1 does not hold the outage.
var errNotFound = errors.New("no outage with this id is on bgp.outages.v1, which holds the last 90 days")

// Explain returns for each route and target how an outage was handled. The error is errNotFound if
// the outage is unknown.
func (k *Desk) Explain(ctx context.Context, id string) ([]incident.Verdict, error) {
	var newest *bgp.Outage
	err := kafka.ReadToEnd(ctx, k.cfg, k.log, schemas.TopicOutages, func(rec *kgo.Record) error {
		if string(rec.Key) != id {
			return nil
		}
		e, _, err := outagelog.Decode(rec)
		if err == nil {
			newest = &e.Outage
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading outages: %w", err)
	}
	verdicts := k.engine.Explain(id, newest, k.now())
	told := false
	for _, v := range verdicts {
		told = told || v.Incident != ""
	}
	if newest == nil && !told {
		return nil, errNotFound
	}
	return verdicts, nil
}

// Silence starts a silence and returns it with its id. The stage applies it within seconds, or when
// it starts.
func (k *Desk) Silence(ctx context.Context, s incident.Silence) (incident.Silence, error) {
	d := k.engine.Silence(s, k.now())
	if d == nil || d.Silence == nil {
		return s, errors.New(
			"there are too many silences: end one first (`darkmap notify silence list` names them)")
	}
	return *d.Silence, k.writeDelivery(ctx, d)
}

// EndSilence ends a silence.
func (k *Desk) EndSilence(ctx context.Context, id string) error {
	if !slices.ContainsFunc(k.Silences(), func(s incident.Silence) bool { return s.ID == id }) {
		return fmt.Errorf("no silence with the id %s holds: `darkmap notify silence list` names those that do", id)
	}
	rec, err := k.writer().SilenceEnded(id)
	if err != nil {
		return err
	}
	return k.write(ctx, rec)
}

// Retry requests another attempt for a parked message with the key TARGET/INCIDENT.
func (k *Desk) Retry(ctx context.Context, key string) error {
	name, id, _ := strings.Cut(key, "/")
	// This engine sends nothing: the call only checks the key.
	if k.engine.Retry(name, id, k.now()) == nil {
		return fmt.Errorf("no message is parked as %s: `darkmap notify parked` lists those that are", key)
	}
	rec, err := k.writer().Retry(key)
	if err != nil {
		return err
	}
	return k.write(ctx, rec)
}

func (k *Desk) writer() ledger.Writer { return ledger.Writer{Kafka: k.cfg, Now: k.now} }

func (k *Desk) writeDelivery(ctx context.Context, d *incident.Delivery) error {
	rec, err := k.writer().Delivery(d)
	if err != nil {
		return err
	}
	return k.write(ctx, rec)
}

func (k *Desk) write(ctx context.Context, rec *kgo.Record) error {
	p, err := kafka.NewProducer(ctx, k.cfg, schemas.TopicNotify, k.log, nil)
	if err != nil {
		return err
	}
	defer p.Close()
	return errors.Join(p.Produce(ctx, string(rec.Key), rec.Value), p.Flush(ctx))
}

// Check returns the messages that would have been sent about the outages since a time, if every
// target had answered at once.
func Check(ctx context.Context, cfg Config, d Deps, since time.Time) ([]incident.Attempt, error) {
	p := past{kafka: d.Kafka, log: d.Log, since: since}
	attempts, _, err := incident.Past(cfg.Config, infos(d.Targets), p.records(ctx), d.Now())
	if err := errors.Join(p.err, err); err != nil {
		return nil, fmt.Errorf("looking at the past: %w", err)
	}
	return attempts, nil
}

// Unknown returns one sentence for each name of a silence that the configuration does not contain.
// The running notify and ingest may have another configuration.
func (c Config) Unknown(s incident.Silence, lists []string) (out []string) {
	for _, name := range s.Watch {
		if !slices.Contains(lists, name) {
			out = append(out,
				fmt.Sprintf(
					"the configuration has no watch list %s: unless that of the running ingest has one, "+
						"this silence holds nothing back of it",
					name))
		}
	}
	for _, name := range s.Routes {
		if !slices.ContainsFunc(c.Routes, func(r incident.Route) bool { return r.Name == name }) {
			out = append(out,
				fmt.Sprintf(
					"the configuration has no route %s: unless that of the running notify has one, "+
						"this silence holds nothing back of it",
					name))
		}
	}
	return out
}

// Names reports whether a route names the dataset.
func (c Config) Names(dataset string) bool {
	for _, r := range c.Routes {
		for _, name := range r.Match.Datasets {
			if strings.EqualFold(name, dataset) {
				return true
			}
		}
	}
	return false
}
