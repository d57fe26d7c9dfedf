package matrix_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/matrix"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

const (
	token = "syt_secret"
	room  = "!a/b c:example.net"
)

// server implements the part of the client-server API that is used here: events by transaction id.
// mu guards the other fields.
type server struct {
	t *testing.T
	*httptest.Server

	mu     sync.Mutex
	events []event
	byTxn  map[string]string
	next   []reply
}

type event struct {
	id, txn string
	content map[string]any
}

type reply struct {
	status int
	body   string
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, byTxn: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+token {
		s.t.Errorf("got %v", r.Header)
	}
	if len(s.next) > 0 {
		next := s.next[0]
		s.next = s.next[1:]
		w.WriteHeader(next.status)
		_, _ = io.WriteString(w, next.body)
		return
	}
	if r.Method == http.MethodGet && r.URL.Path == "/_matrix/client/v3/account/whoami" {
		_, _ = io.WriteString(w, `{"user_id":"@darkmap:example.net"}`)
		return
	}
	txn, ok := strings.CutPrefix(r.URL.EscapedPath(), "/_matrix/client/v3/rooms/%21a%2Fb%20c:example.net/send/m.room.message/")
	if r.Method != http.MethodPut || !ok {
		s.t.Errorf("got %s %s", r.Method, r.URL.EscapedPath())
	}
	b, err := io.ReadAll(r.Body)
	if err != nil || len(b) > 65536 {
		s.t.Errorf("got %d octets, %v", len(b), err)
	}
	var c map[string]any
	if err := json.Unmarshal(b, &c); err != nil {
		s.t.Error(err)
	}
	id, known := s.byTxn[txn]
	if !known {
		id = fmt.Sprintf("$event%d", len(s.events))
		s.byTxn[txn] = id
		s.events = append(s.events, event{id, txn, c})
	}
	s.check(c)
	_, _ = fmt.Fprintf(w, `{"event_id":%q}`, id)
}

// check checks a content against the specification.
func (s *server) check(c map[string]any) {
	mentions, ok := c["m.mentions"].(map[string]any)
	body, _ := c["body"].(string)
	if !ok || len(mentions) != 0 || c["msgtype"] != "m.text" || body == "" {
		s.t.Errorf("got %v", c)
	}
	if strings.ContainsAny(body, "\u202e\x1b\x00\x07\u200b") || strings.Contains(body, "@room") || strings.Contains(body, "@everyone") {
		s.t.Errorf("got %q", body)
	}
	if rich, ok := c["formatted_body"].(string); ok && (c["format"] != "org.matrix.custom.html" || strings.Contains(rich, "<script") || strings.Contains(rich, "<!") || strings.Contains(rich, "<https")) {
		s.t.Errorf("got %v", c)
	}
}

func (s *server) say(all ...reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, all...)
}

func (s *server) got() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]event(nil), s.events...)
}

func settings(t *testing.T, url string) matrix.Config {
	t.Helper()
	cfg := matrix.DefaultConfig()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Server, cfg.Room, cfg.Token = url, room, config.Secret{File: path}
	return cfg
}

func start(t *testing.T, s *server) target.Target {
	t.Helper()
	tg, err := matrix.New(settings(t, s.URL), targettest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.Close() })
	return tg
}

// TestIncident checks that an incident is one event, edits of it, and a thread. A message that is
// sent twice must make no new event.
func TestIncident(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tg := start(t, s)
	if err := tg.(target.Checker).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	day := targettest.Day(bgp.EndRecovered)
	var h target.Handle
	for _, m := range day {
		next, err := tg.Send(t.Context(), m, h)
		if err != nil {
			t.Fatal(err)
		}
		again, err := tg.Send(t.Context(), m, h)
		if err != nil || string(again) != string(next) {
			t.Errorf("got %s, %v, want %s", again, err, next)
		}
		h = next
	}
	got := s.got()
	if len(got) != 5 || got[0].txn != day[0].ID {
		t.Fatalf("got %+v", got)
	}
	relation := func(i int) map[string]any { return got[i].content["m.relates_to"].(map[string]any) }
	for _, i := range []int{1, 3} {
		changed := got[i].content["m.new_content"].(map[string]any)
		if r := relation(i); r["rel_type"] != "m.replace" || r["event_id"] != "$event0" || !strings.HasPrefix(got[i].content["body"].(string), "* ") || !strings.HasPrefix(changed["body"].(string), "North Korea") {
			t.Errorf("got %v", got[i].content)
		}
		s.check(changed)
	}
	for i, last := range map[int]string{2: "$event0", 4: "$event2"} {
		r := relation(i)
		if r["rel_type"] != "m.thread" || r["event_id"] != "$event0" || r["is_falling_back"] != true || r["m.in_reply_to"].(map[string]any)["event_id"] != last {
			t.Errorf("got %v", r)
		}
	}
	if body := got[0].content["body"].(string); !strings.Contains(body, "45 voters on 12 collectors") || !strings.Contains(body, day[0].Link) {
		t.Errorf("got %s", body)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reply                   reply
		refused, gone, throttle bool
		wait                    time.Duration
	}{
		{reply{429, `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2500}`}, false, false, true, 2500 * time.Millisecond},
		{reply{429, `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":9e18}`}, false, false, true, 24 * time.Hour},
		{reply{401, `{"errcode":"M_UNKNOWN_TOKEN"}`}, false, true, false, 0},
		{reply{403, `{"errcode":"M_USER_DEACTIVATED"}`}, false, true, false, 0},
		{reply{403, `{"errcode":"M_FORBIDDEN","error":"not in the room"}`}, true, false, false, 0},
		{reply{413, `{"errcode":"M_TOO_LARGE"}`}, true, false, false, 0},
		{reply{502, `<html>`}, false, false, true, 0},
		{reply{500, `{"errcode":"M_UNKNOWN"}`}, false, false, false, 0},
		{reply{200, `{}`}, false, false, false, 0},
	} {
		s := serve(t)
		s.say(tt.reply)
		_, err := start(t, s).Send(t.Context(), targettest.Message(1, target.Open, targettest.Start), nil)
		f := target.FaultOf(err)
		if f == nil || f.Refused != tt.refused || f.Gone != tt.gone || f.Throttle != tt.throttle || f.RetryAfter != tt.wait {
			t.Errorf("%+v: got %+v", tt, f)
		}
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}

// TestHostileNames lets the server check that bodies contain no mentions and that events keep their
// size, including an edit of quotes alone.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tg := start(t, s)
	h, err := tg.Send(t.Context(), targettest.Hostile(target.Open), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := targettest.Hostile(target.Update)
	m.Headline, m.Summary, m.Remainder = strings.Repeat(`"`, 5000), strings.Repeat(`"`, 50000), strings.Repeat(`"`, 5000)
	if _, err := tg.Send(t.Context(), m, h); err != nil {
		t.Fatal(err)
	}
	if got := s.got(); len(got) != 3 {
		t.Errorf("got %d events", len(got))
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*matrix.Config){
		"room": func(c *matrix.Config) { c.Room = "#alias:example.net" }, "token": func(c *matrix.Config) { c.Token = config.Secret{} },
		"server": func(c *matrix.Config) { c.Server = "matrix.example.net" },
	} {
		cfg := settings(t, "https://matrix.example.net")
		change(&cfg)
		if err := config.Validate(&cfg); err == nil || !strings.HasPrefix(err.Error(), name+":") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
