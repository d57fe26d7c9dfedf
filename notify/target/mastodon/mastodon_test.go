package mastodon_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/mastodon"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

const token = "mastodon-secret"

// server implements the API of posts: idempotency keys, edits, answers, and the count of
// characters. mu guards the other fields.
type server struct {
	t *testing.T
	*httptest.Server

	mu    sync.Mutex
	posts []map[string]string
	edits []map[string]string
	keys  map[string]string
	gone  map[string]bool // deleted posts
	next  []reply
}

type reply struct {
	status int
	header http.Header
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, keys: map[string]string{}, gone: map[string]bool{}}
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
		maps.Copy(w.Header(), next.header)
		w.WriteHeader(next.status)
		return
	}
	if r.Method == http.MethodGet && r.URL.Path == "/api/v1/accounts/verify_credentials" {
		_, _ = io.WriteString(w, `{"id":"1"}`)
		return
	}
	var body map[string]string
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("got %v, %v", r.Header, err)
	}
	s.check(body["status"])
	key := r.Header.Get("Idempotency-Key")
	id, edit := strings.CutPrefix(r.URL.Path, "/api/v1/statuses/")
	switch {
	case r.Method == http.MethodPut && edit:
		if s.gone[id] {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		s.edits = append(s.edits, body)
	case r.Method == http.MethodPost && r.URL.Path == "/api/v1/statuses" && key != "":
		var known bool
		if id, known = s.keys[key]; !known {
			id = fmt.Sprint(len(s.posts) + 1)
			s.keys[key] = id
			s.posts = append(s.posts, body)
		}
	default:
		s.t.Errorf("got %s %s with the key %q", r.Method, r.URL.Path, key)
	}
	_, _ = fmt.Fprintf(w, `{"id":%q}`, id)
}

// link matches the links that Mastodon counts as 23 characters.
var link = regexp.MustCompile(`[a-z]+://\S+`)

// check counts as Mastodon does, and looks for mentions and tags.
func (s *server) check(status string) {
	n := uniseg.GraphemeClusterCount(link.ReplaceAllString(status, strings.Repeat("x", 23)))
	if n == 0 || n > 500 || regexp.MustCompile(`[@#＠＃]\S`).MatchString(status) || strings.ContainsAny(status, "\u202e\x1b\x00\r") || len(link.FindAllString(status, -1)) > 1 {
		s.t.Errorf("a post of %d characters: %q", n, status)
	}
}

func (s *server) got() (posts, edits []map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(posts, s.posts...), append(edits, s.edits...)
}

func settings(t *testing.T, url string) mastodon.Config {
	t.Helper()
	cfg := mastodon.DefaultConfig()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Server, cfg.Token = url, config.Secret{File: path}
	return cfg
}

func start(t *testing.T, s *server) target.Target {
	t.Helper()
	tg, err := mastodon.New(settings(t, s.URL), targettest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.Close() })
	return tg
}

// send sends each message twice, as after a crash, and returns the last handle.
func send(t *testing.T, tg target.Target, h target.Handle, messages ...*target.Message) target.Handle {
	t.Helper()
	for _, m := range messages {
		for range 2 {
			next, err := tg.Send(t.Context(), m, h)
			if err != nil {
				t.Fatal(err)
			}
			if next != nil {
				h = next
			}
		}
	}
	return h
}

// TestIncident checks that an incident is one post, with an edit for each later message and an
// answer at the end. Nothing may be doubled.
func TestIncident(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tg := start(t, s)
	if err := tg.(target.Checker).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	day := targettest.Day(bgp.EndRecovered)
	h := send(t, tg, nil, day...)
	posts, edits := s.got()
	if len(posts) != 2 || len(edits) != 4 || posts[0]["visibility"] != "unlisted" || posts[0]["language"] != "en" || posts[0]["in_reply_to_id"] != "" || posts[1]["in_reply_to_id"] != "1" {
		t.Fatalf("got %v and %v", posts, edits)
	}
	for _, want := range []string{day[0].Post, "At worst: 4 of 4 prefixes", "45 voters on 12 collectors", day[0].Link} {
		if !strings.Contains(posts[0]["status"], want) {
			t.Errorf("%q is missing in %q", want, posts[0]["status"])
		}
	}
	if !strings.Contains(posts[1]["status"], "The routes are back") {
		t.Errorf("got %q", posts[1]["status"])
	}
	s.mu.Lock()
	s.gone["1"] = true
	s.mu.Unlock()
	if anew := send(t, tg, h, targettest.Message(4, target.Update, targettest.Back)); string(anew) == string(h) {
		t.Errorf("a post that was deleted is not made anew: %s", anew)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := targettest.Message(1, target.Open, targettest.Start)
	m.Exercise, m.NotMeasuredSince, m.Remainder = true, targettest.Start, "3 networks are still dark"
	send(t, start(t, s), nil, m)
	posts, _ := s.got()
	for _, want := range []string{"Exercise: ", "Not measured since", "3 networks are still dark"} {
		if !strings.Contains(posts[0]["status"], want) {
			t.Errorf("%q is missing in %q", want, posts[0]["status"])
		}
	}
}

// TestPrivate checks that private incidents are never posted, and watch lists never named.
func TestPrivate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := targettest.Message(1, target.Open, targettest.Start)
	m.Events[0].Watch = []bgp.WatchMember{{List: "customers", Member: "192.0.2.0/24", Public: true}}
	send(t, start(t, s), nil, m)
	m.Private = true
	send(t, start(t, s), nil, m)
	if posts, edits := s.got(); len(posts) != 1 || len(edits) != 0 || strings.Contains(posts[0]["status"], "customers") {
		t.Errorf("got %v and %v", posts, edits)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	reset := http.Header{"X-Ratelimit-Reset": {"2026-01-02T03:09:05.000Z"}}
	for _, tt := range []struct {
		reply                   reply
		refused, gone, throttle bool
		wait                    time.Duration
	}{
		{reply{429, reset}, false, false, true, 5 * time.Minute},
		{reply{401, nil}, false, true, false, 0},
		{reply{403, nil}, false, true, false, 0},
		{reply{422, nil}, true, false, false, 0},
		{reply{503, http.Header{"Retry-After": {"9"}}}, false, false, true, 9 * time.Second},
		{reply{500, nil}, false, false, false, 0},
		{reply{200, nil}, false, false, false, 0},
	} {
		s := serve(t)
		s.next = []reply{tt.reply}
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

// TestHostileNames lets the server count and look for mentions, tags and links.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := targettest.Hostile(target.Open)
	send(t, start(t, s), nil, m)
	m.Post, m.ID = strings.Repeat("👩‍👩‍👧‍👦 http://a.b ＠x ", 100), targettest.ID("more")
	m.Link = "https://darkmap.example.net/" + strings.Repeat("a", 1000)
	send(t, start(t, s), nil, m)
	if posts, _ := s.got(); len(posts) != 2 {
		t.Errorf("got %v", posts)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mastodon.Config){
		"visibility": func(c *mastodon.Config) { c.Visibility = "everybody" }, "token": func(c *mastodon.Config) { c.Token = config.Secret{} },
		"language": func(c *mastodon.Config) { c.Language = "english" },
	} {
		cfg := settings(t, "https://mastodon.example.net")
		change(&cfg)
		if err := config.Validate(&cfg); err == nil || !strings.HasPrefix(err.Error(), name+":") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
