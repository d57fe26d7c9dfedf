package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/schemas"
)

// events prints the events of outages as they come. It belongs to one goroutine.
type events struct {
	g      *globals
	json   bool
	stream *outagelog.Stream
	filter outagelog.Filter
	fold   func([]bgp.Outage) []outageview.Incident
	log    *outagelog.Log // of all records read
}

// events returns the printer of events that the flags describe.
func (c *upCmd) events(g *globals) *events {
	f := c.outages()
	return &events{
		g: g, json: c.Format == "json", stream: outagelog.NewStream(f), filter: f,
		fold: c.fold, log: outagelog.New(),
	}
}

// take prints, with JSON, every record of a followed outage unchanged. With text it passes the
// begin or end that a record reports to tell.
func (p *events) take(
	e outagelog.Entry, window time.Time, tell func(bgp.Outage, time.Time) error,
) error {
	followed := p.stream.Follows(e.Outage)
	told := p.stream.Add(e.Outage)
	if p.json {
		if followed || p.stream.Follows(e.Outage) ||
			slices.ContainsFunc(told, func(o bgp.Outage) bool { return o.ID == e.Outage.ID }) {
			return p.g.line.Print(p.g.stdout, string(e.JSON))
		}
		return nil
	}
	for _, o := range told {
		if err := tell(o, window); err != nil {
			return err
		}
	}
	return nil
}

// print prints a line for each incident, with a note behind it.
func (p *events) print(all []outageview.Incident, note string) error {
	for _, in := range all {
		text := outageview.Line(in, p.log.Find) + note
		if err := p.g.line.Print(p.g.stdout, strings.Join(
			terminal.Wrap(text, terminal.Width(p.g.stdout), eventIndent), "\n",
		)); err != nil {
			return err
		}
	}
	return nil
}

// outages prints once the outages that are still open, then those that begin and end, until ctx
// ends.
func (w *upRun) outages(ctx context.Context) error {
	since, p := time.Now(), w.events
	err := kafka.ReadToEnd(ctx, w.cfg.Kafka, w.g.log, schemas.TopicOutages, func(rec *kgo.Record) error {
		_, err := p.log.Add(rec)
		return err
	})
	if err != nil {
		return unlessTold(ctx, fmt.Errorf("reading outages: %w", err))
	}
	if err := p.before(); err != nil {
		return err
	}
	gather := outageview.NewGather(p.fold, func(all []outageview.Incident) error {
		return p.print(all, "")
	})
	gathering, stop := context.WithCancel(ctx)
	gathered := make(chan error, 1)
	go func() { gathered <- gather.Run(gathering) }() // ends with gathering, or with an error
	err = kafka.TailSince(
		ctx, w.cfg.Kafka, w.g.log, []string{schemas.TopicOutages}, since,
		func(rec *kgo.Record) error {
			e, window, err := outagelog.Decode(rec)
			if err != nil {
				return err
			}
			p.log.Put(e, window)
			return p.take(e, window, gather.Add)
		},
	)
	stop()
	return errors.Join(err, <-gathered)
}

// before prints the outages that are still open from before.
func (p *events) before() error {
	var open []bgp.Outage
	for _, e := range p.log.Select(p.filter) {
		if e.Outage.End != nil {
			continue
		}
		if err := p.take(
			e, time.Time{},
			func(o bgp.Outage, _ time.Time) error { open = append(open, o); return nil },
		); err != nil {
			return err
		}
	}
	return p.print(p.fold(open), " (from before)")
}
