package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/mrttest"
	"github.com/darkmap/darkmap/internal/waittest"
)

var (
	pastHours = flag.Int("past-hours", 2, "how many hours TestReplayPast replays; the published bar is 6")
	pastStore = flag.Bool("past-store", false, "TestReplayPast stores, and looks at what the feeds say")
)

// pastArchive serves the archives of six collectors from two servers, one of them slow, and counts
// requests.
type pastArchive struct {
	files map[string][]byte
	gone  string // listed, but missing

	answering atomic.Int64 // requests in progress, counted or not

	mu       sync.Mutex
	requests map[string]int
	ranges   int           // requests for a part
	at       int           // when this many files were requested, reached is called
	reached  func()        // nil: not called
	gate     chan struct{} // the slow server waits for it
	half     string        // a pattern of the received part of its table
}

// start starts a server with a handler.
func (a *pastArchive) start(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.answering.Add(1)
		defer a.answering.Add(-1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// settle waits until the requests of a killed process are counted. They may wait for the mutex
// while the process is killed.
func (a *pastArchive) settle(t *testing.T) {
	t.Helper()
	waittest.Until(t, 30*time.Second, "the requests of the killed process are answered", func() bool { return a.answering.Load() == 0 })
}

func (a *pastArchive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	a.mu.Lock()
	if a.requests[path]++; r.Header.Get("Range") != "" {
		a.ranges++
	}
	if len(a.requests) >= a.at && a.reached != nil {
		a.reached()
	}
	a.mu.Unlock()
	body, ok := a.files[path]
	if !ok || path == a.gone {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"1"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(body)))
}

// slow sends the first half of a file and then nothing. A request for the rest of a file waits for
// the gate.
func (a *pastArchive) slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-a.gate:
		a.ServeHTTP(w, r)
		return
	default:
	}
	if r.Header.Get("Range") == "" {
		body := a.files[strings.TrimPrefix(r.URL.Path, "/")]
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	select {
	case <-a.gate:
		a.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

func (a *pastArchive) count() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.requests {
		n += k
	}
	return n
}

// TestReplayPast replays a time from the archives of six collectors. One server is slow, one file
// is missing, another is cut, and the command is killed twice. The outages are those of the same
// files, named by hand. Files that were complete are not fetched again.
func TestReplayPast(t *testing.T) {
	t.Parallel()
	span := time.Duration(*pastHours) * time.Hour
	w := mrttest.NewWorld(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), 6, 4, slices.Concat(mrttest.Background(60), mrttest.KP()))
	w.Churn(0, span, 20*time.Second, w.Peers, w.Routes[:60])
	w.Withdraw(70*time.Minute, w.Peers, mrttest.Prefixes(mrttest.KP())...)
	w.Announce(95*time.Minute, w.Peers, mrttest.KP()...)
	names := []string{"rrc00", "rrc01", "rrc02", "rrc03", "route-views2", "route-views3"}
	a := &pastArchive{files: w.Archive(names, span, 0, time.Hour), requests: map[string]int{}, gate: make(chan struct{}), gone: "rrc01/2026.03/updates.20260302.0030.gz"}
	const cut = "rrc02/2026.03/updates.20260302.0040.gz"
	a.files[cut] = a.files[cut][:len(a.files[cut])/2]
	server, slow := a.start(t, a.ServeHTTP), a.start(t, a.slow)
	index := listPast(t, a, server.URL, slow.URL)
	config := filepath.Join(t.TempDir(), "darkmap.yaml")
	geo := filepath.Join(filepath.Dir(config), "geo.csv")
	write(t, geo, w.Geo())
	write(t, filepath.Join(filepath.Dir(config), "asn.csv"), w.Origins())
	write(t, config, fmt.Appendf(nil, "ingest: {archive: {index: %q, cache: %q}}\nenrich: {geo: {files: [{path: geo.csv, kind: geolocation}]}, asn: {files: [asn.csv]}}\n", index, filepath.Join(t.TempDir(), "cache")))
	first := sha256.Sum256([]byte(slow.URL + "/rrc03/2026.03/bview.20260302.0000.gz"))
	a.half = filepath.Join(cacheOf(t, config), fmt.Sprintf("%x-*.part", first[:8]))
	dir := t.TempDir()
	args := []string{"replay", "--config", config, "--format", "json", "--all", "--dataset", "past"}
	if !*pastStore {
		args = append(args, "--no-store")
	}
	asked := []string{"--from", "2026-03-02T00:30Z", "--to", w.Start.Add(span).Format("2006-01-02T15:04Z")}
	past := slices.Concat(args, asked, []string{"--data-dir", dir})

	code, out, errs := darkmap(t, "", append(slices.Clone(past), "--dry-run")...)
	var plan struct {
		Files      int
		Collectors []json.RawMessage
	}
	total := len(a.files) - 6 // the later tables are not needed, by the list
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != 0 || plan.Files != total || len(plan.Collectors) != 6 || a.count() != 0 {
		t.Fatalf("--dry-run: got %d, %s, %s, %v and %d requests; want %d files and none", code, out, errs, err, a.count(), total)
	}
	of := map[string]int{}
	for path := range a.files {
		of[strings.SplitN(path, "/", 2)[0]]++
	}
	sound := total - (of["rrc03"] - 1) // files of the server that is not slow
	killPast(t, a, sound/2, past)
	whole := cachedWhole(t, config)
	killPast(t, a, sound, past) // when it requests the last of them
	if got := cachedWhole(t, config); got <= whole {
		t.Errorf("%d files are here after the first kill, %d after the second: a slow server stops another", whole, got)
	} else {
		whole = got
	}
	close(a.gate)
	before := a.count()
	code, out, errs = darkmap(t, "", past...)
	// The tables behind the missing and the cut file.
	if n := a.count() - before; code != exitDamaged || n > total+2-whole || cachedWhole(t, config) != total+2-1 {
		t.Errorf("got %d, and %d of %d files were asked for though %d were here\n%s", code, n, total+2, whole, errs)
	}
	if a.ranges == 0 {
		t.Error("the halves that the slow server sent before the kill were fetched again")
	}
	for _, want := range []string{"missing in the archive: updates.20260302.0030.gz", "updates.20260302.0040.gz ends too early", "its next table tells", "6 collectors"} {
		if !strings.Contains(errs, want) {
			t.Errorf("standard error lacks %q:\n%s", want, errs)
		}
	}
	if *pastStore {
		const gaps = "SELECT collector, countIf(reason LIKE '%missing in the archive: %'), countIf(reason LIKE '%ends too early%') FROM feeds WHERE event = 'gap' GROUP BY collector ORDER BY collector"
		if got := sqlRows(t, dir, gaps); got != "file/rrc01\t1\t0\nfile/rrc02\t0\t1" {
			t.Errorf("feeds: got %q", got)
		}
	}
	byHand(t, a, args, asked, out)
}

// byHand replays the same files by their names, and compares.
func byHand(t *testing.T, a *pastArchive, args, asked []string, want string) {
	t.Helper()
	if !strings.Contains(want, `"code":"KP"`) {
		t.Errorf("the outage of KP is not found: %s", want)
	}
	root := t.TempDir()
	for path, body := range a.files {
		later := regexp.MustCompile(`(bview|rib)\.20260302\.0100`).MatchString(path)
		if path == a.gone || later && !strings.HasPrefix(path, "rrc01") && !strings.HasPrefix(path, "rrc02") {
			continue
		}
		file := filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, file, body)
	}
	code, out, errs := darkmap(t, "", slices.Concat(args, asked, []string{"--data-dir", t.TempDir(), root})...)
	if code != exitDamaged {
		t.Errorf("by hand: got %d\n%s", code, errs)
	}
	if diff := cmp.Diff(strings.Split(out, "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("the outages are not those of the files named by hand (-by hand +got):\n%s", diff)
	}
}

func write(t *testing.T, path string, octets []byte) {
	t.Helper()
	if err := os.WriteFile(path, octets, 0o600); err != nil {
		t.Fatal(err)
	}
}

// killPast runs the command. It kills the command when so many files were requested and a part of
// the slow server's table has arrived.
func killPast(t *testing.T, a *pastArchive, files int, args []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asDarkmap+"=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	a.at, a.reached = files, func() {
		for tries := 0; tries < 3000 && !hasOctets(a.half); tries++ {
			time.Sleep(10 * time.Millisecond)
		}
		_ = cmd.Process.Kill()
	}
	a.mu.Unlock()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("it was not killed: %v\n%s", err, errs.String())
	}
	a.mu.Lock()
	a.reached = nil
	a.mu.Unlock()
	a.settle(t)
}

// hasOctets reports whether a file that matches the pattern is not empty.
func hasOctets(pattern string) bool {
	names, _ := filepath.Glob(pattern)
	return slices.ContainsFunc(names, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && info.Size() > 0
	})
}

// cacheOf returns the archives' cache of a configuration.
func cacheOf(t *testing.T, config string) string {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	return string(regexp.MustCompile(`cache: "([^"]*)"`).FindSubmatch(text)[1])
}

// cachedWhole returns how many files of archives are complete in the cache.
func cachedWhole(t *testing.T, config string) (n int) {
	t.Helper()
	entries, err := os.ReadDir(cacheOf(t, config))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".gz") {
			n++
		}
	}
	return n
}

// listPast writes the list of the archive's files. The files of rrc03 are at the slow server.
func listPast(t *testing.T, a *pastArchive, sound, slow string) string {
	t.Helper()
	var list strings.Builder
	for _, path := range slices.Sorted(maps.Keys(a.files)) {
		name, _, _ := strings.Cut(path, "/")
		project, length, kind, server := "ris/", 5*time.Minute, "updates", sound
		if !strings.HasPrefix(name, "rrc") {
			project, length = "routeviews/", 15*time.Minute
		}
		if name == "rrc03" {
			server = slow
		}
		if strings.Contains(path, "/bview") || strings.Contains(path, "/rib") {
			kind, length = "rib", 0
		}
		begin, err := time.Parse("20060102.1504", regexp.MustCompile(`\d{8}\.\d{4}`).FindString(path))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%s%s\t%s\t%s\t%s\t%s/%s\t%d\n", project, name, kind, begin.Format(time.RFC3339), begin.Add(length).Format(time.RFC3339), server, path, len(a.files[path]))
	}
	index := filepath.Join(t.TempDir(), "index.tsv")
	write(t, index, []byte(list.String()))
	return index
}

// TestReplayPastWrong: an impossible request ends with a sentence on how to correct it.
func TestReplayPastWrong(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	cache := []string{"--cache-dir", t.TempDir()}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", exitUsage, "name files, or a time with --from and --to"},
		{"--from 2014-12-22", exitUsage, "name files, or a time with --from and --to"},
		{"--from 2014-12-22 --to 2014-12-21", exitUsage, "ends before it begins"},
		{"--from 2014-12-22 --to 2014-12-22 --collectors nobody/x", exitUsage, "--collectors nobody/x"},
		{"--from 2014-12-22 --to 2014-12-22 --collectors rrc00 --all-collectors", exitUsage, "give one of them"},
		{"--dry-run file.mrt", exitUsage, "name no files then"},
		{"--from 2014-12-22 --to 2014-12-22 --set ingest.archive.directory=" + t.TempDir(), exitUsage, "ingest.archive.directory names a folder that is laid out as the archives are"},
		{"--from 2014-12-22 --to 2014-12-22 --set ingest.archive.attempts=1 --set ingest.archive.broker=" + strings.Replace(away.URL, "http://", "http://me:hush@", 1), exitFailed, "ingest.archive.directory"},
	} {
		code, out, errs := darkmap(t, "", slices.Concat([]string{"replay"}, strings.Fields(tt.args), cache)...)
		if code != tt.code || out != "" || !strings.Contains(errs, tt.want) || strings.Contains(errs, "hush") {
			t.Errorf("%s: got %d, %q, %q; want %d and %q", tt.args, code, out, errs, tt.code, tt.want)
		}
	}
}
