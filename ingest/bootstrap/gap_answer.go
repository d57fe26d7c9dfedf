package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/updatefile"
	"github.com/darkmap/darkmap/internal/capture"
)

// answer answers a gap: with the updates that it lacked where what was before is known and not too long ago, else with a dump.
func (w *Worker) answer(ctx context.Context, g *stream.Gap) error {
	t := &task{w: w, collector: g.Stream().Collector(), gap: g, gone: g.Superseded}
	if g.Superseded() {
		return nil
	}
	if span := time.Duration(g.Until-g.Since) * time.Microsecond; g.Since != 0 && span <= time.Duration(w.cfg.FillLimit) {
		t.kind = "fill"
		return t.fill(ctx)
	}
	t.kind = "bootstrap"
	return t.bootstrap(ctx)
}

// fill says what the archive has of the gap.
func (t *task) fill(ctx context.Context) error {
	g := t.gap
	lane := g.FillLane()
	say := newSayer(t, lane, func(it *capture.Item) bool { return g.Missing(it.Peer, it.Timestamp) })
	since, until := time.UnixMicro(g.Since), time.UnixMicro(g.Until)
	if !since.Before(until) { // our clock is behind the collector's
		since = until.Add(-time.Duration(t.w.cfg.Overlap))
	}
	if edge := time.UnixMicro(g.Earliest()); edge.Before(since) { // perhaps the file before has some of it, too
		since = edge
	}
	err := t.together(ctx, since, t.last(), say.item)
	m := isMissing(err)
	if err != nil && m == nil {
		return err
	}
	o := stream.Outcome{Complete: m == nil, Filled: true, Why: fmt.Sprintf("%d messages of %d files", say.messages, say.files)}
	if m != nil {
		o.Why = m.Error()
	}
	return t.end(ctx, lane, o, m)
}

// end ends the gap, and where something was missing has a newer dump looked for.
func (t *task) end(ctx context.Context, lane *stream.Lane, o stream.Outcome, m *missing) error {
	if err := t.alive(ctx); err != nil {
		return err
	}
	if m != nil && !errors.Is(m, archive.ErrNoArchive) { // before the end is written: a gap that begins then clears it again
		t.w.wantNewer(t.collector, t.gap.Stream(), m)
	}
	if err := t.gap.End(ctx, lane, o); err != nil {
		return err
	}
	t.ended(o.Complete, o.Why)
	return nil
}

// bootstrap says the newest dump and the updates since.
func (t *task) bootstrap(ctx context.Context) error {
	g := t.gap
	tables, fills := g.TableLane(), g.FillLane()
	d, err := t.dump(ctx, g.ID, tables, time.Time{})
	m := isMissing(err)
	if err != nil && m == nil {
		return err
	}
	if m != nil {
		return t.end(ctx, tables, stream.Outcome{Why: m.Error()}, m)
	}
	say := newSayer(t, fills, func(it *capture.Item) bool { return d.has(it.Peer) && it.Timestamp >= d.at.UnixMicro() })
	_, err = t.updates(ctx, d.at, t.last(), say.item)
	m = isMissing(err)
	if err != nil && m == nil {
		return err
	}
	o := stream.Outcome{Complete: m == nil, Families: d.families, Peers: d.peers(), Unreadable: d.unreadable}
	o.Why = fmt.Sprintf("the table of %s: %d prefixes, %d routes of %d peers, and %d messages since", d.at.UTC().Format(time.RFC3339), d.prefixes, d.routes, len(o.Peers), say.messages)
	if d.unreadable > 0 {
		o.Why += fmt.Sprintf("; %d records of the table cannot be read", d.unreadable)
	}
	if m != nil {
		o.Why = m.Error()
	}
	return t.end(ctx, fills, o, m)
}

// last is up to when what the archive has is said: the gap was over at Until, by our clock.
func (t *task) last() time.Time {
	return time.UnixMicro(t.gap.Until).Add(time.Duration(t.w.cfg.Overlap))
}

// wantNewer has a dump looked for that is newer than what is missing.
func (w *Worker) wantNewer(name string, s *stream.Stream, m *missing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.collectors[name]; c != nil && c.stream == s && c.gap == nil {
		c.again, c.after, c.why = w.d.Now(), m.until, m.Error()
		if !m.until.IsZero() || len(c.bad) >= maxBad { // where some are forgotten, they are not looked at again at once
			c.again = c.again.Add(w.cfg.RetryInterval)
		}
	}
}

// lookAgain begins anew where the archives have a dump that makes good what was missing.
func (w *Worker) lookAgain(ctx context.Context, c *collector) error {
	w.mu.Lock()
	after, why, name := c.after, c.why, c.stream.Collector()
	w.mu.Unlock()
	now := w.d.Now()
	files, err := w.d.Finder.Find(ctx, name, archive.RIB, now.Add(-w.cfg.DumpAgeLimit), now)
	w.setTrouble(name, err)
	if err != nil {
		return nil //nolint:nilerr // said by setTrouble, and tried again
	}
	for _, f := range slices.Backward(files) { // the newest first, as it will be sent
		if f.Begin.Before(after) || w.isBad(name, f.URL) {
			continue
		}
		switch here, err := w.bring(ctx, name, f); {
		case err != nil:
			return err
		case !here:
			continue
		}
		_, err := c.stream.BeginGap(ctx, 0, fmt.Sprintf("beginning again with the table of %s: %s", f.Begin.UTC().Format(time.RFC3339), why))
		return err
	}
	return nil
}

// bring fetches a dump into the cache: no gap begins anew for one that is listed and cannot be had.
func (w *Worker) bring(ctx context.Context, name string, f archive.File) (here bool, err error) {
	leave, err := enter(ctx, w.dumps)
	if err != nil {
		return false, err
	}
	defer leave()
	local, err := w.d.Fetcher.Get(ctx, f)
	switch {
	case err == nil:
		local.Release()
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case archive.Final(err):
		w.setBad(name, f.URL, badFor*w.cfg.RetryInterval)
	default:
		w.setTrouble(name, err)
	}
	return false, nil
}

// sayer says items of files of updates in a lane.
type sayer struct {
	t        *task
	out      updatefile.Writer
	wanted   func(*capture.Item) bool
	messages int
	files    int
	file     string
}

func newSayer(t *task, lane *stream.Lane, wanted func(*capture.Item) bool) *sayer {
	return &sayer{t: t, out: updatefile.Writer{Stream: t.gap.Stream(), Lane: lane}, wanted: wanted}
}

// item says one; what is no news of a peer, and what is not wanted, is passed over.
func (s *sayer) item(ctx context.Context, f *archive.File, it *capture.Item) error {
	if f.URL != s.file {
		s.file = f.URL
		s.files++
	}
	last := min(s.t.last().UnixMicro(), s.t.w.d.Now().UnixMicro()) // what comes later is heard live; a late clock's future is not told
	if !updatefile.Carries(it) || it.Timestamp > last || !s.wanted(it) {
		return nil
	}
	n, err := s.out.Write(ctx, it)
	if err != nil {
		return err
	}
	s.messages++
	s.t.w.metrics.messages.Inc()
	return s.t.wrote(ctx, n)
}
