package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/access"
	"github.com/darkmap/darkmap/serve/live"
)

// moving is a present whose minutes the test advances.
type moving struct {
	at      atomic.Pointer[live.Snapshot]
	changed chan struct{}
}

func (m *moving) snapshot(access.Viewer) *live.Snapshot { return m.at.Load() }

func (m *moving) next(ctx context.Context, _ access.Viewer, after *live.Snapshot) (*live.Snapshot, error) {
	for {
		if s := m.at.Load(); idOf(s) != idOf(after) {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-m.changed:
		}
	}
}

// follow opens a stream and returns a function that reads its next event: name and id.
func follow(t *testing.T, url, last string) func() (name, id string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if h := resp.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("X-Accel-Buffering") != "no" || h.Get("Content-Encoding") != "" {
		t.Errorf("got headers %v", h)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() (name, id string) {
		for lines.Scan() {
			key, text, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case key == "event":
				name = text
			case key == "id":
				id = text
			case key == "" && name != "":
				return name, id
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return "", ""
	}
}

// TestStream checks that a stream begins with hello and sends each minute once and in order, that
// it continues after the client's last minute, in another process too, and that it sends reset if
// the minutes after it are not known.
func TestStream(t *testing.T) {
	t.Parallel()
	fold := told(t)
	m := &moving{changed: make(chan struct{}, 1)}
	move := func(n int) {
		fold.Close(minute(n))
		m.at.Store(fold.Snapshot(minute(n + 2)))
		m.changed <- struct{}{}
	}
	m.at.Store(fold.Snapshot(minute(44)))
	first := m.at.Load().Last().ID
	server := httptest.NewServer(&stream{snapshot: m.snapshot, next: m.next, within: writeWithin})
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)

	next := follow(t, server.URL, "")
	if name, id := next(); name != "hello" || id != first {
		t.Errorf("at the beginning: got %s %s", name, id)
	}
	move(45) // three minutes at once
	var ids []string
	for range 3 {
		name, id := next()
		if name != "window" {
			t.Errorf("got %s", name)
		}
		ids = append(ids, id)
	}
	again := follow(t, server.URL, first)
	for i, want := range ids {
		if name, id := again(); name != "window" || id != want {
			t.Errorf("minute %d after going on: got %s %s, want %s", i, name, id, want)
		}
	}
	if name, id := follow(t, server.URL, "no id")(); name != "reset" || id != ids[2] {
		t.Errorf("an unknown id: got %s %s", name, id)
	}
	if name, id := follow(t, server.URL, strings.Replace(first, "abcd", "dcba", 1))(); name != "reset" || id != ids[2] {
		t.Errorf("an id of other topics: got %s %s", name, id)
	}
}

// TestSlowClient checks that a client that does not read its stream is cut off, and keeps no
// resources of the server.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for n := range 20_000 { // more than the buffers of two sockets hold
		s.value(1, bgp.Entity{Type: bgp.EntityAS, Code: fmt.Sprint("AS", n), Name: strings.Repeat("x", 200)}, 3)
	}
	s.fold.Close(minute(1))
	m := &moving{changed: make(chan struct{}, 1)}
	m.at.Store(s.fold.Snapshot(minute(2)))
	first := m.at.Load().Last().ID
	ended := make(chan struct{})
	handler := &stream{snapshot: m.snapshot, next: m.next, within: 50 * time.Millisecond}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
		close(ended)
	}))
	t.Cleanup(server.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is cut off
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: "+first+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for n := 2; ; n++ { // it gets minutes, and reads none
		for e := range 20_000 {
			s.value(n, bgp.Entity{Type: bgp.EntityAS, Code: fmt.Sprint("AS", e), Name: strings.Repeat("x", 200)}, 3)
		}
		s.fold.Close(minute(n))
		m.at.Store(s.fold.Snapshot(minute(n + 1)))
		select {
		case m.changed <- struct{}{}:
		case <-ended:
			return
		}
	}
}
