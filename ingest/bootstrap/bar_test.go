package bootstrap_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
)

// The bar's own size is -bar.prefixes 1200000 -bar.peers 10.
var (
	barPrefixes = flag.Int("bar.prefixes", 5_000, "prefixes of each table")
	barPeers    = flag.Int("bar.peers", 2, "full feeds of each of the 4 collectors")
	barDir      = flag.String("bar.dir", "", "where the archive is kept between runs; empty: made anew")
	barFollow   = flag.Bool("bar.follow", false, "with -bar.make: what changes live stands in the archive, too, for darkmap up --follow")
	barMake     = flag.Bool("bar.make", false, "only make the archive in -bar.dir")
)

// dumped is the time of the dumps. The gap begins 7 minutes later.
var dumped = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

const sinceDump = 7 * time.Minute

func barWorld() *archivetest.World {
	return &archivetest.World{Collectors: []string{"ris/rrc00", "ris/rrc01", "routeviews/route-views3", "routeviews/route-views4"}, Peers: *barPeers, Prefixes: *barPrefixes}
}

// since returns the changes in the update files after the dump of a collector, and some from before
// it, which the dump already contains.
func since(w *archivetest.World, c int) []archivetest.Change {
	return w.Changes(c, w.Prefixes*w.Peers/200, 1, dumped, dumped.Add(sinceDump))
}

// makeArchive writes dumps, of which half are compressed with bzip2, and updates.
func makeArchive(t testing.TB, w *archivetest.World, dir string) {
	t.Helper()
	a := archivetest.Archive{Dir: dir}
	for c, name := range w.Collectors {
		dump, ending := "rib.20261124.0800", ".gz"
		if strings.HasPrefix(name, "routeviews") {
			ending = ".bz2"
		}
		write := func() error {
			return a.Add(name, "rib", dumped, dumped, name+"/"+dump+ending, func(out io.Writer) error { return w.WriteDump(out, c, dumped) })
		}
		// from another run, because writing takes a while
		if _, err := os.Stat(filepath.Join(dir, name, dump+ending)); err == nil {
			write = func() error { return a.List(name, "rib", dumped, dumped, name+"/"+dump+ending) }
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
		all, until := since(w, c), dumped.Add(sinceDump)
		if *barFollow {
			until = until.Add(15 * time.Minute)
			all = append(all, w.Changes(c, w.Prefixes*w.Peers/100, 2, dumped.Add(sinceDump), until)...)
		}
		for at := dumped; at.Before(until); at = at.Add(5 * time.Minute) {
			var part []archivetest.Change
			for _, ch := range all {
				if !ch.At.Before(at) && ch.At.Before(at.Add(5*time.Minute)) {
					part = append(part, ch)
				}
			}
			err := a.Add(name, "updates", at, at.Add(5*time.Minute), name+"/"+at.Format("updates.20060102.1504.gz"), func(out io.Writer) error { return w.WriteUpdates(out, c, part) })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// serve serves an archive over HTTP and returns a finder of its files, and a fetcher.
func serve(t testing.TB, dir string) (archive.Finder, *archive.Fetcher) {
	t.Helper()
	return rig{}.serve(t, dir, t.TempDir())
}

// serve is like the function serve, with a cache that may contain files.
func (r rig) serve(t testing.TB, dir, cache string) (archive.Finder, *archive.Fetcher) {
	t.Helper()
	handler := http.FileServer(http.Dir(dir))
	if r.server != nil {
		handler = r.server(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := archive.DefaultConfig()
	cfg.Cache, cfg.Index = cache, server.URL+"/"+archivetest.IndexName
	if r.config != nil {
		r.config(&cfg)
	}
	finder, err := archive.NewFinder(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := archive.NewFetcher(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return finder, fetcher
}

// fast returns a configuration for tests, with all times divided by 30 or more.
func fast() bootstrap.Config {
	cfg := bootstrap.DefaultConfig()
	cfg.PollInterval, cfg.RetryInterval, cfg.ProgressInterval, cfg.CheckInterval = 20*time.Millisecond, 40*time.Millisecond, 20*time.Millisecond, 0
	return cfg
}

// TestBar3 compares the state after a bootstrap, during which live messages change 1 % of it, with
// a separately computed one.
func TestBar3(t *testing.T) {
	w := barWorld()
	dir := *barDir
	if dir == "" {
		dir = t.TempDir()
	}
	if _, err := os.Stat(filepath.Join(dir, archivetest.IndexName)); err != nil {
		makeArchive(t, w, dir)
	}
	if *barMake {
		t.Skip("-bar.make: only the archive was made")
	}
	finder, fetcher := serve(t, dir)
	begin := time.Now()
	now := func() time.Time { return dumped.Add(sinceDump).Add(time.Since(begin)) }
	st := newState()
	feeds := &streamtest.Recorder{}
	log := slog.New(slog.DiscardHandler)
	worker, err := bootstrap.New(fast(), bootstrap.Deps{Log: log, Finder: finder, Fetcher: fetcher, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: log, Now: now, Instance: "bar", Updates: st, Feeds: feeds, OnGap: worker.Gap})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }() // ends with ctx
	changes := make([][]archivetest.Change, len(w.Collectors))
	live := make(chan error, len(w.Collectors))
	for c, name := range w.Collectors {
		s := beginLive(t, set, name)
		changes[c] = since(w, c)
		more := w.Changes(c, w.Prefixes*w.Peers/100, 2, dumped.Add(sinceDump), dumped.Add(sinceDump+time.Minute))
		changes[c] = append(changes[c], more...)
		go func() { live <- sayLive(t.Context(), w, s, c, more) }() // ends when all is written
	}
	for range w.Collectors {
		if err := <-live; err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { st.mu.Lock(); defer st.mu.Unlock(); return len(st.ends) == len(w.Collectors) }, worker)
	took := time.Since(begin)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for name, end := range st.ends {
		if !end.GetComplete() || len(end.GetPeers()) != w.Peers {
			t.Errorf("%s: got %v, want a complete table of %d peers", name, end, w.Peers)
		}
	}
	st.compare(t, w, changes)
	t.Logf("%d tables of %d prefixes in %v, %d octets of records, peak RSS %s", len(w.Collectors)*w.Peers, w.Prefixes, took.Round(time.Millisecond), st.bytes, peak(t))
}

// beginLive opens the stream of a collector, with a gap without a beginning.
func beginLive(t testing.TB, set *stream.Set, name string) *stream.Stream {
	t.Helper()
	s, err := set.Open(t.Context(), name, stream.Options{Source: "rislive", Archived: true})
	if err == nil {
		err = s.Up(t.Context())
	}
	if err == nil {
		_, err = s.BeginGap(t.Context(), 0, "start")
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sayLive writes changes, a part at a time, for as long as the bootstrap may take.
func sayLive(ctx context.Context, w *archivetest.World, s *stream.Stream, c int, changes []archivetest.Change) error {
	for k, ch := range changes {
		raw, err := w.Message(c, ch)
		if err != nil {
			return err
		}
		p, err := s.Peer(w.Peer(c, ch.Peer), bgp.PeerKey{}.Address)
		if err != nil {
			return err
		}
		if err := s.Live().Message(ctx, &stream.Message{Peer: p, Timestamp: ch.At.UnixMicro(), Raw: raw, ASOctets: 4}); err != nil {
			return err
		}
		if k%1000 == 999 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

func waitFor(t testing.TB, done func() bool, w *bootstrap.Worker) {
	t.Helper()
	limit := 30 * time.Second
	if *barPrefixes > 100_000 {
		limit = 10 * time.Minute
	}
	for deadline := time.Now().Add(limit); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not done: %v", w.Ready())
		}
	}
}

// peak returns the peak memory of this process, as the system counts it.
func peak(t testing.TB) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil || runtime.GOOS != "linux" {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
