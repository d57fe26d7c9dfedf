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

// Kind is what a file holds.
type Kind string

// The kinds.
const (
	RIB     Kind = "rib"
	Updates Kind = "updates"
)

// The spans of one file of updates, and between two table dumps, in the public archives.
const (
	risUpdates        = 5 * time.Minute
	routeViewsUpdates = 15 * time.Minute
)

// MaxFiles caps what one search may yield: two months of RIS.
const MaxFiles = 20_000

// ErrTooMany is a search that yields more than MaxFiles files, or an index or directory that is too large.
var ErrTooMany = errors.New("too many files")

// ErrNoArchive is a collector that no public archive has, such as a router of one's own.
var ErrNoArchive = errors.New("it is in no public archive")

// File is one file of an archive.
type File struct {
	// Collector is its name as bgp.CollectorName writes it.
	Collector string
	Kind      Kind
	// Begin is the first moment that it covers, End the first that it does not any more; both are the same for a table dump.
	Begin, End time.Time
	// URL is where it is: http, https, or a path on this machine.
	URL string
	// Size in bytes; 0 is unknown. Only an exact one is given.
	Size int64
	// Rough is about the size in bytes, as a listing of the server rounds it; 0 is unknown.
	Rough int64
	// Checksum is sha256:<hex> or md5:<hex>; empty is unknown.
	Checksum string
}

// About is the size in bytes, if only roughly; 0 is unknown.
func (f *File) About() int64 { return cmp.Or(f.Size, f.Rough) }

// Every stands for all collectors in a search.
const Every = ""

// Finder lists the files of a collector that touch the span from from to to, by time; with Every those of all collectors. A collector that it
// does not know has none. It is safe for concurrent use.
type Finder interface {
	Find(ctx context.Context, collector string, kind Kind, from, to time.Time) ([]File, error)
}

// touches reports whether f has a part in [from, to].
func (f *File) touches(from, to time.Time) bool {
	if f.Kind == RIB {
		return !f.Begin.Before(from) && !f.Begin.After(to)
	}
	return !f.Begin.After(to) && f.End.After(from)
}

// wanted reports whether f is a file of a search.
func (f *File) wanted(collector string, kind Kind, from, to time.Time) bool {
	return (collector == Every || f.Collector == collector) && f.Kind == kind && f.touches(from, to)
}

// inOrder sorts files by time and drops those that are listed twice.
func inOrder(files []File) []File {
	slices.SortStableFunc(files, func(a, b File) int {
		return cmp.Or(a.Begin.Compare(b.Begin), a.End.Compare(b.End), strings.Compare(a.Collector, b.Collector), strings.Compare(a.URL, b.URL))
	})
	return slices.CompactFunc(files, func(a, b File) bool {
		return a.Collector == b.Collector && a.Begin.Equal(b.Begin) && a.End.Equal(b.End)
	})
}

// brokerID returns a collector's project and id as the Broker spells them: the inverse of bgp.CollectorName.
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

// span is how long a file of updates of the collector is.
func span(collector string) time.Duration {
	if strings.HasPrefix(collector, bgp.ProjectRIS+"/") {
		return risUpdates
	}
	return routeViewsUpdates
}
