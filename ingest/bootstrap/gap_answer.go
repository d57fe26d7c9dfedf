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

// answer answers a gap. If the state before the gap is known and not older than FillLimit, it sends
// the missing updates, else a dump.
func (w *Worker) answer(ctx context.Context, g *stream.Gap) error {
	t := &task{w: w, collector: g.Stream().Collector(), gap: g, gone: g.Superseded}
	if g.Superseded() {
		return nil
	}
	if span := time.Duration(g.Until-g.Since) * time.Microsecond; g.Since != 0 &&
		span <= time.Duration(w.cfg.FillLimit) {
		t.kind = "fill"
		return t.fill(ctx)
	}
	t.kind = "bootstrap"
	return t.bootstrap(ctx)
}

// fill sends the archive's messages of the gap.
func (t *task) fill(ctx context.Context) error {
	g := t.gap
	lane := g.FillLane()
	say := newSayer(t, lane, func(it *capture.Item) bool { return g.Missing(it.Peer, it.Timestamp) })
	since, until := time.UnixMicro(g.Since), time.UnixMicro(g.Until)
	if !since.Before(until) { // ingest's clock is behind the collector's
		since = until.Add(-time.Duration(t.w.cfg.Overlap))
	}
	// the file before may hold some of it, too
	if edge := time.UnixMicro(g.Earliest()); edge.Before(since) {
		since = edge
	}
	err := t.together(ctx, since, t.last(), say.item)
	m := isMissing(err)
	if err != nil && m == nil {
		return err
	}
	o := stream.Outcome{
		Complete: m == nil, Filled: true,
		Why: fmt.Sprintf("%d messages of %d files", say.messages, say.files),
	}
	if m != nil {
		o.Why = m.Error()
	}
	return t.end(ctx, lane, o, m)
}

// end ends the gap. If something was missing, it starts the search for a newer dump.
func (t *task) end(ctx context.Context, lane *stream.Lane, o stream.Outcome, m *missing) error {
	if err := t.alive(ctx); err != nil {
		return err
	}
	// before the gap's end is written, so that a gap that begins after it clears the search
	if m != nil && !errors.Is(m, archive.ErrNoArchive) {
		t.w.wantNewer(t.collector, t.gap.Stream(), m)
	}
	if err := t.gap.End(ctx, lane, o); err != nil {
		return err
	}
	t.ended(o.Complete, o.Why)
	return nil
}

// bootstrap sends the newest dump and the updates since.
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
	say := newSayer(t, fills, func(it *capture.Item) bool {
		return d.has(it.Peer) && it.Timestamp >= d.at.UnixMicro()
	})
	_, err = t.updates(ctx, d.at, t.last(), say.item)
	m = isMissing(err)
	if err != nil && m == nil {
		return err
	}
	o := stream.Outcome{Complete: m == nil, Families: d.families, Peers: d.peers(), Unreadable: d.unreadable}
	o.Why = fmt.Sprintf("the table of %s: %d prefixes, %d routes of %d peers, and %d messages since",
		d.at.UTC().Format(time.RFC3339), d.prefixes, d.routes, len(o.Peers), say.messages)
	if d.unreadable > 0 {
		o.Why += fmt.Sprintf("; %d records of the table cannot be read", d.unreadable)
	}
	if m != nil {
		o.Why = m.Error()
	}
	return t.end(ctx, fills, o, m)
}

// last returns the time up to which messages of the archive are sent. The gap was over at Until by
// ingest's clock. Overlap is added.
func (t *task) last() time.Time {
	return time.UnixMicro(t.gap.Until).Add(time.Duration(t.w.cfg.Overlap))
}

// wantNewer starts the search for a dump that is newer than the missing data.
func (w *Worker) wantNewer(name string, s *stream.Stream, m *missing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.collectors[name]; c != nil && c.stream == s && c.gap == nil {
		c.again, c.after, c.why = w.d.Now(), m.until, m.Error()
		// with a full table of bad dumps it waits, too: the forgotten ones would be tried again at
		// once
		if !m.until.IsZero() || len(c.bad) >= maxBad {
			c.again = c.again.Add(w.cfg.RetryInterval)
		}
	}
}

// lookAgain begins a new gap if the archives have a dump that replaces the missing data.
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
	// the newest first, in the order in which they would be sent
	for _, f := range slices.Backward(files) {
		if f.Begin.Before(after) || w.isBad(name, f.URL) {
			continue
		}
		switch here, err := w.bring(ctx, name, f); {
		case err != nil:
			return err
		case !here:
			continue
		}
		_, err := c.stream.BeginGap(ctx, 0,
			fmt.Sprintf("beginning again with the table of %s: %s", f.Begin.UTC().Format(time.RFC3339), why))
		return err
	}
	return nil
}

// bring fetches a dump into the cache, so that no gap begins for a listed dump that is not
// available. here reports whether the dump is in the cache.
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

// sayer writes items of update files to a lane.
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

// item writes one item. It skips items that are no news of a peer, too late, or not wanted.
func (s *sayer) item(ctx context.Context, f *archive.File, it *capture.Item) error {
	if f.URL != s.file {
		s.file = f.URL
		s.files++
	}
	// later items are received live; the future of a late clock is not sent
	last := min(s.t.last().UnixMicro(), s.t.w.d.Now().UnixMicro())
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
