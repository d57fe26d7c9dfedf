package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/schemas"
)

// events prints the events of outages as they come. It belongs to one goroutine.
type events struct {
	g      *globals
	json   bool
	stream *outagelog.Stream
	filter outagelog.Filter
}

// events is what the flags mean.
func (c *upCmd) events(g *globals) *events {
	f := c.outages()
	return &events{g: g, json: c.Format == "json", stream: outagelog.NewStream(f), filter: f}
}

// print prints what a record tells, with a note behind it: as text what begins and what ends, as JSON every record of an outage that is
// followed, as it is.
func (p *events) print(e outagelog.Entry, note string) error {
	followed := p.stream.Follows(e.Outage)
	told := p.stream.Add(e.Outage)
	if p.json {
		if followed || p.stream.Follows(e.Outage) || e.Outage.Blip && len(told) > 0 {
			return p.g.line.Print(p.g.stdout, string(e.JSON))
		}
		return nil
	}
	for _, o := range told {
		if err := p.g.line.Print(p.g.stdout, eventLine(o)+note); err != nil {
			return err
		}
	}
	return nil
}

// outages prints once what is open from before, then what begins and ends, until ctx ends.
func (w *watch) outages(ctx context.Context) error {
	since := time.Now()
	before := outagelog.New()
	err := kafka.ReadToEnd(ctx, w.cfg.Kafka, w.g.log, schemas.TopicOutages, func(rec *kgo.Record) error {
		_, err := before.Add(rec)
		return err
	})
	if err != nil {
		return unlessTold(ctx, fmt.Errorf("reading outages: %w", err))
	}
	for _, e := range before.Select(w.events.filter) {
		if e.Outage.End == nil {
			if err := w.events.print(e, " (from before)"); err != nil {
				return err
			}
		}
	}
	return kafka.TailSince(ctx, w.cfg.Kafka, w.g.log, []string{schemas.TopicOutages}, since, func(rec *kgo.Record) error {
		e, _, err := outagelog.Decode(rec)
		if err != nil {
			return err
		}
		return w.events.print(e, "")
	})
}
