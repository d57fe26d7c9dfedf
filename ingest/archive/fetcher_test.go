package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/datatest"
)

// hostile serves one file, and misbehaves depending on the number of the request.
type hostile struct {
	body     []byte
	etag     string
	requests atomic.Int32
	ranges   sync.Map // number of the request: its Range header
	trouble  func(n int32, w http.ResponseWriter, r *http.Request) bool
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := h.requests.Add(1)
	h.ranges.Store(n, r.Header.Get("Range"))
	if h.trouble != nil && h.trouble(n, w, r) {
		return
	}
	w.Header().Set("ETag", h.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.body))
}

// half sends the first half of the body and breaks the connection.
func (h *hostile) half(w http.ResponseWriter) {
	w.Header().Set("ETag", h.etag)
	w.Header().Set("Content-Length", fmt.Sprint(len(h.body)))
	_, _ = w.Write(h.body[:len(h.body)/2])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func start(t *testing.T, h *hostile) string {
	t.Helper()
	h.body, h.etag = bytes.Repeat([]byte("0123456789abcdef"), 4096), `"one"`
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/updates.20261124.1200.gz"
}

func fetcher(t *testing.T, cfg Config) *Fetcher {
	t.Helper()
	f, err := NewFetcher(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func checkBody(t *testing.T, l *Local, want []byte) {
	t.Helper()
	got, err := os.ReadFile(l.Path)
	if err != nil || !bytes.Equal(got, want) || l.Size != int64(len(want)) {
		t.Errorf("got %d octets (%d), %v; want the %d of the server", len(got), l.Size, err, len(want))
	}
}

// TestResume checks that an interrupted download continues where it ended, in the same process and
// in the next, but not with another version.
func TestResume(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	h.trouble = func(n int32, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			h.half(w)
		}
		return false
	}
	url := start(t, h)
	l, err := fetcher(t, quick(t)).Get(t.Context(), File{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	checkBody(t, l, h.body)
	if v, _ := h.ranges.Load(int32(2)); h.requests.Load() != 2 || v != fmt.Sprintf("bytes=%d-", len(h.body)/2) {
		t.Errorf("the second of %d requests has range %v", h.requests.Load(), v)
	}

	cfg := quick(t)
	cfg.Attempts = 1
	h = &hostile{}
	h.trouble = func(n int32, w http.ResponseWriter, _ *http.Request) bool {
		switch n {
		case 1:
			h.half(w)
		case 2: // there was progress, so it is tried again; now there is none
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			return false
		}
		return true
	}
	url = start(t, h)
	h.body = bytes.Repeat(h.body, 2*progress/len(h.body))
	if _, err := fetcher(t, cfg).Get(t.Context(), File{URL: url}); err == nil || !strings.Contains(err.Error(), url) {
		t.Fatalf("half a file: got %v, want an error with the URL", err)
	}
	h.etag = `"two"`
	h.body = bytes.Repeat([]byte("x"), 100_000)
	l, err = fetcher(t, cfg).Get(t.Context(), File{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	checkBody(t, l, h.body)
	if v, _ := h.ranges.Load(int32(3)); v == "" {
		t.Error("the next process did not try to go on")
	}
}

// TestResumeAnother checks that the rest of another version, from a server that ignores If-Range,
// is not appended to the half of the first.
func TestResumeAnother(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, etag string
		body       []byte
	}{
		{"tag", `"two"`, bytes.Repeat([]byte("FEDCBA9876543210"), 4096)},
		{"length", `"one"`, bytes.Repeat([]byte("FEDCBA9876543210"), 5000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := &hostile{}
			h.trouble = func(n int32, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					h.half(w)
				}
				h.etag, h.body = tt.etag, tt.body
				r.Header.Del("If-Range")
				return false
			}
			l, err := fetcher(t, quick(t)).Get(t.Context(), File{URL: start(t, h)})
			if err != nil {
				t.Fatal(err)
			}
			checkBody(t, l, tt.body)
		})
	}
}

// TestForgetFirst checks that the rest of another version is removed before the meta of the new one
// is written.
func TestForgetFirst(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	url := start(t, h)
	cfg := quick(t)
	cfg.Attempts = 1
	p := filepath.Join(cfg.Cache, cacheName(url))
	if err := os.WriteFile(p+partSuffix, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p+metaSuffix, "in the way"), 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := fetcher(t, cfg).Get(t.Context(), File{URL: url}); err == nil {
		t.Error("nothing was noted, and no error")
	}
	if _, err := os.Stat(p + partSuffix); err == nil {
		t.Error("the old part is still there")
	}
}

// TestFetchFaults checks that a file that is missing, too short, too long, different or stalled is
// an error with the URL.
func TestFetchFaults(t *testing.T) {
	t.Parallel()
	sum := func(b []byte) string { s := sha256.Sum256(b); return "sha256:" + hex.EncodeToString(s[:]) }
	for _, tt := range []struct {
		name     string
		file     File
		want     error
		requests int32
		trouble  func(h *hostile, w http.ResponseWriter, r *http.Request) bool
	}{
		{name: "not there", want: ErrNotFound, requests: 1, trouble: func(_ *hostile, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusNotFound)
			return true
		}},
		{name: "another size", file: File{Size: 5}, want: ErrIncomplete, requests: 2},
		{name: "another checksum", file: File{Checksum: sum([]byte("x"))}, want: ErrIncomplete, requests: 1},
		{name: "too large", want: errTooLarge, requests: 1, trouble: func(h *hostile, w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write(bytes.Repeat(h.body, 20)) // no length given
			return true
		}},
		{name: "stands still", want: errStalled, requests: 2, trouble: func(h *hostile, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", fmt.Sprint(len(h.body)))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}},
		{name: "cut, without a length", file: File{Size: 1 << 16}, want: ErrIncomplete, requests: 2, trouble: func(h *hostile, w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write(h.body[:100])
			w.(http.Flusher).Flush()
			return true
		}},
		{name: "goes elsewhere", want: errRedirect, requests: 1, trouble: func(_ *hostile, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://other.example/", http.StatusFound)
			return true
		}},
		{name: "goes round", want: errRedirect, requests: 6, trouble: func(_ *hostile, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := &hostile{}
			if tt.trouble != nil {
				h.trouble = func(_ int32, w http.ResponseWriter, r *http.Request) bool { return tt.trouble(h, w, r) }
			}
			tt.file.URL = start(t, h)
			cfg := quick(t)
			cfg.Attempts, cfg.FileBytes = 2, 1<<20
			_, err := fetcher(t, cfg).Get(t.Context(), tt.file)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.file.URL) || h.requests.Load() != tt.requests {
				t.Errorf("got %v after %d requests; want %v with the URL after %d", err, h.requests.Load(), tt.want, tt.requests)
			}
			if left, _ := filepath.Glob(filepath.Join(cfg.Cache, "*.gz")); len(left) > 0 {
				t.Errorf("%v is taken for whole", left)
			}
		})
	}
}

// TestCache checks that a file is fetched once, and that the least recently used files make room.
// Files in use, and files that do not belong to the cache, stay.
func TestCache(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	url := start(t, h)
	cfg := quick(t)
	cfg.CacheBytes = int64(3 * len(h.body))
	f := fetcher(t, cfg)
	if err := os.WriteFile(filepath.Join(cfg.Cache, "diary.txt"), h.body, 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(n int) *Local {
		l, err := f.Get(t.Context(), File{URL: fmt.Sprintf("%s?%d", url, n)})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	there := func(l *Local) bool { _, err := os.Stat(l.Path); return err == nil }
	age := func(l *Local, by time.Duration) {
		if err := os.Chtimes(l.Path, time.Now().Add(-by), time.Now().Add(-by)); err != nil {
			t.Fatal(err)
		}
	}
	one, two, three := get(1), get(2), get(3)
	age(one, 3*time.Hour)
	age(two, 2*time.Hour)
	age(three, time.Hour)
	two.Release()
	three.Release()
	three.Release() // once more does nothing
	four := get(4)
	if !there(one) || there(two) || !there(three) || !there(four) {
		t.Errorf("got %v %v %v %v: want the one not used for longest gone, but not what is in use", there(one), there(two), there(three), there(four))
	}
	before := h.requests.Load()
	get(3)
	if h.requests.Load() != before {
		t.Error("what is in the cache was fetched again")
	}
	four.Discard()
	if there(four) {
		t.Error("what was discarded is still there")
	}
	if _, err := os.Stat(filepath.Join(cfg.Cache, "diary.txt")); err != nil {
		t.Error("somebody else's file was removed")
	}
}

// TestUnknownLength checks that a file of unknown length makes room after it was fetched.
func TestUnknownLength(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	h.trouble = func(_ int32, w http.ResponseWriter, _ *http.Request) bool {
		w.(http.Flusher).Flush()
		_, _ = w.Write(h.body)
		return true
	}
	url := start(t, h)
	cfg := quick(t)
	cfg.CacheBytes = int64(len(h.body)) * 3 / 2
	f := fetcher(t, cfg)
	for i := range 3 {
		l, err := f.Get(t.Context(), File{URL: fmt.Sprintf("%s?%d", url, i)})
		if err != nil {
			t.Fatal(err)
		}
		l.Release()
		if _, total, err := f.list(); err != nil || total > cfg.CacheBytes {
			t.Errorf("after %d files the cache holds %d octets, %v; want at most %d", i+1, total, err, cfg.CacheBytes)
		}
	}
}

// TestSqueeze checks that the cache removes unused files when the disk is full.
func TestSqueeze(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	url := start(t, h)
	cfg := quick(t)
	f := fetcher(t, cfg)
	var all []*Local
	for i := range 3 {
		l, err := f.Get(t.Context(), File{URL: fmt.Sprintf("%s?%d", url, i)})
		if err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Duration(3-i) * time.Hour)
		if err := os.Chtimes(l.Path, old, old); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	all[1].Release()
	all[2].Release()
	for i, want := range []bool{true, true, false} { // the first is in use
		if room, err := f.squeeze(1); room != want || err != nil {
			t.Errorf("call %d: got %v, %v, want %v", i+1, room, err, want)
		}
	}
	if _, err := os.Stat(all[0].Path); err != nil {
		t.Error(err)
	}
	cfg.Cache = datatest.SmallDisk(t, 200<<10)
	f = fetcher(t, cfg)
	for i := range 10 {
		l, err := f.Get(t.Context(), File{URL: fmt.Sprintf("%s?%d", url, i)})
		if err != nil {
			t.Fatalf("file %d: %v", i, err)
		}
		l.Release()
	}
}

// TestNewChecksum checks that a cached file that no longer matches the announcement is fetched
// again.
func TestNewChecksum(t *testing.T) {
	t.Parallel()
	sum := func(b []byte) string { s := sha256.Sum256(b); return "sha256:" + hex.EncodeToString(s[:]) }
	h := &hostile{}
	url := start(t, h)
	f := fetcher(t, quick(t))
	for i, body := range [][]byte{h.body, h.body, bytes.ToUpper(h.body)} {
		h.body = body
		l, err := f.Get(t.Context(), File{URL: url, Checksum: sum(body)})
		if err != nil {
			t.Fatal(i, err)
		}
		checkBody(t, l, body)
		l.Release()
	}
	if n := h.requests.Load(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestTogether checks that a file with many simultaneous requests is fetched once.
func TestTogether(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	url := start(t, h)
	f := fetcher(t, quick(t))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			l, err := f.Get(t.Context(), File{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			checkBody(t, l, h.body)
			l.Release()
		})
	}
	all.Wait()
	if n := h.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	if len(f.pins) != 0 || len(f.locks) != 0 {
		t.Errorf("left over: %v, %v", f.pins, f.locks)
	}
}

// TestOnDisk checks that a file of this machine is used in its place.
func TestOnDisk(t *testing.T) {
	t.Parallel()
	p := filepath.Join(t.TempDir(), "x.gz")
	if err := os.WriteFile(p, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, quick(t))
	l, err := f.Get(t.Context(), File{URL: p, Checksum: "md5:900150983cd24fb0d6963f7d28e17f72"})
	if err != nil || l.Path != p {
		t.Errorf("got %v, %v", l, err)
	}
	l.Discard()
	if _, err := os.Stat(p); err != nil {
		t.Error("the user's own file was removed")
	}
	if _, err := f.Get(t.Context(), File{URL: "file://" + p, Size: 4}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("another size: got %v", err)
	}
	if _, err := f.Get(t.Context(), File{URL: p + "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("not there: got %v", err)
	}
}
