package slack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
)

const (
	token    = "xoxb-1-secret"
	hookPath = "/services/T0/B0/secret"
)

// server checks requests against Slack's documentation of chat.postMessage, chat.update, incoming
// webhooks and Block Kit. mu guards the other fields.
type server struct {
	t *testing.T
	*httptest.Server

	mu       sync.Mutex
	requests []request
	next     []reply // the next answers instead of yes
	messages map[string]bool
}

type request struct {
	method string
	body   map[string]any
}

type reply struct {
	status int
	header string // Retry-After
	body   string
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, messages: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// say sets the next answers.
func (s *server) say(all ...reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, all...)
}

// got returns the requests so far.
func (s *server) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		s.t.Errorf("got %s %s %v, %v", r.Method, r.URL.Path, r.Header, err)
	}
	var body map[string]any
	if err := json.Unmarshal(b, &body); err != nil {
		s.t.Errorf("got %q: %v", b, err)
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	s.requests = append(s.requests, request{method, body})
	if len(s.next) > 0 {
		next := s.next[0]
		s.next = s.next[1:]
		if next.header != "" {
			w.Header().Set("Retry-After", next.header)
		}
		w.WriteHeader(next.status)
		_, _ = io.WriteString(w, next.body)
		return
	}
	known := map[string]bool{"text": true, "blocks": true, "unfurl_links": true, "unfurl_media": true}
	if r.URL.Path == hookPath {
		s.check(body, known)
		_, _ = io.WriteString(w, "ok")
		return
	}
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		s.t.Errorf("got Authorization %q", got)
	}
	s.method(w, method, body, known)
}

// method answers a method of the API.
func (s *server) method(w io.Writer, method string, body map[string]any, known map[string]bool) {
	ts := fmt.Sprintf("1419264908.%06d", len(s.requests))
	switch method {
	case "auth.test":
	case "chat.postMessage":
		known["channel"], known["thread_ts"], known["reply_broadcast"] = true, true, true
		s.check(body, known)
		if thread, ok := body["thread_ts"].(string); ok && !s.messages[thread] {
			s.t.Errorf("a thread of a message that is not there: %s", thread)
		}
		s.messages[ts] = true
	case "chat.update":
		known = map[string]bool{"channel": true, "ts": true, "text": true, "blocks": true}
		s.check(body, known)
		if ts, _ = body["ts"].(string); !s.messages[ts] {
			_, _ = io.WriteString(w, `{"ok":false,"error":"message_not_found"}`)
			return
		}
	default:
		s.t.Errorf("the method %s is asked", method)
	}
	_, _ = fmt.Fprintf(w, `{"ok":true,"channel":"C0123456789","ts":%q}`, ts)
}

// check checks the limits of a message.
func (s *server) check(body map[string]any, known map[string]bool) {
	for key := range body {
		if !known[key] {
			s.t.Errorf("the field %s is not one of this method", key)
		}
	}
	s.text(body["text"], 4000)
	blocks, _ := body["blocks"].([]any)
	if len(blocks) > 50 {
		s.t.Errorf("got %d blocks", len(blocks))
	}
	for _, b := range blocks {
		b := b.(map[string]any)
		switch b["type"] {
		case "header":
			s.object(b["text"], "plain_text", 150)
		case "section":
			fields, _ := b["fields"].([]any)
			if b["text"] == nil && len(fields) == 0 || len(fields) > 10 {
				s.t.Errorf("got %v", b)
			}
			if b["text"] != nil {
				s.object(b["text"], "mrkdwn", 3000)
			}
			for _, f := range fields {
				s.object(f, "mrkdwn", 2000)
			}
		case "actions":
			for _, e := range b["elements"].([]any) {
				e := e.(map[string]any)
				s.object(e["text"], "plain_text", 75)
				if link, ok := e["url"].(string); !ok || len(link) > 3000 || e["type"] != "button" || e["action_id"] == "" {
					s.t.Errorf("got %v", e)
				}
			}
		default:
			s.t.Errorf("got %v", b)
		}
	}
}

func (s *server) object(o any, kind string, limit int) {
	m, ok := o.(map[string]any)
	if !ok || m["type"] != kind {
		s.t.Errorf("got %v, want %s", o, kind)
		return
	}
	s.text(m["text"], limit)
}

// text checks that a text keeps its length and has no < or >, which every mention needs.
func (s *server) text(o any, limit int) {
	text, ok := o.(string)
	if n := len(utf16.Encode([]rune(text))); !ok || n == 0 || n > limit || strings.ContainsAny(text, "<>\u202e\x1b\x00\r") {
		s.t.Errorf("a text of %d of %d characters: %q", n, limit, text)
	}
}
