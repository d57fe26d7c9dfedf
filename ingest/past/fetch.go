package past

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/playback"
)

// ErrTooLarge reports a span whose files are larger than the cache may be.
var ErrTooLarge = errors.New("the files need more than the cache may hold (ingest.archive.cache_bytes)")

// ErrUnfetched reports files that could not be fetched. A later attempt may succeed.
var ErrUnfetched = errors.New("files could not be fetched")

// Deps holds the dependencies of Fetch.
type Deps struct {
	Fetcher *archive.Fetcher
	// CacheBytes bounds the cache. Parallel bounds the files that are fetched from one server at
	// one time.
	CacheBytes int64
	Parallel   int
	// Said receives sentences about missing files. Fetch's goroutine calls it.
	Said func(string)
}

// Fetched holds the files that can be played.
type Fetched struct {
	Inputs  []playback.Input
	Missing []playback.Missing
	// Cut is the number of partial files.
	Cut int
	// More fetches tables that answer missing times found in the fetched files, such as after a
	// truncated file, and adds them. It reports whether there are any.
	More func(ctx context.Context, unanswered []playback.Missing) (bool, error)
	// Release allows the cache to remove the files. It may be called several times.
	Release func()
}

// fetch is the state of a running Fetch.
type fetch struct {
	*Selection
	d        Deps
	out      Fetched
	releases []func()
	octets   atomic.Int64 // octets of fetched files from servers
	missing  map[string][]playback.Missing
	asked    map[string]bool // by URL
	failures failures
}

// Fetch fetches the files to this machine. It does not fetch files again that are there. If the
// archive does not have a listed file, the file is missing, and Fetch takes another table if there
// is one. The error is ErrTooLarge, or ErrUnfetched once all available files are here. Another
// Fetch of the same selection then continues with the rest.
func (s *Selection) Fetch(ctx context.Context, d Deps) (*Fetched, error) {
	if need := s.Size(d.Fetcher).Remote; need > d.CacheBytes {
		return nil, fmt.Errorf("%w: about %d octets, and it may have %d", ErrTooLarge, need, d.CacheBytes)
	}
	f := &fetch{Selection: s, d: d, missing: map[string][]playback.Missing{}, asked: map[string]bool{}}
	err := f.run(ctx)
	if err == nil {
		f.lack()
		err = f.failures.err(len(f.asked))
	}
	release := func() {
		for _, r := range f.releases {
			r()
		}
	}
	if err != nil || ctx.Err() != nil {
		release()
		return nil, errors.Join(ctx.Err(), err)
	}
	f.out.Release, f.out.More = release, f.more
	return &f.out, nil
}

// run fetches all files at the same time, so that no server waits for another. It then fetches the
// replacements of missing files.
func (f *fetch) run(ctx context.Context) error {
	var todo []wanted
	for i := range f.Sources {
		files, err := f.unasked(&f.Sources[i])
		if err != nil {
			return err
		}
		todo = append(todo, files...)
	}
	return f.bringAll(ctx, todo)
}

// unasked returns the files of a source that were not requested yet, and marks them as requested.
func (f *fetch) unasked(src *Source) (out []wanted, err error) {
	files := src.files()
	release, err := f.d.Fetcher.Keep(files)
	f.releases = append(f.releases, release)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if !f.asked[file.URL] {
			f.asked[file.URL] = true
			out = append(out, wanted{src, file})
		}
	}
	return out, nil
}

// bringAll fetches files, and then the replacements of those that are missing.
func (f *fetch) bringAll(ctx context.Context, todo []wanted) error {
	for len(todo) > 0 {
		lacking, err := f.batch(ctx, todo)
		if err != nil {
			return err
		}
		todo = nil
		for _, w := range lacking {
			if err := f.replace(ctx, w); err != nil {
				return err
			}
			files, err := f.unasked(w.src)
			if err != nil {
				return err
			}
			todo = append(todo, files...)
		}
	}
	return nil
}

// replace changes the selection for a file that the archive does not have.
func (f *fetch) replace(ctx context.Context, w wanted) error {
	src, name := w.src, base(w.file)
	switch {
	case w.file.Kind == archive.Updates:
		m := src.lacking(w.file)
		f.missing[src.Name] = append(f.missing[src.Name], m)
		src.answer([]playback.Missing{m})
		return nil
	case src.Table == nil || src.Table.URL != w.file.URL:
		f.d.Said(fmt.Sprintf("%s: the table %s is missing in the archive", src.Name, name))
		src.drop(w.file)
		src.answer([]playback.Missing{{End: w.file.Begin}})
		return nil
	}
	if err := f.earlier(ctx, src); err != nil {
		return err
	}
	if src.Table == nil {
		f.d.Said(fmt.Sprintf("%s: its table %s is missing in the archive, and there is no other in reach: "+
			"what its peers hold is learned from its updates", src.Name, name))
		return nil
	}
	f.d.Said(fmt.Sprintf("%s: its table %s is missing in the archive: it begins with that of %s, "+
		"and has %d files of updates", src.Name, name, minute(src.Table.Begin), len(src.Updates)))
	return nil
}

// more implements Fetched.More.
func (f *fetch) more(ctx context.Context, unanswered []playback.Missing) (bool, error) {
	var todo []wanted
	for i := range f.Sources {
		src := &f.Sources[i]
		for _, m := range unanswered {
			if m.Collector == f.player(src.Name) {
				src.answer([]playback.Missing{m})
			}
		}
		files, err := f.unasked(src)
		if err != nil {
			return false, err
		}
		todo = append(todo, files...)
	}
	before := len(f.out.Inputs)
	err := f.bringAll(ctx, todo)
	if err == nil {
		err = f.failures.err(len(f.asked))
	}
	return len(f.out.Inputs) > before, err
}

// lack collects the missing updates of each collector. The plan of the playback reports them.
func (f *fetch) lack() {
	for i := range f.Sources {
		src := &f.Sources[i]
		for _, m := range joined(slices.Concat(src.Missing, f.missing[src.Name])) {
			m.Collector = f.player(src.Name)
			f.out.Missing = append(f.out.Missing, m)
		}
	}
}

// batch fetches files, and returns those that the archive does not have.
func (f *fetch) batch(ctx context.Context, files []wanted) (lacking []wanted, err error) {
	done, err := f.bring(ctx, files)
	if err != nil {
		return nil, err
	}
	for i, o := range done {
		w := files[i]
		switch {
		case errors.Is(o.err, archive.ErrNotFound):
			lacking = append(lacking, w)
			continue
		case o.err != nil:
			f.failures.add(w, o.err)
			continue
		case o.cut != nil:
			f.out.Cut++
			f.d.Said(fmt.Sprintf("%s: the server breaks off after %d octets each time: "+
				"what came is played, and the rest is missing (%v)", w.src.Name, o.local.Size, o.cut))
		case w.file.Size > 0 && o.local.Size != w.file.Size:
			f.d.Said(fmt.Sprintf("%s: %s has %d octets, and the index says %d: it is played as it is",
				w.src.Name, archive.Shown(w.file.URL), o.local.Size, w.file.Size))
		case o.differs != nil:
			f.d.Said(fmt.Sprintf("%s: %s is not what the index says: it is played as it is (%v)", w.src.Name,
				archive.Shown(w.file.URL), o.differs))
		}
		f.releases = append(f.releases, o.local.Release)
		f.out.Inputs = append(f.out.Inputs, playback.Input{
			Collector: f.player(w.src.Name), Path: o.local.Path, Title: archive.Shown(w.file.URL),
		})
	}
	return lacking, nil
}
