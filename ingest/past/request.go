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
	// reach is how long before the span a collector's table may be. RIS writes one every 8 hours, RouteViews every 2.
	reach = 24 * time.Hour
	// warmUp is how long before the span its table should be: the panel is decided each quarter of an hour, and a table takes minutes to write.
	warmUp = 30 * time.Minute
	// together is the length of the longest files of updates. The span is rounded up to it, so that all collectors end together.
	together = 15 * time.Minute
	// checkEvery is after how long another table is taken: it finds routes whose withdrawal was never heard.
	checkEvery = 24 * time.Hour
)

// ErrNothing is a span of which the archive holds nothing.
var ErrNothing = errors.New("the archive holds nothing of this time")

// Request says what is to be replayed.
type Request struct {
	// From and To are the span.
	From, To time.Time
	// Collectors are named as bgp.CollectorName does; none means enough for a panel.
	Collectors []string
	// All means every collector.
	All bool
	// Panel is what a verdict needs.
	Panel Panel
}

// Panel is how many voters on how many collectors a verdict needs.
type Panel struct{ Voters, Collectors int }

// Selection is what will be fetched.
type Selection struct {
	Request
	// Until is up to when updates are taken: To, rounded up.
	Until time.Time
	// Sources are the collectors, by name.
	Sources []Source
	// Notes are sentences on what is not as it should be.
	Notes []string

	finder archive.Finder
}

// Source is what is taken of one collector.
type Source struct {
	Name string
	// Table is the one to begin with; nil where none is in reach.
	Table *archive.File
	// Further are later tables, by time.
	Further []archive.File
	// Updates are the files of updates, by time.
	Updates []archive.File
	// Missing is of what time the archive lists no updates.
	Missing []playback.Missing
	// Voters is about how many full feeds its table holds; 0 is not known.
	Voters int

	older, later []archive.File // tables before Table, the newest first; those behind it, by time
	step         time.Duration  // between files of updates; 0 is not known
}

// Find asks what there is and chooses from it.
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
			s.note("%s: the archive holds nothing of it from %s to %s: it is left out", name, minute(req.From), minute(s.Until))
			continue
		}
		s.Sources = append(s.Sources, *src)
	}
	if !slices.ContainsFunc(s.Sources, func(x Source) bool { return len(x.Updates) > 0 }) {
		return nil, fmt.Errorf("from %s to %s: %w%s", minute(req.From), minute(s.Until), ErrNothing, said(s.Notes))
	}
	if n := len(s.Files()); n > playback.MaxFiles {
		return nil, fmt.Errorf("%d files: at most %d are played in one go: choose a shorter time or fewer collectors", n, playback.MaxFiles)
	}
	return s, nil
}

// said is what notes add to an error.
func said(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

func (s *Selection) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// source lists what is taken of a collector.
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
	case src.Table == nil && len(src.Updates) == 0: // which is said otherwise
	case src.Table == nil:
		s.note("%s has no table from %s to %s: what its peers hold is learned from its updates", name, minute(s.From.Add(-reach)), minute(s.Until))
	case src.Table.Begin.After(s.From):
		s.note("%s has no table in the %d hours before %s: its first is of %s", name, int(reach.Hours()), minute(s.From), minute(src.Table.Begin))
	}
	return src, nil
}

// start is the number of the table to begin with: the newest that leaves time to warm up, else the newest before from, else the first after
// it; -1 where there is none. The tables are by time.
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

// begin is from when on updates of the source are taken.
func (s *Selection) begin(src *Source) time.Time {
	if src.Table != nil && src.Table.Begin.Before(s.From) {
		return src.Table.Begin
	}
	return s.From
}

// updates lists the updates of a source, what of them is not listed, and the tables that follow from that.
func (s *Selection) updates(ctx context.Context, src *Source) (err error) {
	begin := s.begin(src)
	if src.Updates, err = s.finder.Find(ctx, src.Name, archive.Updates, begin, s.Until.Add(-time.Microsecond)); err != nil {
		return err
	}
	src.step = step(src.Updates)
	src.Missing = src.holes(begin, s.Until)
	src.Further = nil
	src.daily(begin)
	src.answer(src.Missing)
	return nil
}

// daily takes a table for each day.
func (src *Source) daily(begin time.Time) {
	for _, t := range src.later {
		if !t.Begin.Before(begin.Add(checkEvery)) {
			src.Further = append(src.Further, t)
			begin = t.Begin
		}
	}
}

// answer takes, for each stretch that is missing, the next table behind it.
func (src *Source) answer(missing []playback.Missing) {
	for _, m := range missing {
		i := slices.IndexFunc(src.later, func(t archive.File) bool { return !t.Begin.Before(m.End) })
		if i < 0 || slices.ContainsFunc(src.Further, func(t archive.File) bool { return t.URL == src.later[i].URL }) {
			continue
		}
		src.Further = append(src.Further, src.later[i])
	}
	slices.SortFunc(src.Further, func(a, b archive.File) int { return a.Begin.Compare(b.Begin) })
}

// drop takes a table out that the archive does not have.
func (src *Source) drop(table archive.File) {
	is := func(t archive.File) bool { return t.URL == table.URL }
	src.later = slices.DeleteFunc(slices.Clone(src.later), is)
	src.Further = slices.DeleteFunc(slices.Clone(src.Further), is)
}

// earlier begins with the table before the present one, which cannot be had; else with the next, or none.
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

// files are those of a source: tables first.
func (src *Source) files() []archive.File {
	var all []archive.File
	if src.Table != nil {
		all = append(all, *src.Table)
	}
	return slices.Concat(all, src.Further, src.Updates)
}

// Files are all that will be fetched.
func (s *Selection) Files() []archive.File {
	var all []archive.File
	for i := range s.Sources {
		all = append(all, s.Sources[i].files()...)
	}
	return all
}

// player is what a run calls the collector: file/rrc00, as if its files were named by hand. Where two collectors would be called the same
// their project tells them apart.
func (s *Selection) player(name string) string {
	short := playback.FileCollector(name)
	for _, o := range s.Sources {
		if o.Name != name && playback.FileCollector(o.Name) == short {
			return "file/" + strings.ReplaceAll(name, "/", "-")
		}
	}
	return short
}

// ParseCollector reads a collector's name: ris/rrc00, rrc00, routeviews/route-views2, route-views2.
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

// roundUp is the next multiple of d, or t.
func roundUp(t time.Time, d time.Duration) time.Time {
	if down := t.Truncate(d); down.Before(t) {
		return down.Add(d)
	}
	return t
}

// minute is a time as sentences have it.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// base is the name of a file in its folder.
func base(f archive.File) string {
	name := archive.Shown(f.URL)
	name, _, _ = strings.Cut(name[max(strings.LastIndexByte(name, '/'), strings.LastIndexByte(name, '\\'))+1:], "?")
	return cmp.Or(name, archive.Shown(f.URL))
}
