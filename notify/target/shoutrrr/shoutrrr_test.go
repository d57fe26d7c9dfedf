package shoutrrr_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/shoutrrr"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

// place is a service with a test server in its place.
type place struct {
	name, url string
	s         *server
	limit     int
	// read returns the texts of a request: title and message.
	read func(t *testing.T, r request) (title, message string)
}

func field(name string) func(t *testing.T, r request) (string, string) {
	return func(t *testing.T, r request) (string, string) {
		t.Helper()
		var body map[string]any
		if err := json.Unmarshal([]byte(r.body), &body); err != nil {
			t.Fatalf("got %q: %v", r.body, err)
		}
		title, _ := body["title"].(string)
		message, _ := body[name].(string)
		return title, message
	}
}

// places lists the services that the tests cover.
func places(t *testing.T) []place {
	t.Helper()
	ntfy, ntfyAt := local(t)
	gotify, gotifyAt := local(t)
	mattermost, mattermostAt := local(t)
	generic, genericAt := local(t)
	return []place{
		{"ntfy", "ntfy://user:secret-key@" + ntfyAt + "/topic?scheme=http", ntfy, 4000, func(_ *testing.T, r request) (string, string) { return r.header.Get("Title"), unquote(r.body) }},
		{"gotify", "gotify://" + gotifyAt + "/AzyoeNS.D4iJLVa?disabletls=yes", gotify, 8000, field("message")},
		{"mattermost", "mattermost://" + mattermostAt + "/secret-key?disabletls=yes", mattermost, 4000, field("text")},
		{"generic", "generic://" + genericAt + "/secret-key?disabletls=yes&template=json", generic, 8000, field("message")},
		{"discord", "discord://secret-key@1234", named(t, "discord.com"), 2000, field("content")},
		{"telegram", "telegram://1234:secret-key@telegram?chats=-100&parsemode=HTML&title=x", named(t, "api.telegram.org"), 4096, field("text")},
		{"rocketchat", "rocketchat://chat.example.net/secret-key/b", named(t, "chat.example.net"), 4000, field("text")},
		{"pushover", "pushover://shoutrrr:secret-key@user/", named(t, "api.pushover.net"), 1024, func(t *testing.T, r request) (string, string) {
			t.Helper()
			v, err := url.ParseQuery(r.body)
			if err != nil {
				t.Fatal(err)
			}
			return v.Get("title"), v.Get("message")
		}},
	}
}

// unquote decodes a JSON string; it returns any other text unchanged.
func unquote(s string) string {
	var text string
	if json.Unmarshal([]byte(s), &text) != nil {
		return s
	}
	return text
}

func start(t *testing.T, u string) target.Target {
	t.Helper()
	tg, err := create(t, u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.Close() })
	return tg
}

func create(t *testing.T, u string) (target.Target, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte(u+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := shoutrrr.DefaultConfig()
	cfg.URL, cfg.HTTP.CAFile = config.Secret{File: path}, outside.ca
	return shoutrrr.New(cfg, targettest.Deps(t))
}

// TestServices checks that each message is one request with the necessary content, within the
// limit.
func TestServices(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			tg := start(t, p.url)
			day := targettest.Day(bgp.EndRecovered)
			for _, m := range day {
				if h, err := tg.Send(t.Context(), m, nil); err != nil || h != nil {
					t.Fatalf("got %s, %v", h, err)
				}
			}
			got := p.s.got()
			if len(got) != 3 {
				t.Fatalf("got %v", got)
			}
			title, message := p.read(t, got[0])
			for _, want := range []string{"North Korea", "45 voters on 12 collectors", day[0].Link} {
				if !strings.Contains(message, want) {
					t.Errorf("%q is missing in %q", want, message)
				}
			}
			if title != "" && title != day[0].Headline {
				t.Errorf("got the title %q", title)
			}
			if p.name != "generic" && !strings.HasPrefix(got[0].header.Get("User-Agent"), "darkmap/") {
				t.Errorf("the request did not go through the client of targets: %v", got[0].header)
			}
		})
	}
}

// TestHostileNames checks that no name mentions a user or changes the text around it, within the
// limit.
func TestHostileNames(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			if _, err := start(t, p.url).Send(t.Context(), targettest.Hostile(target.Open), nil); err != nil {
				t.Fatal(err)
			}
			got := p.s.got()
			title, message := p.read(t, got[0])
			if len(got) != 1 || len(message) > p.limit || message == "" || !utf8.ValidString(message) || strings.Contains(title, "\n") {
				t.Errorf("got %d requests, %d octets: %q", len(got), len(message), message)
			}
			for _, bad := range []string{"@everyone", "@room", "#tag", "\u202e", "\x1b", "\x00", "\r"} {
				if strings.Contains(message, bad) {
					t.Errorf("%q stands in %q", bad, message)
				}
			}
			if !strings.HasSuffix(message, "https://darkmap.example.net/outages/country-KP-ipv4-20141222T1615Z") {
				t.Errorf("the link is cut: %q", message)
			}
		})
	}
}

// TestDiscord checks that no user is mentioned, and that links have no previews.
func TestDiscord(t *testing.T) {
	s := named(t, "discord.com")
	m := targettest.Message(1, target.Open, targettest.Start)
	m.Exercise = true
	if _, err := start(t, "discord://secret-key@1234?username=Dark&splitLines=yes").Send(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	var body struct {
		Username string `json:"username"`
		Allowed  struct {
			Parse *[]string `json:"parse"`
		} `json:"allowed_mentions"`
		Flags int `json:"flags"`
	}
	if err := json.Unmarshal([]byte(s.got()[0].body), &body); err != nil || body.Allowed.Parse == nil || len(*body.Allowed.Parse) != 0 || body.Flags != 4|4096 || body.Username != "Dark" {
		t.Errorf("got %s, %v", s.got()[0].body, err)
	}
}

// TestTelegram checks that there is no parse_mode, independent of the URL, and that a failed
// request is an error, although the library reports success.
func TestTelegram(t *testing.T) {
	s := named(t, "api.telegram.org")
	tg := start(t, "telegram://1234:secret-key@telegram?chats=-100&parsemode=HTML&title=x")
	m := targettest.Message(1, target.Open, targettest.Start)
	m.Exercise = true
	if _, err := tg.Send(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(s.got()[0].body), &body); err != nil || body["parse_mode"] != nil || body["disable_web_page_preview"] != true || body["disable_notification"] != true {
		t.Errorf("got %v, %v", body, err)
	}
	for _, bad := range []reply{{500, "", ""}, {200, "", "no JSON"}, {502, "", "<html>"}} {
		s.say(bad)
		if _, err := tg.Send(t.Context(), m, nil); err == nil && bad.status != 200 {
			t.Errorf("%+v is a success", bad)
		}
	}
	s.say(reply{429, "", `{"ok":false,"error_code":429,"parameters":{"retry_after":7}}`})
	if _, err := tg.Send(t.Context(), m, nil); target.FaultOf(err) == nil || target.FaultOf(err).RetryAfter != 7*time.Second {
		t.Errorf("got %v", err)
	}
}

// TestAnswers checks that an attempt makes one request, and that the Fault is right and contains no
// secret.
func TestAnswers(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			tg := start(t, p.url)
			for _, tt := range []struct {
				reply                   reply
				refused, gone, throttle bool
				wait                    time.Duration
			}{
				{reply{401, "", ""}, false, true, false, 0},
				{reply{400, "", ""}, true, false, false, 0},
				{reply{429, "9", ""}, false, false, true, 9 * time.Second},
				{reply{503, "", ""}, false, false, true, 0},
				{reply{500, "", ""}, false, false, false, 0},
				{reply{302, "", ""}, true, false, false, 0},
			} {
				if p.name == "generic" && (tt.reply.status == 302 || tt.wait != 0) {
					continue // it follows redirects, and its Retry-After is unknown
				}
				before := len(p.s.got())
				p.s.say(tt.reply)
				_, err := tg.Send(t.Context(), targettest.Message(1, target.Open, targettest.Start), nil)
				f := target.FaultOf(err)
				if f == nil || f.Status != tt.reply.status || f.Refused != tt.refused || f.Gone != tt.gone || f.Throttle != tt.throttle || f.RetryAfter != tt.wait {
					t.Errorf("%+v: got %+v", tt, f)
				}
				if n := len(p.s.got()) - before; n != 1 {
					t.Errorf("%+v: got %d requests, want 1", tt, n)
				}
				if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "AzyoeNS")) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
		})
	}
}

// TestHanging checks that hanging attempts are bounded, and that Send ends with its context.
func TestHanging(t *testing.T) {
	t.Parallel()
	s, address := local(t)
	tg := start(t, "generic://"+address+"/secret-key?disabletls=yes")
	s.mu.Lock() // the server does not answer
	for i := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := tg.Send(ctx, targettest.Message(1, target.Open, targettest.Start), nil)
		if want := map[bool]string{true: "in time", false: "hang"}[i < 4]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("attempt %d: got %v, want %s", i, err, want)
		}
	}
	s.mu.Unlock()
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for u, want := range map[string]string{
		"":                             "begins with no service",
		"logger://":                    "begins with no service",
		"slack://secret@x":             "the section slack",
		"smtp://secret@x":              "the section mail",
		"telegram://secret-key@x":      "does not have the form",
		"discord://secret-key":         "does not have the form",
		"ntfy://user:secret%zz@host/x": "is no URL",
	} {
		if _, err := create(t, u); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-key") {
			t.Errorf("%s: got %v, want %q", u, err, want)
		}
	}
	for _, host := range []string{"169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"} {
		_, err := start(t, "generic://"+host+"/latest?disabletls=yes").Send(t.Context(), targettest.Message(1, target.Open, targettest.Start), nil)
		if f := target.FaultOf(err); f == nil || !f.Refused {
			t.Errorf("%s: got %v", host, err)
		}
	}
	cfg := shoutrrr.DefaultConfig()
	if err := config.Validate(&cfg); err == nil || !strings.HasPrefix(err.Error(), "url:") {
		t.Errorf("got %v", err)
	}
}
