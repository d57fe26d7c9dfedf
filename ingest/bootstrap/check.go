package bootstrap

import (
	"context"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
)

// planCheck computes from the existing dumps when the next dump of a collector is due.
func (w *Worker) planCheck(ctx context.Context, c *collector) error {
	name := c.stream.Collector()
	now := w.d.Now()
	files, err := w.d.Finder.Find(ctx, name, archive.RIB, now.Add(-w.cfg.DumpAgeLimit), now)
	w.setTrouble(name, err)
	next := nextDump(files, now.Add(w.cfg.CheckLead))
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || next.IsZero() {
		c.check = now.Add(w.cfg.RetryInterval)
		return nil //nolint:nilerr // said by setTrouble, and tried again
	}
	c.dump = next
	return nil
}

// nextDump returns the first nominal time of a dump after t that continues the rhythm of files. It
// is zero if they show no rhythm.
func nextDump(files []archive.File, t time.Time) time.Time {
	if len(files) < 2 {
		return time.Time{}
	}
	last := files[len(files)-1].Begin
	every := last.Sub(files[len(files)-2].Begin)
	for i := 1; i < len(files); i++ { // a missing dump does not change the rhythm
		every = min(every, files[i].Begin.Sub(files[i-1].Begin))
	}
	if every <= 0 || last.After(t) {
		return time.Time{}
	}
	return last.Add(t.Sub(last).Truncate(every) + every)
}

// leastLead is the least time between a check's begin in the stream and the nominal time of its
// dump. detect then knows the routes that changed since the dump was begun.
const leastLead = time.Minute

// lastWords bounds the time for writing that a check was broken off.
const lastWords = 5 * time.Second

// runCheck begins a check, waits for its dump and sends it.
func (w *Worker) runCheck(ctx context.Context, c *collector) error {
	w.mu.Lock()
	s, at, now := c.stream, c.dump, w.d.Now()
	late := now.Add(leastLead).After(at)
	c.dump, c.check = time.Time{}, c.check.Add(time.Duration(w.cfg.CheckInterval))
	switch {
	case late: // the check waits for the next dump
		c.check = now
	case c.check.Before(now):
		c.check = now.Add(time.Duration(w.cfg.CheckInterval))
	}
	w.mu.Unlock()
	if late {
		w.metrics.late.Inc()
		w.late.Info("a check is too late to begin; it waits for the next dump", "collector", s.Collector(),
			"dump", clock(at))
		return nil
	}
	check, err := s.BeginCheck(ctx, at)
	if err != nil {
		return err
	}
	lane := check.Lane()
	t := &task{w: w, kind: "check", collector: s.Collector(), gone: s.Closed}
	d, err := t.checked(ctx, check.ID, func() (*dump, error) { return t.dump(ctx, check.ID, lane, at) }, at)
	switch {
	case isMissing(err) != nil:
		t.ended(false, err.Error())
		return check.End(ctx, lane, stream.Outcome{Why: err.Error()})
	case ctx.Err() != nil:
		// a gap began, or the process ends: write so, if the stream is still open
		t.ended(false, "broken off")
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		return check.End(last, lane, stream.Outcome{Why: "broken off: " + context.Cause(ctx).Error()})
	case err != nil:
		return err
	}
	why := fmt.Sprintf("the table of %s: %d routes of %d peers", clock(d.at), d.routes, len(d.sent))
	t.ended(true, why)
	return check.End(ctx, lane, stream.Outcome{Complete: true, Unreadable: d.unreadable, Why: why})
}

// checked waits until the dump of time at is published and sends it.
func (t *task) checked(
	ctx context.Context, id string, send func() (*dump, error), at time.Time,
) (*dump, error) {
	deadline := at.Add(t.w.cfg.DumpTimeout)
	for {
		if err := t.alive(ctx); err != nil {
			return nil, err
		}
		if t.w.d.Now().After(deadline) {
			return nil, &missing{
				err: fmt.Errorf("the dump of %s was not published within %v", clock(at), t.w.cfg.DumpTimeout),
			}
		}
		files, err := t.find(ctx, archive.RIB, at, at)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 {
			return send()
		}
		if err := t.say(ctx, "check "+id+": waiting for the dump of "+clock(at), 0); err != nil {
			return nil, err
		}
		if err := t.w.pause(ctx); err != nil {
			return nil, err
		}
	}
}
