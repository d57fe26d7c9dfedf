package serve

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestKept checks that an answer is made once for all requests at the same time and later, and that
// an answer that may not be kept is made each time. The compressed answer has the same content.
func TestKept(t *testing.T) {
	t.Parallel()
	var made atomic.Int64
	k := newKeeper()
	h := k.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Fresh(w, r, r.URL.RequestURI()) {
			return
		}
		made.Add(1)
		if strings.HasPrefix(r.URL.Path, "/lacks") {
			w.Header().Set("Cache-Control", "no-store")
		}
		if strings.HasPrefix(r.URL.Path, "/fails") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, strings.Repeat("an answer ", 200))
	}))
	ask := func(url string, heads ...string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, url, nil)
		for i := 0; i+1 < len(heads); i += 2 {
			r.Header.Set(heads[i], heads[i+1])
		}
		h.ServeHTTP(w, r)
		return w
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if w := ask("/a"); w.Code != http.StatusOK || w.Body.Len() != 2000 || w.Header().Get("Content-Type") != "text/plain" {
				t.Errorf("got %d %v", w.Code, w.Header())
			}
		})
	}
	all.Wait()
	if n := made.Swap(0); n != 1 {
		t.Errorf("the answer was made %d times", n)
	}
	plain, zipped := ask("/a"), ask("/a", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != plain.Body.String() || zipped.Header().Get("ETag") != strings.TrimSuffix(plain.Header().Get("ETag"), `"`)+gzipSuffix+`"` {
		t.Errorf("compressed: got %d octets, %v, %v", len(b), zipped.Header(), err)
	}
	for _, url := range []string{"/a?b", "http://other.example/a", "/lacks", "/lacks", "/fails", "/fails"} {
		ask(url)
	}
	if n := made.Swap(0); n != 6 {
		t.Errorf("other answers and such as may not be kept were made %d times, want 6", n)
	}
	if len(k.flights) != 0 || len(k.byTag) != 3 {
		t.Errorf("%d answers are being made, %d are kept", len(k.flights), len(k.byTag))
	}
}

// TestKeptErrors checks that an answer that may not be kept is made once for all requests that wait
// for it. If the request that makes an answer is cut off, panics or gets an error of the server, one
// of those that wait makes it.
func TestKeptErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, made := newKeeper(), 0
		cut, cancel := context.WithCancel(t.Context())
		var gate chan struct{}
		h := k.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if Fresh(w, r) {
				return
			}
			made++ // one at a time
			<-gate
			time.Sleep(time.Second) // the requests that wait for a failed one wait for this one
			if strings.HasPrefix(r.URL.Path, "/panics") && made == 1 {
				panic(http.ErrAbortHandler)
			}
			if made == 1 && r.URL.Path == "/cut" {
				cancel()
			}
			w.Header().Set("Retry-After", "2")
			status := http.StatusNotFound
			if made == 1 && r.URL.Path == "/busy" {
				status = http.StatusServiceUnavailable
			}
			w.WriteHeader(status)
			fmt.Fprint(w, "an error")
		}))
		ask := func(ctx context.Context, path string) {
			defer func() { _ = recover() }()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
			if head := w.Header(); w.Code != http.StatusNotFound && w.Code != http.StatusServiceUnavailable || w.Body.String() != "an error" || head.Get("Retry-After") != "2" || head.Get("ETag") != "" || head.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: got %d %q %v", path, w.Code, w.Body, head)
			}
		}
		for _, tc := range []struct {
			path  string
			first context.Context //nolint:containedctx // of the first request
			want  int
		}{{"/lost", t.Context(), 1}, {"/lost", t.Context(), 1}, {"/busy", t.Context(), 2}, {"/cut", cut, 2}, {"/panics", t.Context(), 2}} {
			made, gate = 0, make(chan struct{})
			var all sync.WaitGroup
			all.Go(func() { ask(tc.first, tc.path) })
			synctest.Wait()
			for range 20 {
				all.Go(func() { ask(t.Context(), tc.path) })
			}
			synctest.Wait()
			close(gate)
			all.Wait()
			if made != tc.want || len(k.flights)+len(k.byTag)+k.octets != 0 {
				t.Errorf("%s: made %d times, want %d; %d are being made, %d are kept", tc.path, made, tc.want, len(k.flights), len(k.byTag))
			}
		}
	})
}

// TestKeptBound checks that the least recently used answers go first.
func TestKeptBound(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	body := make([]byte, keptLargest)
	for n := range 3 * keptOctets / keptLargest {
		tag := fmt.Sprint(n)
		if k.get(t.Context(), tag) != nil {
			t.Fatalf("the answer %s is there before it was made", tag)
		}
		k.made(tag, &keptAnswer{tag: tag, body: body, keep: true})
		if k.get(t.Context(), "0") == nil {
			t.Fatalf("the answer that is asked for all the time is gone after %d others", n)
		}
	}
	if k.octets > keptOctets || len(k.byTag) != keptOctets/keptLargest/2 { // each has room for its compressed copy
		t.Errorf("%d octets in %d answers", k.octets, len(k.byTag))
	}
}
