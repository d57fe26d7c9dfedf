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
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// reportEvery is how often a run checks its state.
	reportEvery = time.Second
	// remindEvery is the time after which the reasons for waiting are printed again.
	remindEvery = time.Minute
)

// announce prints the next steps, before any step that takes long.
func (w *upRun) announce(c *upCmd, dir *datadir.Dir) {
	say := func(format string, args ...any) { fmt.Fprintf(w.g.stderr, format+"\n", args...) }
	what := "watches the live feeds"
	if c.Follow {
		what = "follows the archives"
	}
	say("darkmap %s %s; what it learns is kept in %s", version, what, dir.Path())
	for _, s := range w.cfg.Ingest.Describe(c.Follow) {
		say("  %-11s %s", s.Name, s.Text)
	}
	w.g.announceNotify(w.cfg)
	p := w.cfg.Detect.Core.Panel
	first := "First each collector's newest table and the updates since then are fetched"
	if !w.cfg.Ingest.Archives && !c.Follow {
		first = "Routers send their tables; of other collectors it learns from updates alone"
	}
	say("%s; a verdict needs whole tables of %d ASNs on %d collectors.", first, p.MinVoters, p.MinCollectors)
	say(
		"http://%s/readyz says what it waits for, `%s` how each feed stands; Ctrl-C ends it.",
		c.AdminAddr, w.g.command("feeds"),
	)
}

// report prints events until ctx ends: outages on standard output, all others on standard error.
func (w *upRun) report(ctx context.Context) error {
	defer w.g.line.Clear()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan error, 2)
	go func() { told <- w.outages(watching) }() // ends with watching, or with an error
	go func() { told <- w.panels(watching) }()  // likewise
	t := time.NewTicker(reportEvery)
	defer t.Stop()
	reporter := reporter{w: w}
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

// panels prints whether verdicts were possible at the end of the last run. Then it prints each
// change.
func (w *upRun) panels(ctx context.Context) error {
	since := time.Now()
	said := map[bgp.Family]panelAnswer{}
	err := kafka.ReadSince(
		ctx, w.cfg.Kafka, w.g.log, schemas.TopicPanel, since.Add(-feedlog.Back),
		func(rec *kgo.Record) error {
			a, err := parseAnswer(rec)
			if err == nil && a != nil {
				said[a.family] = *a
			}
			return err
		},
	)
	if err != nil {
		return unlessTold(ctx, fmt.Errorf("reading the panels: %w", err))
	}
	for _, f := range bgp.Families {
		if a, ok := said[f]; ok {
			w.g.notice(a.at, "panel", a.text+" (from before)")
		}
	}
	return kafka.TailSince(
		ctx, w.cfg.Kafka, w.g.log, []string{schemas.TopicPanel}, since,
		func(rec *kgo.Record) error {
			a, err := parseAnswer(rec)
			if err != nil || a == nil {
				return err
			}
			if was, known := said[a.family]; !known || was.why != a.why {
				w.g.notice(a.at, "panel", a.text)
			}
			said[a.family] = *a
			return nil
		},
	)
}

// panelAnswer reports whether a verdict is possible in a family.
type panelAnswer struct {
	family bgp.Family
	at     time.Time
	why    bgp.NoVerdict
	text   string
}

// parseAnswer decodes a record of bgp.panel. It returns nil for a family of a later version.
func parseAnswer(rec *kgo.Record) (*panelAnswer, error) {
	var p pb.PanelRecord
	if err := p.UnmarshalVT(rec.Value); err != nil {
		return nil, fmt.Errorf("decoding a panel at offset %d: %w", rec.Offset, err)
	}
	family, err := codec.ParseFamily(p.GetFamily())
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // said above
	}
	why, votes := codec.ParseVerdict(&p)
	return &panelAnswer{
		family, time.UnixMicro(p.GetTimeUs()), why, why.Standing(family, votes, int(p.GetOpenEvents())),
	}, nil
}

// notice prints an event with its time on standard error, in the layout of events and of the log.
func (g *globals) notice(at time.Time, kind, text string) {
	fmt.Fprintf(g.stderr, "%s  %-9s %s\n", at.UTC().Format(time.DateTime), kind, text)
}

// reporter remembers the last report.
type reporter struct {
	w        *upRun
	waits    string // the subjects of the last report
	said     time.Time
	messages uint64
	looked   time.Time
}

// look reports changes, and draws the line of progress.
func (t *reporter) look(now time.Time) {
	reasons := waitsFor(t.w.stages.Ready())
	if waits := subjects(reasons); waits != t.waits || t.said.IsZero() ||
		waits != "" && now.Sub(t.said) >= remindEvery {
		t.waits, t.said = waits, now
		if waits == "" {
			t.w.g.notice(now, "ready", "every source brings messages")
		}
		for _, r := range reasons {
			t.w.g.notice(now, "waiting", r)
		}
	}
	p := t.w.live.Progress()
	if !t.looked.IsZero() {
		t.w.g.line.Draw(liveText(p, float64(p.Messages-min(p.Messages, t.messages))/now.Sub(t.looked).Seconds()))
	}
	t.messages, t.looked = p.Messages, now
}

// waitsFor lists the reasons why a run is not ready. It leaves out that no verdict is possible,
// because panels prints that.
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

// subjects returns the reasons without the parts that change from one check to the next.
func subjects(reasons []string) string {
	var out []string
	for _, r := range reasons {
		parts := strings.SplitN(r, ": ", 4)
		out = append(out, strings.Join(parts[:min(len(parts), 3)], ": "))
	}
	return strings.Join(out, "\n")
}

// liveText returns the line of progress.
func liveText(p ingest.LiveProgress, rate float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d collectors up  %d peers  %.0f messages/s", p.Up, p.Collectors, p.Peers, rate)
	if p.Lag > 0 {
		fmt.Fprintf(&b, "  %.1f s behind", p.Lag.Seconds())
	}
	if p.Tables.Open > 0 {
		fmt.Fprintf(&b, "  tables of %d collectors to come", p.Tables.Open)
		if p.Tables.TotalBytes > 0 {
			fmt.Fprintf(&b, ", %s of %s", progress.Bytes(p.Tables.DoneBytes), progress.Bytes(p.Tables.TotalBytes))
		}
		if p.Tables.Left > 0 {
			fmt.Fprintf(&b, ", about %v left", p.Tables.Left.Round(time.Second))
		}
	}
	return b.String()
}
