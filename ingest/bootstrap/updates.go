package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/updatefile"
	"github.com/darkmap/darkmap/internal/capture"
)

// take receives every undamaged item of a file. It does not retain the item. A nil take means that
// the file is only checked for being whole.
type take func(ctx context.Context, f *archive.File, it *capture.Item) error

// together calls updates after all files are available and whole. Otherwise detect would accept the
// state at the end of one file until the next appears. Files that precede a hole are still passed
// on.
func (t *task) together(ctx context.Context, from, until time.Time, each take) error {
	reached, short := t.updates(ctx, from, until, nil)
	if short != nil && isMissing(short) == nil {
		return short
	}
	if short != nil {
		until = reached.Add(-1)
	}
	if _, err := t.updates(ctx, from, until, each); err != nil {
		return err
	}
	return short
}

// updates passes the items of all update files that cover [from, until] to each, in order. It waits
// for files that are not available yet. It returns the time up to which it came. A *missing names
// the file that did not come in time.
func (t *task) updates(ctx context.Context, from, until time.Time, each take) (time.Time, error) {
	cursor := from
	for !cursor.After(until) {
		files, err := t.covering(ctx, cursor, until)
		if err != nil {
			return cursor, err
		}
		for i := range files {
			t.total += uint64(files[i].Size)
		}
		if cursor, err = t.readAll(ctx, cursor, files, each); err != nil {
			return cursor, err
		}
	}
	return cursor, nil
}

// covering returns the files that follow each other without a hole from the one that covers cursor.
// It waits for that file. An uncompressed file does not show whether it is still being written, so
// covering waits until its time is over.
func (t *task) covering(ctx context.Context, cursor, until time.Time) ([]archive.File, error) {
	deadline := t.patience(cursor)
	for {
		files, err := t.find(ctx, archive.Updates, cursor, until)
		if err != nil {
			return nil, err
		}
		files = slices.DeleteFunc(files, func(f archive.File) bool {
			return !updatefile.Compressed(f.URL) && t.w.d.Now().Before(f.End)
		})
		if row := updatefile.Consecutive(files, cursor); len(row) > 0 {
			return row, nil
		}
		if t.w.d.Now().After(deadline) {
			m := &missing{
				until: until,
				err: fmt.Errorf("no file of updates from %s on was published within %v",
					clock(cursor), t.w.cfg.UpdatesTimeout),
			}
			if len(files) > 0 && files[0].Begin.After(cursor) {
				m.until = files[0].Begin
				m.err = fmt.Errorf("the updates from %s to %s are not in the archive", clock(cursor), clock(m.until))
			}
			return nil, m
		}
		if err := t.say(ctx, "waiting for the updates from "+clock(cursor)+" on to be published", 0); err != nil {
			return nil, err
		}
		if err := t.w.pause(ctx); err != nil {
			return nil, err
		}
		if err := t.alive(ctx); err != nil {
			return nil, err
		}
	}
}

// fetched is the result of fetching a file ahead.
type fetched struct {
	local *archive.Local
	err   error
}

// readAll passes on the items of files. Each file is fetched while the one before is read. It
// returns the end of the last file that was read to its end, or cursor if none was.
func (t *task) readAll(
	ctx context.Context, cursor time.Time, files []archive.File, each take,
) (time.Time, error) {
	ahead, cancel := context.WithCancel(ctx)
	next := t.ahead(ahead, files[0])
	defer func() {
		cancel()
		if f := <-next; f.local != nil {
			f.local.Release()
		}
	}()
	for i := range files {
		got := <-next
		next = closed
		if i+1 < len(files) {
			next = t.ahead(ahead, files[i+1])
		}
		if err := t.readOne(ctx, &files[i], got, each); err != nil {
			return cursor, err
		}
		cursor = files[i].End
	}
	return cursor, nil
}

// closed is a closed channel, for the time after the last file.
var closed = func() chan fetched {
	c := make(chan fetched)
	close(c)
	return c
}()

// ahead fetches a file in a goroutine, which ends with the fetch or ctx.
func (t *task) ahead(ctx context.Context, f archive.File) chan fetched {
	out := make(chan fetched, 1)
	go func() {
		l, err := t.w.d.Fetcher.Get(ctx, f)
		out <- fetched{l, err}
	}()
	return out
}

// readOne passes on the items of one file. A truncated file is fetched again until it is whole or
// overdue. Items that were passed on before are then skipped. If the file has been replaced by
// another, it is passed on from its beginning.
func (t *task) readOne(ctx context.Context, f *archive.File, got fetched, each take) error {
	deadline := t.patience(f.Begin)
	var seen edition
	local, err := got.local, got.err
	for {
		if err != nil { // fetching ahead failed
			local, _, err = t.fetch(ctx, *f, nil)
		}
		var cut error
		switch {
		case isMissing(err) != nil:
			cut = err
		case err != nil:
			return err
		default:
			cut, err = t.readUpdates(ctx, f, local, &seen, each)
			if errors.Is(err, errAnother) {
				seen = edition{}
				cut, err = t.readUpdates(ctx, f, local, &seen, each)
			}
			local.Release()
			if err != nil {
				return err
			}
		}
		if cut == nil {
			return nil
		}
		if t.w.d.Now().After(deadline) {
			return &missing{
				until: f.End,
				err: fmt.Errorf("the updates from %s to %s cannot be read: %w",
					clock(f.Begin), clock(f.End), cut),
			}
		}
		if err := t.say(ctx, "waiting for a whole file: "+cut.Error(), 0); err != nil {
			return err
		}
		if err := t.w.pause(ctx); err != nil {
			return err
		}
		if err := t.alive(ctx); err != nil {
			return err
		}
		err, f.Size = cut, 0 // fetch it again, with any length
	}
}

// readUpdates passes on the items of a fetched file after those in seen. cut reports that the file
// is truncated. The file is then discarded from the cache. The error is errAnother, before any item
// is passed on, if it is not the file in seen.
func (t *task) readUpdates(
	ctx context.Context, f *archive.File, local *archive.Local, seen *edition, each take,
) (cut, err error) {
	leave, err := enter(ctx, t.w.filling)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, err := capture.Open(local.Path, nil)
	if err != nil {
		return err, nil //nolint:nilerr // it is as good as cut
	}
	defer r.Close() //nolint:errcheck // only read
	doing := "reading the updates from "
	if each == nil {
		doing = "checking the updates from "
	}
	doing += clock(f.Begin) + " on"
	for seen.begin(); ; {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.done += uint64(local.Size)
			return nil, seen.end()
		}
		if d, ok := errors.AsType[*capture.Damage](err); ok {
			if updatefile.Truncates(d, f.URL, r.Compression()) {
				local.Discard()
				return d, nil
			}
			if d.Reason == capture.Empty {
				continue // the file has no records
			}
			if err := t.passOver(ctx, f, d, each == nil || d.Number <= seen.said); err != nil {
				return nil, err
			}
			continue
		}
		switch again, err := seen.pass(it); {
		case err != nil:
			return nil, err
		case again:
			continue
		}
		if each != nil {
			if err := each(ctx, f, it); err != nil {
				return nil, err
			}
		}
		seen.handed(it)
		if err := t.step(ctx); err != nil {
			return nil, err
		}
		if t.looked == 0 {
			read, _ := r.Progress()
			if err := t.say(ctx, doing, uint64(read)); err != nil {
				return nil, err
			}
		}
	}
}

// passOver counts a record that cannot be decoded and keeps it, unless another reading of the file
// does (elsewhere).
func (t *task) passOver(ctx context.Context, f *archive.File, d *capture.Damage, elsewhere bool) error {
	if !elsewhere {
		if err := t.w.damaged(ctx, t.collector, f, d); err != nil {
			return err
		}
	}
	return t.step(ctx)
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
