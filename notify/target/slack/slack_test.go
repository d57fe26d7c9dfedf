package slack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/slack"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

func secret(t *testing.T, s string) config.Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(s+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Secret{File: path}
}

func bot(t *testing.T, s *server) target.Target {
	t.Helper()
	cfg := slack.DefaultConfig()
	cfg.API, cfg.Token, cfg.Channel = s.URL+"/api/", secret(t, token), "C0123456789"
	return start(t, cfg)
}

func hook(t *testing.T, s *server) target.Target {
	t.Helper()
	cfg := slack.DefaultConfig()
	cfg.URL = secret(t, s.URL+hookPath)
	return start(t, cfg)
}

func start(t *testing.T, cfg slack.Config) target.Target {
	t.Helper()
	tg, err := slack.New(cfg, targettest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.Close() })
	return tg
}

// TestBot checks that an incident is one message, edited in place. News must appear in its thread,
// and the end in the channel too.
func TestBot(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tg := bot(t, s)
	if err := tg.(target.Checker).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	var h target.Handle
	for _, m := range targettest.Day(bgp.EndRecovered) {
		next, err := tg.Send(t.Context(), m, h)
		if err != nil {
			t.Fatal(err)
		}
		if next != nil {
			h = next
		}
	}
	got := s.got()[1:]
	var methods []string
	for _, r := range got {
		methods = append(methods, r.method)
	}
	if want := "chat.postMessage chat.update chat.postMessage chat.update chat.postMessage"; strings.Join(methods, " ") != want {
		t.Fatalf("got %v, want %s", methods, want)
	}
	if got[1].body["ts"] != got[3].body["ts"] || got[2].body["thread_ts"] != got[1].body["ts"] || got[2].body["reply_broadcast"] != nil || got[4].body["reply_broadcast"] != true {
		t.Errorf("got %+v", got)
	}
	for _, r := range got {
		if r.method == "chat.postMessage" && (r.body["unfurl_links"] != false || r.body["unfurl_media"] != false) {
			t.Errorf("links are unfurled: %v", r.body)
		}
	}
}

// TestLost checks that a deleted message is posted again, and that a reopened incident has a new
// one.
func TestLost(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tg := bot(t, s)
	day := targettest.Day(bgp.EndRecovered)
	h, err := tg.Send(t.Context(), day[1], target.Handle(`{"channel":"C0123456789","ts":"1.2"}`))
	if err != nil || !strings.Contains(string(h), "1419264908") {
		t.Fatalf("got %s, %v", h, err)
	}
	again, err := tg.Send(t.Context(), day[0], h)
	if err != nil || string(again) == string(h) {
		t.Errorf("got %s, %v", again, err)
	}
	for _, bad := range []string{"no JSON", "{}"} {
		if h, err := tg.Send(t.Context(), day[1], target.Handle(bad)); err != nil || h == nil {
			t.Errorf("%s: got %s, %v", bad, h, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reply                   reply
		refused, gone, throttle bool
		wait                    time.Duration
	}{
		{reply{200, "", `{"ok":false,"error":"invalid_auth"}`}, false, true, false, 0},
		{reply{200, "", `{"ok":false,"error":"token_revoked"}`}, false, true, false, 0},
		{reply{200, "", `{"ok":false,"error":"channel_not_found"}`}, true, false, false, 0},
		{reply{200, "", `{"ok":false,"error":"not_in_channel"}`}, true, false, false, 0},
		{reply{200, "", `{"ok":false,"error":"a new one"}`}, true, false, false, 0},
		{reply{200, "", `{"ok":false,"error":"ratelimited"}`}, false, false, true, 30 * time.Second},
		{reply{429, "7", `{"ok":false,"error":"ratelimited"}`}, false, false, true, 7 * time.Second},
		{reply{200, "", `{"ok":false,"error":"internal_error"}`}, false, false, false, 0},
		{reply{200, "", `<html>`}, false, false, false, 0},
		{reply{503, "", ``}, false, false, true, 0},
		{reply{500, "", ``}, false, false, false, 0},
		{reply{302, "", ``}, true, false, false, 0},
	} {
		s := serve(t)
		s.say(tt.reply)
		_, err := bot(t, s).Send(t.Context(), targettest.Message(1, target.Open, targettest.Start), nil)
		f := target.FaultOf(err)
		if f == nil || f.Refused != tt.refused || f.Gone != tt.gone || f.Throttle != tt.throttle || f.RetryAfter != tt.wait {
			t.Errorf("%+v: got %+v", tt, f)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

// TestWebhook checks that each message is a separate message in the channel, without edits. The URL
// must never be shown.
func TestWebhook(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tg := hook(t, s)
	for _, m := range targettest.Day(bgp.EndRecovered) {
		if h, err := tg.Send(t.Context(), m, nil); err != nil || h != nil {
			t.Fatalf("got %s, %v", h, err)
		}
	}
	if got := s.got(); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	for status, gone := range map[int]bool{403: true, 404: true, 410: true, 400: false} {
		s.say(reply{status, "", "no_service"})
		_, err := tg.Send(t.Context(), targettest.Message(4, target.Open, targettest.Start), nil)
		if f := target.FaultOf(err); f == nil || f.Gone != gone || f.Refused == gone || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: got %v", status, err)
		}
	}
	s.Close()
	if _, err := tg.Send(t.Context(), targettest.Message(5, target.Open, targettest.Start), nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

// TestHostileNames lets the server check the limits of each text and the absence of < and >.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := targettest.Hostile(target.Open)
	m.Summary = strings.Repeat(targettest.Evil+"👩‍👩‍👧‍👦\n", 20)
	for _, tg := range []target.Target{bot(t, s), hook(t, s)} {
		if _, err := tg.Send(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.got(); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*slack.Config){
		"url":     func(*slack.Config) {},
		"channel": func(c *slack.Config) { c.Token = config.Secret{Env: "TOKEN"} },
		"api":     func(c *slack.Config) { c.URL, c.API = config.Secret{Env: "URL"}, "slack.com" },
	} {
		cfg := slack.DefaultConfig()
		change(&cfg)
		if err := config.Validate(&cfg); err == nil || !strings.HasPrefix(err.Error(), name+":") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, bad := range []string{"hooks.slack.com/services/secret", "https://a b/secret", ""} {
		cfg := slack.DefaultConfig()
		cfg.URL = secret(t, bad)
		if _, err := slack.New(cfg, targettest.Deps(t)); err == nil || strings.Contains(err.Error(), "services") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}
