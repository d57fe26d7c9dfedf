package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/waittest"
)

// twice returns two Fetchers with one cache, in place of two processes.
func twice(t *testing.T, cfg Config) (one, two *Fetcher) {
	t.Helper()
	return fetcher(t, cfg), fetcher(t, cfg)
}

// TestTwoProcesses checks that a process waits for another one's download, and does not fetch the
// file itself.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan bool, 10), make(chan bool)
	h := &hostile{trouble: func(int32, http.ResponseWriter, *http.Request) bool {
		asked <- true
		<-answer
		return false
	}}
	url := start(t, h)
	cfg := quick(t)
	cfg.AnswerTimeout, cfg.StallTimeout = time.Minute, time.Minute
	one, two := twice(t, cfg)
	var both sync.WaitGroup
	get := func(f *Fetcher) {
		both.Go(func() {
			l, err := f.Get(t.Context(), File{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			checkBody(t, l, h.body)
		})
	}
	get(one)
	<-asked
	get(two)
	waittest.Until(t, time.Minute, "the second to wait", func() bool { return two.Waiting() == 1 })
	close(answer)
	both.Wait()
	if n := h.requests.Load(); n != 1 || two.Waiting() != 0 {
		t.Errorf("%d requests, and %d files are waited for; want 1 and none", n, two.Waiting())
	}
}

// TestUsedElsewhere checks that a file in use by another process is not removed, neither for room
// nor as damaged, and that it is removed afterwards.
func TestUsedElsewhere(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	url := start(t, h)
	cfg := quick(t)
	cfg.CacheBytes = int64(len(h.body)) * 3 / 2
	one, two := twice(t, cfg)
	get := func(f *Fetcher, n int) *Local {
		t.Helper()
		l, err := f.Get(t.Context(), File{URL: fmt.Sprintf("%s?%d", url, n)})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	there := func(l *Local) bool { _, err := os.Stat(l.Path); return err == nil }
	release, err := one.Keep([]File{{URL: url + "?1"}})
	if err != nil {
		t.Fatal(err)
	}
	used := get(one, 1)
	used.Release()
	get(two, 2).Release()
	get(two, 1).Discard()
	if !there(used) {
		t.Error("a file was removed that another process uses")
	}
	before := h.requests.Load()
	get(two, 1).Release()
	if n := h.requests.Load() - before; n != 1 {
		t.Errorf("%d requests for a file that was discarded, want 1", n)
	}
	release()
	get(two, 3).Release()
	if there(used) {
		t.Error("a file that nobody uses any more makes no room")
	}
}

// TestPartElsewhere checks that a partial file can be played while another process continues its
// download.
func TestPartElsewhere(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	h.trouble = func(n int32, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			h.half(w)
		}
		return false
	}
	url := start(t, h)
	cfg := quick(t)
	cfg.Attempts = 1
	one, two := twice(t, cfg)
	if _, err := one.Get(t.Context(), File{URL: url}); !BrokenOff(err) {
		t.Fatalf("got %v, want a transfer that broke off", err)
	}
	part, err := one.Part(File{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	l, err := two.Get(t.Context(), File{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	checkBody(t, l, h.body)
	checkBody(t, part, h.body[:len(h.body)/2])
	part.Release()
	if left, err := filepath.Glob(filepath.Join(cfg.Cache, "*"+copySuffix+"*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestAgainst checks that a file that differs from the index is fetched again once, not in each
// run, and that this repairs a file that was damaged in the cache.
func TestAgainst(t *testing.T) {
	t.Parallel()
	h := &hostile{}
	url := start(t, h)
	cfg := quick(t)
	sum := sha256.Sum256(h.body)
	right := "sha256:" + hex.EncodeToString(sum[:])
	const wrong = "md5:900150983cd24fb0d6963f7d28e17f72"
	for run, tt := range []struct {
		checksum string
		damaged  bool
		requests int32
		differs  string
	}{
		{wrong, false, 2, "also when it was fetched again"},
		{wrong, false, 2, "also when it was fetched again"},
		{right, false, 2, ""},
		{right, true, 3, ""},
		{wrong, false, 4, "also when it was fetched again"},
	} {
		f := fetcher(t, cfg)
		l, err := f.Get(t.Context(), File{URL: url})
		if err == nil && tt.damaged {
			err = os.WriteFile(l.Path, h.body[1:], 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		l, differs := f.Against(t.Context(), l, File{URL: url}, tt.checksum)
		if n := h.requests.Load(); n != tt.requests || (differs == nil) != (tt.differs == "") || differs != nil && !strings.Contains(differs.Error(), tt.differs) {
			t.Errorf("run %d: %d requests so far, %v; want %d and %q", run+1, n, differs, tt.requests, tt.differs)
		}
		checkBody(t, l, h.body)
		l.Release()
		if len(f.pins) != 0 || len(f.locks) != 0 {
			t.Errorf("run %d: left over: %v, %v", run+1, f.pins, f.locks)
		}
	}
}
