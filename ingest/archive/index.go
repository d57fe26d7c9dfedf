package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// indexBytes caps the size of an index. It is more than MaxFiles lines need.
const indexBytes = 16 << 20

// Index finds files in a list. It reads the list again for every search, because it may grow.
type Index struct {
	location string
	c        *client
	log      *slog.Logger

	mu   sync.Mutex
	said string // the bad lines that were last logged; guarded by mu
}

// NewIndex returns an Index that reads the list at location, a path or a URL. It logs lines that
// cannot be read. A nil log discards them.
func NewIndex(location string, cfg Config, log *slog.Logger) *Index {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Index{location: location, c: newClient(cfg), log: log}
}

// Find implements Finder.
func (x *Index) Find(ctx context.Context, collector string, kind Kind, from, to time.Time) ([]File, error) {
	text, err := x.read(ctx)
	if err != nil {
		return nil, err
	}
	files, bad, err := parseIndex(text, x.location)
	if err == nil && len(files) == 0 {
		err = bad.err() // no line is a line of an index
	}
	if err != nil {
		return nil, fmt.Errorf("reading the index %s: %w", Shown(x.location), err)
	}
	x.warn(bad)
	var out []File
	for _, f := range files {
		if f.wanted(collector, kind, from, to) {
			out = append(out, f)
		}
	}
	return inOrder(out), nil
}

func (x *Index) read(ctx context.Context) ([]byte, error) {
	if isRemote(x.location) {
		return x.c.read(ctx, x.location, indexBytes)
	}
	path := local(x.location)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading an index: %w", err)
	}
	if info.Size() > indexBytes {
		return nil, fmt.Errorf("the index %s has %d octets, at most %d are read: %w", Shown(x.location),
			info.Size(), indexBytes, ErrTooMany)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("reading an index: %w", err)
	}
	return text, nil
}

// warn logs the bad lines, unless they are the same as those last logged.
func (x *Index) warn(bad badLines) {
	x.mu.Lock()
	defer x.mu.Unlock()
	text := bad.String()
	if text != "" && text != x.said {
		x.log.Warn("lines of the archives' index cannot be read; the others are used",
			"index", Shown(x.location), "lines", bad.count, "err", text)
	}
	x.said = text
}

// maxBadLines bounds the bad lines that are named.
const maxBadLines = 5

// badLines counts lines that could not be read, and holds the errors of the first ones.
type badLines struct {
	count int
	first []error
}

func (b *badLines) add(line int, err error) {
	if b.count++; len(b.first) < maxBadLines {
		b.first = append(b.first, fmt.Errorf("line %d: %w", line, err))
	}
}

func (b *badLines) err() error { return errors.Join(b.first...) }

// String returns one line of text. It is empty if every line could be read.
func (b *badLines) String() string {
	var parts []string
	for _, err := range b.first {
		parts = append(parts, err.Error())
	}
	if n := b.count - len(b.first); n > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, "; ")
}

// parseIndex parses the lines: collector, kind, begin, end, URL or path, and, if known, size and
// checksum. It leaves out an unfinished last line, which is being written. It ignores empty lines
// and those that begin with #. It leaves out lines that cannot be read, and adds them to bad.
func parseIndex(text []byte, location string) (files []File, bad badLines, err error) {
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		s := strings.TrimSuffix(string(line), "\r")
		if s == "" || s[0] == '#' {
			continue
		}
		if len(files) >= 10*MaxFiles {
			return nil, bad, fmt.Errorf("line %d: %w: more than %d", n, ErrTooMany, 10*MaxFiles)
		}
		f, err := parseLine(s, location)
		if err != nil {
			bad.add(n, err)
			continue
		}
		files = append(files, f)
	}
	return files, bad, nil
}

func parseLine(s, location string) (File, error) {
	c := strings.Split(s, "\t")
	if len(c) < 5 || len(c) > 7 {
		return File{},
			fmt.Errorf("it has %d columns: want collector, kind, begin, end, URL, and perhaps size and checksum",
				len(c))
	}
	f := File{Collector: c[0], Kind: Kind(c[1])}
	if f.Collector == "" || f.Kind != RIB && f.Kind != Updates {
		return File{}, fmt.Errorf("collector %.80q, kind %.80q: want a name, and rib or updates", c[0], c[1])
	}
	var err error
	if f.Begin, err = time.Parse(time.RFC3339Nano, c[2]); err != nil {
		return File{}, fmt.Errorf("its begin: %w", err)
	}
	if f.End, err = time.Parse(time.RFC3339Nano, c[3]); err != nil {
		return File{}, fmt.Errorf("its end: %w", err)
	}
	if f.End.Before(f.Begin) {
		return File{}, fmt.Errorf("its end, %s, is before its begin, %s", c[3], c[2])
	}
	if f.URL, err = resolve(location, c[4]); err != nil {
		return File{}, err
	}
	if len(c) > 5 && c[5] != "" {
		if f.Size, err = strconv.ParseInt(c[5], 10, 64); err != nil || f.Size < 0 {
			return File{}, fmt.Errorf("its size, %.40q, is no number of octets", c[5])
		}
	}
	if len(c) > 6 {
		f.Checksum = c[6]
	}
	return f, nil
}

// resolve returns the location that an entry of an index means. An index that was fetched cannot
// name files of this machine.
func resolve(index, to string) (string, error) {
	switch {
	case to == "":
		return "", fmt.Errorf("its URL is empty")
	case isRemote(to):
		return to, nil
	case !isRemote(index):
		if p := local(to); filepath.IsAbs(p) {
			return p, nil
		}
		return filepath.Join(filepath.Dir(local(index)), local(to)), nil
	}
	base, err := url.Parse(index)
	if err != nil {
		return "", fmt.Errorf("the index's URL: %w", err)
	}
	ref, err := url.Parse(to)
	if err != nil {
		return "", fmt.Errorf("its URL: %w", err)
	}
	out := base.ResolveReference(ref).String()
	if !isRemote(out) {
		return "", fmt.Errorf("its URL, %.80q, is neither http nor https", to)
	}
	return out, nil
}
