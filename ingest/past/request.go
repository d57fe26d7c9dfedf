package past

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// reach bounds the time between a collector's table and the span. RIS writes a table every 8
	// hours, RouteViews every 2.
	reach = 24 * time.Hour
	// warmUp is the time that the table should precede the span by. The panel is decided each
	// quarter of an hour, and writing a table takes minutes.
	warmUp = 30 * time.Minute
	// together is the length of the longest update files. The span is rounded up to a multiple of
	// it, so that all collectors end together.
	together = 15 * time.Minute
	// checkEvery is the interval of further tables. They reveal routes whose withdrawal was missed.
	checkEvery = 24 * time.Hour
)

// ErrNothing reports a span for which the archive has no files.
var ErrNothing = errors.New("the archive holds nothing of this time")

// Request describes the wanted replay.
type Request struct {
	// From and To are the span.
	From, To time.Time
	// Collectors are names in the form of bgp.CollectorName. Empty means enough for a panel.
	Collectors []string
	// All means every collector.
	All bool
	// Panel is the number of voters and collectors that a verdict needs.
	Panel Panel
}

// Panel is the number of voters, and of collectors with them, that a verdict needs.
type Panel struct{ Voters, Collectors int }

// Selection lists the files to be fetched.
type Selection struct {
	Request
	// Until is the end of the updates: To, rounded up.
	Until time.Time
	// Sources are the collectors, by name.
	Sources []Source
	// Notes are sentences about defects of the selection.
	Notes []string

	finder archive.Finder
}

// Source lists the files to be taken of one collector.
type Source struct {
	Name string
	// Table is the first table to play. It is nil if none is in reach.
	Table *archive.File
	// Further are later tables, by time.
	Further []archive.File
	// Updates are the update files, by time.
	Updates []archive.File
	// Missing lists the times for which the archive has no updates in its index.
	Missing []playback.Missing
	// Voters is about the number of full feeds in its table. 0 means unknown.
	Voters int

	older, later []archive.File // tables before Table, the newest first; tables after it, by time
	step         time.Duration  // between update files; 0: unknown
}

// Find searches the archives and selects files.
func Find(ctx context.Context, finder archive.Finder, req Request) (*Selection, error) {
	s := &Selection{Request: req, Until: roundUp(req.To, together), finder: finder}
	names := slices.Clone(req.Collectors)
	if len(names) == 0 {
		var err error
		if names, err = s.candidates(ctx); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		src, err := s.source(ctx, name)
		if err != nil {
			return nil, err
		}
		if src.Table == nil && len(src.Updates) == 0 {
			s.note("%s: the archive holds nothing of it from %s to %s: it is left out", name,
				minute(req.From), minute(s.Until))
			continue
		}
		s.Sources = append(s.Sources, *src)
	}
	if !slices.ContainsFunc(s.Sources, func(x Source) bool { return len(x.Updates) > 0 }) {
		return nil, fmt.Errorf("from %s to %s: %w%s", minute(req.From), minute(s.Until), ErrNothing, said(s.Notes))
	}
	if n := len(s.Files()); n > playback.MaxFiles {
		return nil,
			fmt.Errorf("%d files: at most %d are played in one go: choose a shorter time or fewer collectors",
				n, playback.MaxFiles)
	}
	return s, nil
}

// said formats notes for the end of an error.
func said(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

func (s *Selection) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// source selects the files of a collector.
func (s *Selection) source(ctx context.Context, name string) (*Source, error) {
	src := &Source{Name: name}
	tables, err := s.finder.Find(ctx, name, archive.RIB, s.From.Add(-reach), s.Until)
	if err != nil {
		return nil, err
	}
	if i := start(tables, s.From); i >= 0 {
		src.Table, src.later = &tables[i], tables[i+1:]
		src.older = slices.Clone(tables[:i])
		slices.Reverse(src.older)
		src.Voters = voters(tables[i])
	}
	if err := s.updates(ctx, src); err != nil {
		return nil, err
	}
	switch {
	case src.Table == nil && len(src.Updates) == 0: // Find notes it
	case src.Table == nil:
		s.note("%s has no table from %s to %s: what its peers hold is learned from its updates", name,
			minute(s.From.Add(-reach)), minute(s.Until))
	case src.Table.Begin.After(s.From):
		s.note("%s has no table in the %d hours before %s: its first is of %s", name, int(reach.Hours()),
			minute(s.From), minute(src.Table.Begin))
	}
	return src, nil
}

// start returns the index of the first table to play: the newest that leaves time to warm up, else
// the newest before from, else the first after it. It is -1 if there is none. The tables are by
// time.
func start(tables []archive.File, from time.Time) int {
	for _, latest := range []time.Time{from.Add(-warmUp), from} {
		for i, t := range slices.Backward(tables) {
			if !t.Begin.After(latest) {
				return i
			}
		}
	}
	return min(len(tables), 1) - 1
}

// begin returns the time from which updates of the source are taken.
func (s *Selection) begin(src *Source) time.Time {
	if src.Table != nil && src.Table.Begin.Before(s.From) {
		return src.Table.Begin
	}
	return s.From
}

// updates selects the updates of a source. It also sets the times without updates, and the further
// tables that follow from them.
func (s *Selection) updates(ctx context.Context, src *Source) (err error) {
	begin := s.begin(src)
	if src.Updates, err = s.finder.Find(
		ctx, src.Name, archive.Updates, begin, s.Until.Add(-time.Microsecond),
	); err != nil {
		return err
	}
	src.step = step(src.Updates)
	src.Missing = src.holes(begin, s.Until)
	src.Further = nil
	src.daily(begin)
	src.answer(src.Missing)
	return nil
}

// daily adds a table for each day.
func (src *Source) daily(begin time.Time) {
	for _, t := range src.later {
		if !t.Begin.Before(begin.Add(checkEvery)) {
			src.Further = append(src.Further, t)
			begin = t.Begin
		}
	}
}

// answer adds, for each missing time, the next table after it.
func (src *Source) answer(missing []playback.Missing) {
	for _, m := range missing {
		i := slices.IndexFunc(src.later, func(t archive.File) bool { return !t.Begin.Before(m.End) })
		if i < 0 ||
			slices.ContainsFunc(src.Further, func(t archive.File) bool { return t.URL == src.later[i].URL }) {
			continue
		}
		src.Further = append(src.Further, src.later[i])
	}
	slices.SortFunc(src.Further, func(a, b archive.File) int { return a.Begin.Compare(b.Begin) })
}

// drop removes a table that the archive does not have.
func (src *Source) drop(table archive.File) {
	is := func(t archive.File) bool { return t.URL == table.URL }
	src.later = slices.DeleteFunc(slices.Clone(src.later), is)
	src.Further = slices.DeleteFunc(slices.Clone(src.Further), is)
}

// earlier replaces the first table, which is not available, by the one before it, else by the next
// one, else by none.
func (s *Selection) earlier(ctx context.Context, src *Source) error {
	if len(src.older) > 0 {
		src.Table, src.older = &src.older[0], src.older[1:]
		return s.updates(ctx, src)
	}
	src.Table = nil
	if len(src.later) > 0 && src.later[0].Begin.Before(s.Until) {
		src.Table, src.later = &src.later[0], src.later[1:]
	}
	return s.updates(ctx, src)
}

// files returns the files of a source: tables first.
func (src *Source) files() []archive.File {
	var all []archive.File
	if src.Table != nil {
		all = append(all, *src.Table)
	}
	return slices.Concat(all, src.Further, src.Updates)
}

// Files returns all files to be fetched.
func (s *Selection) Files() []archive.File {
	var all []archive.File
	for i := range s.Sources {
		all = append(all, s.Sources[i].files()...)
	}
	return all
}

// player returns the collector's name in a run: file/rrc00, as if its files were named by hand. If
// two collectors would get the same name, the project is added.
func (s *Selection) player(name string) string {
	short := playback.FileCollector(name)
	for _, o := range s.Sources {
		if o.Name != name && playback.FileCollector(o.Name) == short {
			return "file/" + strings.ReplaceAll(name, "/", "-")
		}
	}
	return short
}

// ParseCollector parses a collector's name: ris/rrc00, rrc00, routeviews/route-views2,
// route-views2.
func ParseCollector(text string) (string, error) {
	project, spelling, ok := strings.Cut(text, "/")
	if ok {
		return bgp.CollectorName(project, spelling)
	}
	if name, err := bgp.CollectorName(bgp.ProjectRIS, text); err == nil {
		return name, nil
	}
	return bgp.CollectorName(bgp.ProjectRouteViews, text)
}

// roundUp returns the next multiple of d at or after t.
func roundUp(t time.Time, d time.Duration) time.Time {
	if down := t.Truncate(d); down.Before(t) {
		return down.Add(d)
	}
	return t
}

// minute returns a time in the form for sentences.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// base returns the name of a file in its folder.
func base(f archive.File) string {
	name := archive.Shown(f.URL)
	name, _, _ = strings.Cut(
		name[max(strings.LastIndexByte(name, '/'), strings.LastIndexByte(name, '\\'))+1:], "?",
	)
	return cmp.Or(name, archive.Shown(f.URL))
}
