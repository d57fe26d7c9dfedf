package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/darkmap/darkmap/ingest/playback"
)

// progressEvery is how often the line is drawn.
const progressEvery = 200 * time.Millisecond

// progressLine draws one line of progress on a terminal, and lets other lines be printed above it. On anything but a
// terminal it draws nothing. It is safe for concurrent use.
type progressLine struct {
	mu    sync.Mutex
	w     io.Writer
	draws bool
	shown bool
	start time.Time
}

func newProgressLine(w io.Writer, now time.Time) *progressLine {
	return &progressLine{w: w, draws: isTerminal(w), start: now}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// run draws until ctx ends, then clears the line.
func (p *progressLine) run(ctx context.Context, progress func() playback.Progress, outages func() int) {
	defer p.clear()
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			p.draw(progressText(progress(), outages(), now.Sub(p.start)))
		}
	}
}

func (p *progressLine) draw(text string) {
	if !p.draws {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	p.shown = true
}

func (p *progressLine) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

// erase needs the lock.
func (p *progressLine) erase() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// print writes a line to w above the progress.
func (p *progressLine) print(w io.Writer, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintln(w, line)
}

// progressText is the line: bytes, event time, rate, outages so far.
func progressText(p playback.Progress, outages int, took time.Duration) string {
	var b strings.Builder
	if p.TotalBytes > 0 {
		fmt.Fprintf(&b, "%3d %% of %s", min(100, 100*p.Bytes/p.TotalBytes), byteText(p.TotalBytes))
	}
	if p.EventTime > 0 {
		fmt.Fprintf(&b, "  %s", time.UnixMicro(p.EventTime).UTC().Format("2006-01-02 15:04"))
	}
	if s := took.Seconds(); s > 0 {
		fmt.Fprintf(&b, "  %.0f messages/s", float64(p.Records)/s)
	}
	fmt.Fprintf(&b, "  %d outages", outages)
	if p.Damaged > 0 {
		fmt.Fprintf(&b, "  %d damaged", p.Damaged)
	}
	return b.String()
}

// byteText writes a size as people do.
func byteText(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n/1_000_000)
	case n >= 10<<10:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d B", n)
}
