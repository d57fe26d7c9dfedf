package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Kind is the kind of a file.
type Kind string

// The kinds of files.
const (
	RIB     Kind = "rib"
	Updates Kind = "updates"
)

// The span of one update file in the public archives, for each project.
const (
	risUpdates        = 5 * time.Minute
	routeViewsUpdates = 15 * time.Minute
)

// MaxFiles caps the results of one search: two months of RIS.
const MaxFiles = 20_000

// ErrTooMany reports a search with more than MaxFiles results, or an index or directory that is too
// large.
var ErrTooMany = errors.New("too many files")

// ErrNoArchive reports a collector that is in no public archive, such as an operator's own router.
var ErrNoArchive = errors.New("it is in no public archive")

// File is one file of an archive.
type File struct {
	// Collector is the collector's name in the form of bgp.CollectorName.
	Collector string
	Kind      Kind
	// Begin is the first moment that the file covers, and End the first after it. For a table dump
	// both are the same.
	Begin, End time.Time
	// URL is the file's location: http, https, or a path on this machine.
	URL string
	// Size is the exact size in octets. 0 means unknown.
	Size int64
	// Rough is the approximate size in octets, as a server's listing rounds it. 0 means unknown.
	Rough int64
	// Checksum is sha256:<hex> or md5:<hex>. Empty means unknown.
	Checksum string
}

// About returns the size in octets, exact if known, else approximate. 0 means unknown.
func (f *File) About() int64 { return cmp.Or(f.Size, f.Rough) }

// Every means all collectors in a search.
const Every = ""

// Finder lists the files of a collector that touch the span from from to to, by time. With Every it
// lists those of all collectors. For an unknown collector it finds none. It is safe for concurrent
// use.
type Finder interface {
	Find(ctx context.Context, collector string, kind Kind, from, to time.Time) ([]File, error)
}

// touches reports whether f covers a part of [from, to].
func (f *File) touches(from, to time.Time) bool {
	if f.Kind == RIB {
		return !f.Begin.Before(from) && !f.Begin.After(to)
	}
	return !f.Begin.After(to) && f.End.After(from)
}

// wanted reports whether f is a result of a search.
func (f *File) wanted(collector string, kind Kind, from, to time.Time) bool {
	return (collector == Every || f.Collector == collector) && f.Kind == kind && f.touches(from, to)
}

// inOrder sorts files by time and drops duplicates.
func inOrder(files []File) []File {
	slices.SortStableFunc(files, func(a, b File) int {
		return cmp.Or(a.Begin.Compare(b.Begin), a.End.Compare(b.End),
			strings.Compare(a.Collector, b.Collector), strings.Compare(a.URL, b.URL))
	})
	return slices.CompactFunc(files, func(a, b File) bool {
		return a.Collector == b.Collector && a.Begin.Equal(b.Begin) && a.End.Equal(b.End)
	})
}

// brokerID returns a collector's project and id in the Broker's spelling. It is the inverse of
// bgp.CollectorName.
func brokerID(collector string) (project, id string, err error) {
	project, id, ok := strings.Cut(collector, "/")
	if name, err := bgp.CollectorName(project, id); !ok || err != nil || name != collector {
		return "", "", fmt.Errorf("%q: %w: want ris/rrcNN or routeviews/<name>", collector, ErrNoArchive)
	}
	if project == bgp.ProjectRIS {
		project = "riperis"
	}
	return project, id, nil
}

// span returns the time that one update file of the collector covers.
func span(collector string) time.Duration {
	if strings.HasPrefix(collector, bgp.ProjectRIS+"/") {
		return risUpdates
	}
	return routeViewsUpdates
}
