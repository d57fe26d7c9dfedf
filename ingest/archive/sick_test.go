package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// TestBusy checks that servers that ask for a pause take no slot from another server's file.
func TestBusy(t *testing.T) {
	t.Parallel()
	asked := make(chan bool, 100)
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "300")
		w.WriteHeader(http.StatusServiceUnavailable)
		asked <- true
	}))
	defer sick.Close()
	h := &hostile{}
	url := start(t, h)
	cfg := quick(t)
	cfg.RetryAfterLimit = time.Hour
	f := fetcher(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range cfg.Parallel {
		all.Go(func() { _, _ = f.Get(ctx, File{URL: fmt.Sprintf("%s/%d", sick.URL, i)}) }) // ends with ctx
	}
	for range cfg.Parallel {
		<-asked
	}
	if _, err := f.Get(t.Context(), File{URL: url}); err != nil {
		t.Error(err)
	}
	cancel()
	all.Wait()
}

// TestTrickle checks that a transfer of single octets counts as stalled.
func TestTrickle(t *testing.T) {
	t.Parallel()
	h := &hostile{trouble: func(_ int32, w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "100000000")
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return true
			case <-tick.C:
			}
		}
	}}
	cfg := quick(t)
	cfg.Attempts = 1
	if _, err := fetcher(t, cfg).Get(t.Context(), File{URL: start(t, h)}); !errors.Is(err, errStalled) {
		t.Errorf("got %v, want a transfer that stands still", err)
	}
}

// TestOneMore checks that attempts that bring one octet each come to an end.
func TestOneMore(t *testing.T) {
	t.Parallel()
	h := &hostile{trouble: func(_ int32, w http.ResponseWriter, r *http.Request) bool {
		at := 0
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &at)
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Content-Length", fmt.Sprint(1000-at))
		if at > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-999/1000", at))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}}
	cfg := quick(t)
	cfg.Attempts = 3
	if _, err := fetcher(t, cfg).Get(t.Context(), File{URL: start(t, h)}); err == nil || h.requests.Load() != 3 {
		t.Errorf("got %v after %d requests, want an error after 3", err, h.requests.Load())
	}
}
