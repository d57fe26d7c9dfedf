package past

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/internal/bgp"
)

// maxServers bounds the servers that are used at one time. The public archives have two.
const maxServers = 16

// errGivenUp reports a file that was not requested.
var errGivenUp = errors.New("its server was given up")

// wanted is a file to be fetched for a source.
type wanted struct {
	src  *Source
	file archive.File
}

// outcome is the result of fetching a file.
type outcome struct {
	local *archive.Local
	err   error
	// cut is the reason why local is only the beginning of the file. nil means that it is whole.
	cut error
	// differs reports that the file's checksum is not that of the index.
	differs error
}

// bring fetches files, from each server some at one time. The error is that of ctx, or ErrTooLarge.
func (f *fetch) bring(ctx context.Context, files []wanted) ([]outcome, error) {
	out := make([]outcome, len(files))
	byServer := map[string][]int{}
	for i, w := range files {
		name := archive.Server(w.file.URL)
		byServer[name] = append(byServer[name], i)
	}
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(maxServers)
	for _, name := range slices.Sorted(maps.Keys(byServer)) {
		all.Go(func() error { // ends with its files, or ctx
			s := &server{f: f, remote: name != "", files: files, out: out}
			return s.bring(ctx, byServer[name])
		})
	}
	return out, all.Wait()
}

// server fetches the files of one server.
type server struct {
	f      *fetch
	remote bool
	files  []wanted
	out    []outcome // each element belongs to the goroutine that fetches its file

	mu      sync.Mutex
	failed  int // number of consecutive failures; guarded by mu
	givenUp atomic.Bool
}

// bring fetches the files with these indexes.
func (s *server) bring(ctx context.Context, numbers []int) error {
	g, fetching := errgroup.WithContext(ctx)
	g.SetLimit(s.f.d.Parallel)
	for _, i := range numbers {
		g.Go(func() error { // ends with the file, or ctx
			if err := fetching.Err(); err != nil {
				return err
			}
			s.out[i] = s.one(fetching, s.files[i].file)
			return s.f.weigh(s.out[i].local, s.remote)
		})
	}
	err := g.Wait()
	for _, i := range numbers {
		// the server failed, and not the file
		if o := &s.out[i]; err == nil && o.cut != nil && s.givenUp.Load() {
			o.local.Release()
			*o = outcome{err: o.cut}
		}
	}
	return err
}

// one fetches a file. It does not require the size and checksum in the index: whatever the server
// has can be played.
func (s *server) one(ctx context.Context, file archive.File) (o outcome) {
	if s.givenUp.Load() {
		return outcome{err: errGivenUp}
	}
	checksum := file.Checksum
	file.Size, file.Checksum = 0, ""
	o.local, o.err = s.f.d.Fetcher.Get(ctx, file)
	if o.err == nil && checksum != "" {
		o.local, o.differs = s.f.d.Fetcher.Against(ctx, o.local, file, checksum)
	}
	if archive.BrokenOff(o.err) {
		part, err := s.f.d.Fetcher.Part(file)
		switch {
		case err != nil:
			o.err = errors.Join(o.err, err)
		case part.Size > 0:
			o.local, o.cut, o.err = part, o.err, nil
		default:
			part.Release()
		}
	}
	s.note(ctx, o)
	return o
}

// note gives up the server after Parallel consecutive failures. Parallel is the number of files
// fetched at one time.
func (s *server) note(ctx context.Context, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.err == nil && o.cut == nil, errors.Is(o.err, archive.ErrNotFound):
		s.failed = 0
	case ctx.Err() == nil:
		if s.failed++; s.remote && s.failed >= s.f.d.Parallel {
			s.givenUp.Store(true)
		}
	}
}

// weigh counts the octets of a fetched file. It returns ErrTooLarge, which ends the fetching, if
// the cache would grow beyond its bound.
func (f *fetch) weigh(l *archive.Local, remote bool) error {
	if l == nil || !remote {
		return nil
	}
	if n := f.octets.Add(l.Size); n > f.d.CacheBytes {
		return fmt.Errorf("%w: %d octets are there, and more are to come", ErrTooLarge, n)
	}
	return nil
}

// failures counts files that could not be fetched, by server.
type failures struct {
	first map[string]error // the first error
	count map[string]int
	given map[string]int // part of count: files that were not requested
	of    map[string][]string
}

func (x *failures) add(w wanted, err error) {
	if x.first == nil {
		x.first, x.count, x.given, x.of = map[string]error{}, map[string]int{}, map[string]int{},
			map[string][]string{}
	}
	name := archive.Server(w.file.URL)
	x.count[name]++
	if !slices.Contains(x.of[name], w.src.Name) {
		x.of[name] = append(x.of[name], w.src.Name)
	}
	switch {
	case errors.Is(err, errGivenUp):
		x.given[name]++
	case x.first[name] == nil:
		x.first[name] = err
	}
}

// err describes the missing files and how to continue. It returns nil if no file is missing. total
// is the number of all files.
func (x *failures) err(total int) error {
	if len(x.count) == 0 {
		return nil
	}
	var parts []string
	missing := 0
	for _, name := range slices.Sorted(maps.Keys(x.count)) {
		missing += x.count[name]
		text := fmt.Sprintf("%v", x.first[name])
		if n := x.given[name]; n > 0 {
			text = fmt.Sprintf("%s was given up, and %s not asked for: %s", name, bgp.Count(n, "file")+are(n), text)
		}
		slices.Sort(x.of[name])
		parts = append(parts, fmt.Sprintf("%s of %s: %s", bgp.Count(x.count[name], "file"), some(x.of[name]), text))
	}
	return fmt.Errorf("%d of %d %w: %s. The fetched files are kept: the same command goes on with the rest. "+
		"To do without a collector, name the others with --collectors",
		missing, total, ErrUnfetched, strings.Join(parts, "; "))
}

// are returns the verb for a count.
func are(n int) string {
	if n == 1 {
		return " was"
	}
	return " were"
}
