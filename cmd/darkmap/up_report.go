package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// reportEvery is how often a run looks at how it stands.
	reportEvery = time.Second
	// remindEvery is after how long what a run waits for is said again.
	remindEvery = time.Minute
)

// announce says what is about to happen, before anything that takes long.
func (w *watch) announce(c *upCmd, dir *datadir.Dir) {
	say := func(format string, args ...any) { fmt.Fprintf(w.g.stderr, format+"\n", args...) }
	what := "watches the live feeds"
	if c.Follow {
		what = "follows the archives"
	}
	say("darkmap %s %s; what it learns is kept in %s", version, what, dir.Path())
	for _, s := range w.cfg.Ingest.Describe(c.Follow) {
		say("  %-11s %s", s.Name, s.Text)
	}
	p := w.cfg.Detect.Core.Panel
	first := "First each collector's newest table and the updates since then are fetched"
	if !w.cfg.Ingest.Archives && !c.Follow {
		first = "Routers send their tables; of other collectors it learns from updates alone"
	}
	say("%s; a verdict needs whole tables of %d ASNs on %d collectors.", first, p.MinVoters, p.MinCollectors)
	say("http://%s/readyz says what it waits for, `%s` how each feed stands; Ctrl-C ends it.", c.AdminAddr, w.g.command("feeds"))
}

// report says what happens until ctx ends: outages on standard output, the rest on standard error.
func (w *watch) report(ctx context.Context) error {
	line := newProgressLine(w.g.stderr, time.Now())
	defer line.clear()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan error, 2)
	go func() { told <- w.outages(watching, line) }() // ends with watching, or an error
	go func() { told <- w.panels(watching, line) }()  // likewise
	t := time.NewTicker(reportEvery)
	defer t.Stop()
	reporter := reporter{line: line, w: w}
	for {
		select {
		case <-ctx.Done():
			return errors.Join(<-told, <-told)
		case err := <-told:
			if ctx.Err() == nil {
				return err
			}
			told <- err
		case now := <-t.C:
			reporter.look(now)
		}
	}
}

// panels prints when verdicts become possible, and when no longer.
func (w *watch) panels(ctx context.Context, line *progressLine) error {
	said := map[bgp.Family]bgp.NoVerdict{}
	return kafka.TailSince(ctx, w.cfg.Kafka, w.g.log, []string{schemas.TopicPanel}, time.Now(), func(rec *kgo.Record) error {
		var p pb.PanelRecord
		if err := p.UnmarshalVT(rec.Value); err != nil {
			return fmt.Errorf("decoding a panel at offset %d: %w", rec.Offset, err)
		}
		family, err := codec.ParseFamily(p.GetFamily())
		if err != nil {
			return nil //nolint:nilerr // a family of a later version
		}
		why, votes := codec.ParseVerdict(&p)
		if was, known := said[family]; !known || was != why {
			said[family] = why
			line.print(w.g.stderr, time.UnixMicro(p.GetTimeUs()).UTC().Format("2006-01-02 15:04:05")+"  panel     "+why.Sentence(family, votes))
		}
		return nil
	})
}

// reporter remembers what was said.
type reporter struct {
	w        *watch
	line     *progressLine
	waits    string // for whom, as last said
	said     time.Time
	messages uint64
	looked   time.Time
}

// look says what has changed, and draws how it goes.
func (t *reporter) look(now time.Time) {
	reasons := waitsFor(t.w.stages.Ready())
	if waits := subjects(reasons); waits != t.waits || t.said.IsZero() || waits != "" && now.Sub(t.said) >= remindEvery {
		t.waits, t.said = waits, now
		if waits == "" {
			t.line.print(t.w.g.stderr, now.UTC().Format("2006-01-02 15:04:05")+"  ready     every source brings messages")
		}
		for _, r := range reasons {
			t.line.print(t.w.g.stderr, now.UTC().Format("2006-01-02 15:04:05")+"  waiting   "+r)
		}
	}
	p := t.w.live.Progress()
	if !t.looked.IsZero() {
		t.line.draw(liveText(p, float64(p.Messages-min(p.Messages, t.messages))/now.Sub(t.looked).Seconds()))
	}
	t.messages, t.looked = p.Messages, now
}

// waitsFor lists the reasons of a run that is not ready. That no verdict is possible is left out: panels says it.
func waitsFor(err error) (reasons []string) {
	if err == nil {
		return nil
	}
	for _, e := range parts(err) {
		if _, told := errors.AsType[*detect.NoVerdictError](e); !told {
			reasons = append(reasons, strings.Split(e.Error(), "\n")...)
		}
	}
	return reasons
}

// subjects are what the reasons are about, without what changes from one look to the next.
func subjects(reasons []string) string {
	var out []string
	for _, r := range reasons {
		parts := strings.SplitN(r, ": ", 4)
		out = append(out, strings.Join(parts[:min(len(parts), 3)], ": "))
	}
	return strings.Join(out, "\n")
}

// liveText is the line of progress.
func liveText(p ingest.LiveProgress, rate float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d collectors up  %d peers  %.0f messages/s", p.Up, p.Collectors, p.Peers, rate)
	if p.Lag > 0 {
		fmt.Fprintf(&b, "  %.1f s behind", p.Lag.Seconds())
	}
	if p.Tables.Open > 0 {
		fmt.Fprintf(&b, "  tables of %d collectors to come", p.Tables.Open)
		if p.Tables.TotalBytes > 0 {
			fmt.Fprintf(&b, ", %s of %s", byteText(p.Tables.DoneBytes), byteText(p.Tables.TotalBytes))
		}
		if p.Tables.Left > 0 {
			fmt.Fprintf(&b, ", about %v left", p.Tables.Left.Round(time.Second))
		}
	}
	return b.String()
}
