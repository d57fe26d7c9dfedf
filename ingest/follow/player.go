package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/updatefile"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/retry"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// player plays one collector. It belongs to its goroutine, except for cancel and done.
type player struct {
	f      *Follower
	name   string
	cancel context.CancelFunc
	done   chan struct{}

	s      *stream.Stream
	out    updatefile.Writer
	files  []archive.File
	cursor time.Time // everything before this time was played, or is in a gap
}

// lookAhead is how far beyond the late clock's time next asks for files.
const lookAhead = time.Hour

// play follows the collector until ctx ends.
func (p *player) play(ctx context.Context) (err error) {
	if p.s, err = p.f.d.Streams.Open(ctx, p.name, stream.Options{
		Source: "archive", Archived: true,
	}); err != nil {
		return err
	}
	defer p.s.Close()
	p.out = updatefile.Writer{Stream: p.s, Lane: p.s.Source(bgp.LaneFollow)}
	if err := p.gap(ctx, p.s.Since(), "begins to follow the archive"); err != nil {
		return err
	}
	for ctx.Err() == nil {
		file, err := p.next(ctx)
		if err != nil {
			return err
		}
		if err := p.file(ctx, file); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// gap begins a gap since since, microseconds, and sets the cursor to its end, because writing may
// take a while.
func (p *player) gap(ctx context.Context, since int64, why string) error {
	g, err := p.s.BeginGap(ctx, since, why)
	if err != nil {
		return err
	}
	p.cursor = time.UnixMicro(g.Until)
	return p.s.Up(ctx)
}

// next returns the file that covers the cursor. If no such file appears in time, next begins a gap
// before the next file.
func (p *player) next(ctx context.Context) (archive.File, error) {
	isDown := false
	for {
		if row := updatefile.Consecutive(p.files, p.cursor); len(row) > 0 {
			p.files = row[1:]
			p.f.note(p.name, nil, false)
			return row[0], p.s.Up(ctx)
		}
		now := p.f.d.Now()
		files, err := p.f.d.Finder.Find(ctx, p.name, archive.Updates, p.cursor, p.f.d.Now().Add(lookAhead))
		p.files = files
		early := false
		switch row := updatefile.Consecutive(files, now); {
		case len(updatefile.Consecutive(files, p.cursor)) > 0:
			continue
		case now.Before(p.cursor.Add(p.f.cfg.StepInterval)):
			early = true
		case now.Before(p.cursor.Add(p.f.cfg.FileTimeout)):
			p.s.Suspend()
		case err == nil && len(row) > 0:
			if err := p.skip(ctx, now); err != nil {
				return archive.File{}, err
			}
			continue
		case !isDown:
			isDown = true
			p.f.metrics.missing.Inc()
			if err := p.s.Down(
				ctx, pb.DownReason_DOWN_REASON_STALE, "no updates from "+clock(p.cursor)+" on",
			); err != nil {
				return archive.File{}, err
			}
		}
		if err == nil && !early {
			err = errors.New("no updates from " + clock(p.cursor) + " on")
		}
		p.f.note(p.name, err, false)
		if err := retry.Sleep(ctx, p.f.cfg.PollInterval); err != nil {
			return archive.File{}, err
		}
	}
}

// until waits for t, or a part of the time until then, because a clock may be set.
func (p *player) until(ctx context.Context, t, now time.Time) error {
	return retry.Sleep(ctx, min(max(t.Sub(now), p.f.cfg.StepInterval), p.f.cfg.PollInterval))
}

// skip begins a gap from the cursor to to, once the late clock has reached to.
func (p *player) skip(ctx context.Context, to time.Time) error {
	p.f.metrics.missing.Inc()
	now := p.f.d.Now()
	for now.Before(to) {
		p.s.Suspend()
		if err := p.until(ctx, to, now); err != nil {
			return err
		}
		now = p.f.d.Now()
	}
	return p.gap(ctx, p.cursor.UnixMicro(), "the updates from "+clock(p.cursor)+" on are not in the archive")
}

// file plays a file. It writes each message when the late clock has reached the message's time.
func (p *player) file(ctx context.Context, f archive.File) error {
	local, err := p.fetch(ctx, f)
	if err != nil || local == nil {
		return err
	}
	defer local.Release()
	r, err := capture.Open(local.Path, nil)
	if err != nil {
		return p.skip(ctx, f.End)
	}
	defer r.Close() //nolint:errcheck // only read
	now, last := p.f.d.Now(), p.cursor
	begun := f.Begin.Before(p.cursor) // the file's first part was played, or is in a gap
	said := last                      // the latest time in the file so far
	if begun {
		said = f.Begin
	}
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			p.cursor = f.End
			return nil
		}
		if d, ok := errors.AsType[*capture.Damage](err); ok {
			if err := p.damaged(ctx, f, d); err != nil {
				return err
			}
			if updatefile.Truncates(d, f.URL, r.Compression()) {
				local.Discard()
				p.cursor = last
				return p.skip(ctx, f.End)
			}
			continue
		}
		if !updatefile.Carries(it) {
			continue
		}
		at, err := p.time(ctx, f, it, said)
		if err != nil {
			return err
		}
		if at.After(said) {
			said = at
		}
		if begun && at.Before(p.cursor) {
			continue
		}
		if now, err = p.reach(ctx, at, now); err != nil {
			return err
		}
		if at.After(last) { // a record that is out of order does not make a gap begin earlier
			last = at
		}
		p.out.Lane.Seek(uint64(max(f.Begin.Unix(), 0)), it.Number)
		if _, err := p.out.Write(ctx, it); err != nil {
			return err
		}
		p.f.metrics.messages.Inc()
	}
}

// reach waits until the late clock has reached at. now is the clock's last reading. It returns the
// new reading.
func (p *player) reach(ctx context.Context, at, now time.Time) (time.Time, error) {
	for at.After(now) {
		if now = p.f.d.Now(); !at.After(now) {
			break
		}
		if err := p.until(ctx, at, now); err != nil {
			return now, err
		}
		now = p.f.d.Now()
	}
	return now, nil
}

// oddTime is how far a record's time may lie outside the time that its file covers.
const oddTime = 10 * time.Minute

// time returns the time at which an item is played. If the item's time lies too far outside the
// file's, it counts as damage. The item then gets last, the time of the record before, and is
// played with that record.
func (p *player) time(
	ctx context.Context, f archive.File, it *capture.Item, last time.Time,
) (time.Time, error) {
	at := time.UnixMicro(it.Timestamp)
	if !at.Before(f.Begin.Add(-oddTime)) && !at.After(f.End.Add(oddTime)) {
		return at, nil
	}
	err := p.damaged(ctx, f, &capture.Damage{
		File: f.URL, Offset: it.Offset, Number: it.Number, Reason: capture.BadTime, Raw: it.Message,
		Err: fmt.Errorf("its time, %s, is not in the file, which is from %s to %s",
			clock(at), clock(f.Begin), clock(f.End)),
	})
	it.Timestamp = last.UnixMicro()
	return last, err
}

func (p *player) damaged(ctx context.Context, f archive.File, d *capture.Damage) error {
	p.f.metrics.damaged.Inc()
	if p.f.d.DeadLetter == nil {
		return nil
	}
	return p.f.d.DeadLetter(ctx, stream.DeadLetter{
		Collector: p.name, Origin: f.URL, Offset: d.Offset, Raw: d.Raw, Reason: string(d.Reason), Err: d.Err,
	})
}

// fetch downloads a file. It returns nil if the file did not come in time: it has then begun a gap.
func (p *player) fetch(ctx context.Context, f archive.File) (*archive.Local, error) {
	for {
		local, err := p.f.d.Fetcher.Get(ctx, f)
		if err == nil {
			p.f.note(p.name, nil, false)
			return local, p.s.Up(ctx)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.f.note(p.name, err, false)
		now := p.f.d.Now()
		if !now.Before(p.cursor.Add(p.f.cfg.FileTimeout)) {
			return nil, p.skip(ctx, f.End)
		}
		if !now.Before(p.cursor.Add(p.f.cfg.StepInterval)) {
			p.s.Suspend()
		}
		if err := retry.Sleep(ctx, p.f.cfg.PollInterval); err != nil {
			return nil, err
		}
	}
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
