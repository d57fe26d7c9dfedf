package main

import (
	"context"
	"time"

	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/schemas"
)

// progressEvery is how often a run measures its progress.
const progressEvery = 500 * time.Millisecond

// drawProgress draws the progress of the run until ctx ends, then removes the line. While the
// broker does not answer, it draws the last known position.
func (p *pipeline) drawProgress(ctx context.Context) error {
	adm, err := kafka.NewAdmin(p.cfg.Kafka, p.log)
	if err != nil {
		return err
	}
	defer adm.Close()
	defer p.line.Clear()
	p.line.Begin(time.Now())
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	costs := progress.NewCosts(p.store != nil)
	var run progress.Run
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			read := p.ingest.Progress()
			if lags, err := kafka.Lag(ctx, adm, p.cfg.Kafka, readings(p.store != nil)...); err == nil {
				run.Done = p.tracker.Look(
					readers(lags, schemas.TopicUpdates)[0], readers(lags, schemas.TopicRoutes)...,
				)
			}
			run.Damaged, run.Outages, run.Took = read.Damaged, p.outages(), now.Sub(p.began)
			costs.Look(run.Took, run.Done.Work.WithRead(read.Work), read.TotalWork.WithRead(read.TotalWork))
			run.Rest, run.Busy = costs.Rest(), costs.Measured()
			run.Least = run.Share()
			p.line.Report(now, run.Text())
		}
	}
}

// noted records how much of the input was read.
func (p *pipeline) noted(read playback.Progress) {
	p.tracker.Read(progress.Point{
		At: read.Written, Work: read.Work, Messages: read.Records, EventTime: read.EventTime,
	})
}

// readers returns the positions of the stages that read a topic.
func readers(lags []kafka.GroupLag, topic string) []progress.Reader {
	var out []progress.Reader
	for _, l := range lags {
		if l.Topic == topic {
			out = append(out, progress.Reader{Finished: l.Read, Written: l.End})
		}
	}
	return out
}

// outages returns the number of outages that the progress line shows.
func (p *pipeline) outages() int { return p.results.Count() }
