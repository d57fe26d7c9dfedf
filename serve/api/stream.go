package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/access"
	"github.com/darkmap/darkmap/serve/live"
)

const (
	// commentEvery is the interval of comments in a stream without events, which show that it is
	// alive. retryAfter sets the time that clients wait before they reconnect.
	commentEvery = 15 * time.Second
	retryAfter   = "retry: 3000\n\n"
	// streamFor bounds the duration of a stream. The client then reconnects, and the doors check
	// the viewer again.
	streamFor = time.Hour
	// writeWithin bounds the time that a client may take to read an event.
	writeWithin = 20 * time.Second
)

// stream answers /v1/stream.
type stream struct {
	snapshot func(access.Viewer) *live.Snapshot
	next     func(context.Context, access.Viewer, *live.Snapshot) (*live.Snapshot, error)
	version  string
	within   time.Duration // bounds the time to read an event; a slower client is cut off
	events   eventCache
}

func (s *service) stream() *stream {
	return &stream{snapshot: s.SnapshotFor, next: s.Next, version: s.Version, within: writeWithin}
}

// hello is the event at the beginning, after a change of the problems and, as reset, after minutes
// that the client cannot get.
type hello struct {
	Dataset  string     `json:"dataset" doc:"The dataset."`
	Minute   *time.Time `json:"minute,omitempty" doc:"The beginning of the newest decided minute; absent before the first."`
	Stale    bool       `json:"stale" doc:"What is shown may be over."`
	Problems []string   `json:"problems" doc:"What keeps the server from telling all, in sentences."`
	Open     int        `json:"open" doc:"Outages that go on."`
	Version  string     `json:"version" doc:"The program's version."`
}

// window is the event of a decided minute.
type window struct {
	ID       string    `json:"id" doc:"The event's id."`
	Minute   time.Time `json:"minute" doc:"The beginning of the minute."`
	Outages  []record  `json:"outages" doc:"The records of outages that were decided in it, in order."`
	Entities []value   `json:"entities" doc:"The entities whose values came; prefixes too."`
}

// ServeHTTP streams until the client goes, the server drains, or streamFor is over.
func (t *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), streamFor)
	defer cancel()
	viewer := serve.Viewer(r)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	out := &events{w: w, control: http.NewResponseController(w), within: t.within}
	// The server's own deadline bounds a request, and would end the stream.
	_ = out.control.SetReadDeadline(time.Time{})
	snapshot, last := t.snapshot(viewer), r.Header.Get("Last-Event-ID")
	out.text(retryAfter)
	if last != "" {
		snapshot = t.known(ctx, out, viewer, snapshot)
	}
	t.begin(out, snapshot, last)
	said := standing(snapshot)
	for out.err == nil {
		wait, done := context.WithTimeout(ctx, commentEvery)
		next, err := t.next(wait, viewer, snapshot)
		done()
		if ctx.Err() != nil {
			return
		}
		if err != nil { // no new minute or problem
			out.text(":\n\n")
			next = t.snapshot(viewer)
		}
		if idOf(next) != idOf(snapshot) {
			t.windows(out, next, idOf(snapshot))
		}
		if now := standing(next); now != said {
			said = now
			out.event("hello", "", t.hello(next))
		}
		snapshot = next
	}
}

// known waits until a minute is known. At its start the server cannot know which minutes a client
// has missed. Meanwhile the client gets the problems of the snapshot.
func (t *stream) known(
	ctx context.Context, out *events, viewer access.Viewer, s *live.Snapshot,
) *live.Snapshot {
	for said := ""; idOf(s) == "" && out.err == nil && ctx.Err() == nil; {
		if now := standing(s); now != said {
			said = now
			out.event("hello", "", t.hello(s))
		} else {
			out.text(":\n\n")
		}
		wait, done := context.WithTimeout(ctx, commentEvery)
		if next, err := t.next(wait, viewer, s); err == nil {
			s = next
		}
		done()
	}
	return s
}

// standing returns the problems of a snapshot, which may change without a decided minute.
func standing(s *live.Snapshot) string { return strings.Join(s.Problems, "\n") }

// idOf returns the id of the newest minute, or "" before the first one.
func idOf(s *live.Snapshot) string {
	if w := s.Last(); w != nil {
		return w.ID
	}
	return ""
}

// begin sends hello, or the minutes after the one that the client has.
func (t *stream) begin(out *events, s *live.Snapshot, last string) {
	if last == "" {
		out.event("hello", idOf(s), t.hello(s))
		return
	}
	t.windows(out, s, last)
}

// windows sends the minutes after one. It sends reset if they are not known any more.
func (t *stream) windows(out *events, s *live.Snapshot, after string) {
	missed, ok := s.Changes(after)
	if !ok {
		out.event("reset", idOf(s), t.hello(s))
		return
	}
	for _, w := range missed {
		out.bytes(t.events.of(w))
	}
}

func (t *stream) hello(s *live.Snapshot) []byte {
	h := hello{
		Dataset: s.Dataset, Stale: s.Stale, Problems: append([]string{}, s.Problems...),
		Open: len(s.Open), Version: t.version,
	}
	if !s.Minute.IsZero() {
		h.Minute = &s.Minute
	}
	b, err := json.Marshal(h)
	if err != nil {
		return nil
	}
	return b
}

// events writes events to a client. err is the error that ended writing.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	within  time.Duration
	err     error
}

func (e *events) event(name, id string, data []byte) { e.bytes(eventOf(name, id, data)) }

func (e *events) text(s string) { e.bytes([]byte(s)) }

func (e *events) bytes(b []byte) {
	if e.err != nil {
		return
	}
	// A writer without deadlines needs none.
	_ = e.control.SetWriteDeadline(time.Now().Add(e.within))
	if _, e.err = e.w.Write(b); e.err == nil { //nolint:gosec // events, which are no HTML
		e.err = e.control.Flush()
	}
}

// eventOf formats an event. data is one line.
func eventOf(name, id string, data []byte) []byte {
	var b []byte
	if id != "" {
		b = append(b, "id: "+id+"\n"...)
	}
	b = append(b, "event: "+name+"\ndata: "...)
	return append(append(b, data...), "\n\n"...)
}

// cachedEvents is the number of minutes kept as bytes: the newest two, each for logged-in viewers
// and for others.
const cachedEvents = 4

// eventCache keeps the newest minutes as bytes, so that each minute is encoded once however many
// streams send it.
type eventCache struct {
	mu     sync.Mutex
	newest []cachedEvent
}

type cachedEvent struct {
	of    *live.Window
	bytes []byte
}

// of returns a minute as an event.
func (c *eventCache) of(w *live.Window) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.newest, func(e cachedEvent) bool { return e.of == w }); i >= 0 {
		return c.newest[i].bytes
	}
	body := window{
		ID: w.ID, Minute: w.Minute, Outages: records(w.Outages),
		Entities: make([]value, len(w.Values)),
	}
	for i, v := range w.Values {
		body.Entities[i] = valueOf(v, w.Minute)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	b := eventOf("window", w.ID, data)
	c.newest = append(c.newest, cachedEvent{w, b})
	c.newest = c.newest[max(0, len(c.newest)-cachedEvents):]
	return b
}
