package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/querystore"
	"github.com/darkmap/darkmap/schemas"
)

// outagesOf lists the outages of an entity, the latest start first. It reads the store of the
// running instance, or else its topic.
func (g *globals) outagesOf(
	ctx context.Context, running *datadir.Run, t bgp.EntityType, code string,
) (all []query.Outage, err error) {
	if running.ClickHouse != nil {
		err = g.withStore(ctx, func(s *querystore.Store) (err error) {
			all, err = s.Outages(ctx, running.Dataset, t, code, time.Now())
			return err
		})
		return all, err
	}
	err = g.eachOutage(ctx, running, func(e outagelog.Entry) {
		if o := e.Outage; o.Entity.Type == t && o.Entity.Code == code {
			all = append(all, query.Outage{
				ID: o.ID, Entity: o.Entity, Kind: o.Kind, State: o.State, Start: o.Start, End: o.End,
				EndReason: o.EndReason, Severity: o.Severity, Blip: o.Blip, Headline: o.Headline,
			})
		}
	})
	return all, err
}

// eachOutage calls f with every outage on the running instance's topic, the latest start first.
func (g *globals) eachOutage(
	ctx context.Context, running *datadir.Run, f func(outagelog.Entry),
) error {
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	k := cfg.Kafka.Through(running.Kafka, running.KafkaCredentials).WithDataset(running.Dataset)
	log := outagelog.New()
	err = kafka.ReadToEnd(ctx, k, g.log, schemas.TopicOutages, func(rec *kgo.Record) error {
		_, err := log.Add(rec)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading outages: %w", err)
	}
	all := log.Select(outagelog.Filter{All: true})
	for i := range all {
		f(all[len(all)-1-i])
	}
	return nil
}

// record prints an outage of the running instance.
func (c *showCmd) record(
	ctx context.Context, g *globals, running *datadir.Run, q query.Question,
) error {
	var record []byte
	var err error
	if running.ClickHouse != nil {
		err = g.withStore(ctx, func(s *querystore.Store) (err error) {
			record, err = s.Record(ctx, running.Dataset, q.Code, time.Now())
			return err
		})
	} else {
		err = g.eachOutage(ctx, running, func(e outagelog.Entry) {
			if e.Outage.ID == q.Code {
				record = e.JSON
			}
		})
	}
	if err != nil {
		return err
	}
	return c.printRecord(g, q, running.Dataset, record)
}
