package notify

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// said collects the output of a logger: one value for each line.
type said chan string

func (s said) Enabled(context.Context, slog.Level) bool { return true }
func (s said) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s said) WithGroup(string) slog.Handler            { return s }

func (s said) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.Key + "=" + a.Value.String()
		return true
	})
	s <- line
	return nil
}

// TestHeart checks that the URL is requested only while windows are decided: not at the start, not
// while detect decides nothing, and not while Kafka does not answer. A missing request raises the
// alarm, also after notify itself has ended.
func TestHeart(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	answer := http.StatusOK
	beats := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		beats <- r.Method
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(answer)
	}))
	defer server.Close()
	lines := make(said, 1000)
	c := DefaultConfig()
	c.Heartbeat = &HeartbeatConfig{Endpoint: httpclient.Endpoint{URL: server.URL}, Interval: 10 * time.Millisecond, Method: http.MethodPost}
	h, err := c.OpenHeart(OpenDeps{Log: slog.New(lines), Now: time.Now}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stage{m: newMetrics(nil, nil)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with cancel
		defer close(ended)
		h.run(ctx, s)
	}()
	silent := func(why string) {
		t.Helper()
		for range 3 {
			for line := <-lines; !strings.HasPrefix(line, "no heartbeat") || !strings.Contains(line, why); line = <-lines {
				continue // of the state before
			}
		}
		for len(beats) > 0 { // of the state before
			<-beats
		}
		<-lines
		if len(beats) > 0 {
			t.Errorf("a heartbeat went out although %s", why)
		}
	}
	silent("nothing is known yet")
	s.health.Store(&health{at: time.Now().Add(time.Hour)})
	if method := <-beats; method != http.MethodPost {
		t.Errorf("asked with %s, want POST", method)
	}
	s.health.Store(&health{at: time.Now().Add(time.Hour), why: "detect has decided no minute since 10:02"})
	silent("detect has decided no minute since 10:02")
	s.health.Store(&health{at: time.Now().Add(-maxLook - time.Second)})
	silent("notify waits for Kafka since 31 s")
	mu.Lock()
	answer = http.StatusInternalServerError
	mu.Unlock()
	s.health.Store(&health{at: time.Now().Add(time.Hour)})
	<-beats
	for line := <-lines; !strings.HasPrefix(line, "the heartbeat failed"); line = <-lines {
		continue // of the state before
	}
	cancel()
	<-ended
}
