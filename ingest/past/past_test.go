package past

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/playback"
)

var noon = time.Date(2014, 12, 22, 12, 0, 0, 0, time.UTC)

// listed is an archive's list, in memory.
type listed []archive.File

func (l listed) Find(_ context.Context, collector string, kind archive.Kind, from, to time.Time) (out []archive.File, err error) {
	for _, f := range l {
		in := !f.Begin.Before(from) && !f.Begin.After(to)
		if f.Kind == archive.Updates {
			in = !f.Begin.After(to) && f.End.After(from)
		}
		if (collector == archive.Every || collector == f.Collector) && f.Kind == kind && in {
			out = append(out, f)
		}
	}
	return out, nil
}

// collector lists tables at an interval in hours, and the updates of a collector, from 12 hours
// before noon to 12 hours after.
func collector(base, name string, tableHours, updateMinutes int) (out listed) {
	for at := noon.Add(-12 * time.Hour); at.Before(noon.Add(12 * time.Hour)); at = at.Add(time.Duration(updateMinutes) * time.Minute) {
		file := func(kind archive.Kind, stem string, end time.Time) {
			out = append(out, archive.File{Collector: name, Kind: kind, Begin: at, End: end, Size: 100, URL: fmt.Sprintf("%s/%s/%s.%s.gz", base, name, stem, at.Format("20060102.1504"))})
		}
		if at.Minute() == 0 && at.Hour()%tableHours == 0 {
			file(archive.RIB, "bview", at)
		}
		file(archive.Updates, "updates", at.Add(time.Duration(updateMinutes)*time.Minute))
	}
	return out
}

func without(l listed, names ...string) listed {
	return slices.DeleteFunc(slices.Clone(l), func(f archive.File) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(f.URL, n) })
	})
}

// TestFind checks the selection of tables and updates for a span, and the notes about missing ones.
func TestFind(t *testing.T) {
	t.Parallel()
	ris := collector("", "ris/rrc00", 8, 5)
	rv := collector("", "routeviews/route-views2", 2, 15)
	for _, tt := range []struct {
		name     string
		files    listed
		from, to time.Duration
		want     string // of each collector: table, later tables, first and last updates, what is missing
		notes    string
	}{
		{"both", slices.Concat(ris, rv), 0, 65 * time.Minute, "rrc00 0800 [] 0800-1310 []; route-views2 1000 [] 1000-1300 []", ""},
		{"time to warm up", ris, 4*time.Hour + 10*time.Minute, 5 * time.Hour, "rrc00 0800 [] 0800-1655 []", ""},
		{"none before", without(ris, "bview.20141222.08", "bview.20141222.00"), 0, 5 * time.Hour, "rrc00 1600 [] 1200-1655 []", "no table in the 24 hours before"},
		{"none at all", without(ris, "bview"), 0, time.Hour, "rrc00 none [] 1200-1255 []", "has no table"},
		{"none of one", slices.Concat(rv, without(ris, "bview")), 0, time.Hour, "route-views2 1000 [] 1000-1245 []", "no table from 2014-12-21 12:00 to 2014-12-22 13:00: ris/rrc00"},
		{"a file not listed", without(ris, "updates.20141222.1225", "updates.20141222.1230"), 0, 5 * time.Hour, "rrc00 0800 [1600] 0800-1655 [updates.20141222.1225.gz and 1 more file 1225-1235]", ""},
		{"the first and the last", without(rv, "updates.20141222.1000", "updates.20141222.1245"), 0, time.Hour, "route-views2 1000 [1200] 1015-1230 [updates.20141222.1000.gz 1000-1015 updates.20141222.1245.gz 1245-1300]", ""},
	} {
		s, err := Find(t.Context(), tt.files, Request{From: noon.Add(tt.from), To: noon.Add(tt.to), Panel: Panel{20, 3}, All: true})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, summary(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if got := strings.Join(s.Notes, "; "); !strings.Contains(got, tt.notes) || tt.notes == "" && got != "" {
			t.Errorf("%s: got notes %q, want %q", tt.name, got, tt.notes)
		}
	}
	if _, err := Find(t.Context(), ris, Request{From: noon.AddDate(1, 0, 0), To: noon.AddDate(1, 0, 1)}); !errors.Is(err, ErrNothing) {
		t.Errorf("another year: got %v", err)
	}
}

func summary(s *Selection) string {
	var all []string
	for _, src := range s.Sources {
		table := "none"
		if src.Table != nil {
			table = src.Table.Begin.Format("1504")
		}
		var further, missing []string
		for _, f := range src.Further {
			further = append(further, f.Begin.Format("1504"))
		}
		for _, m := range src.Missing {
			missing = append(missing, fmt.Sprintf("%s %s-%s", m.Name, m.Begin.Format("1504"), m.End.Format("1504")))
		}
		name := strings.TrimPrefix(playback.FileCollector(src.Name), "file/")
		all = append(all, fmt.Sprintf("%s %s %v %s-%s %v", name, table, further, src.Updates[0].Begin.Format("1504"), src.Updates[len(src.Updates)-1].Begin.Format("1504"), missing))
	}
	return strings.Join(all, "; ")
}

// TestChoose checks that the choice has enough voters on enough collectors with the fewest octets,
// and is all collectors if there are not enough.
func TestChoose(t *testing.T) {
	t.Parallel()
	all := []candidate{{"a", 30, 1000}, {"b", 12, 200}, {"c", 12, 210}, {"d", 12, 220}, {"e", 1, 5}, {"f", 40, 2000}}
	for _, tt := range []struct {
		voters, collectors int
		want               string
	}{{30, 3, "b c d"}, {24, 3, "b c e"}, {30, 2, "b c d"}, {13, 1, "b e"}, {200, 3, "a b c d e f"}, {60, 3, "a b c d"}} {
		if got := strings.Join(names(choose(all, tt.voters, tt.collectors)), " "); got != tt.want {
			t.Errorf("%d voters on %d collectors: got %s, want %s", tt.voters, tt.collectors, got, tt.want)
		}
	}
	const routes2014 = 530_000
	if got := routes(noon); got < routes2014-10_000 || got > routes2014+10_000 {
		t.Errorf("got %d routes in a full feed of %v", got, noon)
	}
	if got := voters(archive.File{URL: "x/rib.20141222.1200.bz2", Begin: noon, Rough: 30 * 4 * routes2014}); got < 29 || got > 30 {
		t.Errorf("a table of 30 full feeds: got %d", got)
	}
}

// TestDaily checks that a long span has a table each day.
func TestDaily(t *testing.T) {
	t.Parallel()
	src := Source{}
	for h := 0; h < 80; h += 8 {
		src.later = append(src.later, archive.File{Begin: noon.Add(time.Duration(h) * time.Hour)})
	}
	if src.daily(noon); len(src.Further) != 3 || !src.Further[2].Begin.Equal(noon.Add(72*time.Hour)) {
		t.Errorf("got %v, want a table each day", src.Further)
	}
}

// sick is an archive with files that are missing, cut or never arrive.
type sick struct {
	mu       sync.Mutex
	requests map[string]int
	behave   func(name string, w http.ResponseWriter, r *http.Request) bool
}

func (s *sick) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests[r.URL.Path]++
	s.mu.Unlock()
	if !s.behave(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], w, r) {
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.Repeat("x", 100)))
	}
}

// files returns the number of requested files.
func (s *sick) files() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func serve(t *testing.T, behave func(string, http.ResponseWriter, *http.Request) bool) (*sick, string) {
	t.Helper()
	s := &sick{requests: map[string]int{}, behave: behave}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func bring(t *testing.T, dir string, files listed, hours time.Duration, bytes int64) (*Selection, *Fetched, []string, error) {
	t.Helper()
	cfg := archive.DefaultConfig()
	cfg.Cache, cfg.Attempts, cfg.CacheBytes, cfg.Parallel = dir, 1, bytes, 2
	fetcher, err := archive.NewFetcher(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Find(t.Context(), files, Request{From: noon, To: noon.Add(hours), All: true, Panel: Panel{20, 3}})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	f, err := s.Fetch(t.Context(), Deps{Fetcher: fetcher, CacheBytes: bytes, Parallel: cfg.Parallel, Said: func(text string) { said = append(said, text) }})
	return s, f, said, err
}

// TestFetch checks that another table replaces a missing one, that missing updates are named and
// answered by a later table, that a file whose transfer always breaks off counts as far as it came,
// and that nothing is fetched twice.
func TestFetch(t *testing.T) {
	t.Parallel()
	archiveServer, url := serve(t, func(name string, w http.ResponseWriter, _ *http.Request) bool {
		switch name {
		case "bview.20141222.0800.gz", "updates.20141222.1210.gz", "bview.20141222.1600.gz":
			w.WriteHeader(http.StatusNotFound)
		case "updates.20141222.1300.gz":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(strings.Repeat("y", 40)))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	})
	dir := t.TempDir()
	files := collector(url, "ris/rrc00", 4, 5)
	s, f, said, err := bring(t, dir, files, 10*time.Hour, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(s); got != "rrc00 0400 [2000] 0400-2155 []" {
		t.Errorf("got %s, want to begin four hours earlier, and the table of 20:00", got)
	}
	if len(f.Missing) != 1 || f.Missing[0].Name != "updates.20141222.1210.gz" || f.Missing[0].Collector != "file/rrc00" || f.Cut != 1 || len(f.Inputs) != 2+18*12-1 {
		t.Errorf("got %+v, %d cut and %d files", f.Missing, f.Cut, len(f.Inputs))
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "begins with that of 2014-12-22 04:00") || !strings.Contains(text, "updates.20141222.1300.gz") || !strings.Contains(text, "breaks off after 40 octets") {
		t.Errorf("got %s", text)
	}
	if more, err := f.More(t.Context(), []playback.Missing{{Collector: "file/rrc00", End: noon.Add(90 * time.Minute)}}); err != nil || more {
		t.Errorf("a gap that the table of 20:00 answers: got %v, %v", more, err)
	}
	f.Release()
	before := archiveServer.files()
	if _, _, _, err := bring(t, dir, files, 10*time.Hour, 1<<20); err != nil {
		t.Fatal(err)
	}
	archiveServer.mu.Lock()
	requests := maps.Clone(archiveServer.requests)
	archiveServer.mu.Unlock()
	for path, n := range requests {
		again := slices.ContainsFunc([]string{"bview.20141222.0800", "bview.20141222.1600", "updates.20141222.1210", "updates.20141222.1300"}, func(name string) bool { return strings.Contains(path, name) })
		if !again && n != 1 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	if n := archiveServer.files(); n != before {
		t.Errorf("got %d more files", n-before)
	}
	if _, _, _, err := bring(t, t.TempDir(), files, 10*time.Hour, 5000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a small cache: got %v", err)
	}
	unsized := slices.Clone(files)
	for i := range unsized {
		unsized[i].Size = 0
	}
	fresh := t.TempDir()
	if _, _, _, err := bring(t, fresh, unsized, 10*time.Hour, 5000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a small cache, and sizes that are not known: got %v", err)
	}
	if here, err := os.ReadDir(fresh); err != nil || len(here) > 60 {
		t.Errorf("a cache for 50 files has %d, %v", len(here), err)
	}
}

// TestGivenUp checks that a server that does not answer is given up with a sentence, while the
// others continue, and that the fetched files are there the next time.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	var answers atomic.Bool
	hung, url := serve(t, func(string, http.ResponseWriter, *http.Request) bool {
		if answers.Load() {
			return false
		}
		panic(http.ErrAbortHandler)
	})
	sound, other := serve(t, func(string, http.ResponseWriter, *http.Request) bool { return false })
	dir := t.TempDir()
	files := slices.Concat(collector(url, "ris/rrc00", 4, 5), collector(other, "ris/rrc01", 4, 5))
	_, _, _, err := bring(t, dir, files, time.Hour, 1<<20)
	if !errors.Is(err, ErrUnfetched) || !strings.Contains(err.Error(), "ris/rrc00") || strings.Contains(err.Error(), "rrc01/") || !strings.Contains(err.Error(), "given up") {
		t.Errorf("got %v, want that the files of rrc00 are missing", err)
	}
	if n := hung.files(); n == 0 || n > 3 {
		t.Errorf("%d files were asked for at the server that does not answer", n)
	}
	had := sound.files()
	answers.Store(true)
	if _, f, _, err := bring(t, dir, files, time.Hour, 1<<20); err != nil || len(f.Inputs) != 2*(1+5*12) || sound.files() != had || had != 1+5*12 {
		t.Errorf("the second time: got %v, %d files of the sound server before and %d after", err, had, len(sound.requests))
	}
}

// TestParseCollector checks the usual spellings of collectors.
func TestParseCollector(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"ris/rrc00": "ris/rrc00", "rrc01": "ris/rrc01", "route-views2": "routeviews/route-views2", "routeviews/amsix": "routeviews/route-views.amsix"} {
		if got, err := ParseCollector(text); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	if _, err := ParseCollector("no such/thing"); err == nil {
		t.Error("a name that is none is taken")
	}
}
