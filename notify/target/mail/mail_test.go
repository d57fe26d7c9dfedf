package mail_test

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/mail"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

func settings(t *testing.T, s *server) mail.Config {
	t.Helper()
	cfg := mail.DefaultConfig()
	cfg.Host, cfg.Port, cfg.CAFile = "localhost", s.port, s.ca
	cfg.TLS, cfg.From, cfg.To = "starttls", "Darkmap <darkmap@example.net>", []string{"noc@example.org"}
	cfg.User, cfg.Password = "darkmap", secret(t, password)
	return cfg
}

func secret(t *testing.T, s string) config.Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(s+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Secret{File: path}
}

func start(t *testing.T, cfg mail.Config) target.Target {
	t.Helper()
	tg, err := mail.New(cfg, targettest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

// letter is a parsed mail.
type letter struct {
	header      netmail.Header
	subject     string
	plain, html string
}

func open(t *testing.T, r received) letter {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(r.data))
	if err != nil {
		t.Fatalf("%v\n%s", err, r.data)
	}
	l := letter{header: m.Header}
	if l.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("got %s, %v", kind, err)
	}
	var kinds []string
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e := p.Header.Get("Content-Transfer-Encoding"); e != "quoted-printable" {
			t.Errorf("got a part in %s", e)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, p.Header.Get("Content-Type"))
		if len(kinds) == 1 {
			l.plain = string(b)
		} else {
			l.html = string(b)
		}
	}
	if len(kinds) != 2 || !strings.HasPrefix(kinds[0], "text/plain") || !strings.HasPrefix(kinds[1], "text/html") {
		t.Errorf("got the parts %v, want text/plain and text/html", kinds)
	}
	return l
}

// TestThread checks an encrypted connection, a login, and mails that form a thread.
func TestThread(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		s := serve(t, whole)
		cfg := settings(t, s)
		if whole {
			cfg.TLS = "tls"
		}
		tg := start(t, cfg)
		if err := tg.(target.Checker).Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		var h target.Handle
		var err error
		day := targettest.Day(bgp.EndRecovered)
		for _, m := range day {
			if h, err = tg.Send(t.Context(), m, h); err != nil {
				t.Fatal(err)
			}
		}
		all := s.got()
		if len(all) != 3 || s.clear || len(s.users) != 4 {
			t.Fatalf("got %d mails, in the clear: %v, users %v", len(all), s.clear, s.users)
		}
		var ids, roots []string
		for i, r := range all {
			l := open(t, r)
			id, refs := l.header.Get("Message-Id"), strings.Fields(l.header.Get("References"))
			if r.from != "darkmap@example.net" || r.to != "noc@example.org" || l.subject != day[i].Headline || id != "<"+day[i].ID+"@example.net>" {
				t.Errorf("got %+v", l)
			}
			if want := append([]string{refs[0]}, ids...); strings.Join(refs, " ") != strings.Join(want, " ") || l.header.Get("In-Reply-To") != refs[len(refs)-1] {
				t.Errorf("got references %v and %s, want %v", refs, l.header.Get("In-Reply-To"), want)
			}
			ids, roots = append(ids, id), append(roots, refs[0])
			for name, want := range map[string]string{
				"Auto-Submitted": "auto-generated", "List-Unsubscribe": "<mailto:darkmap@example.net?subject=unsubscribe>",
				"X-Darkmap-Incident": day[i].Incident, "X-Darkmap-Severity": "total", "Date": "Fri, 02 Jan 2026 03:04:05 +0000",
			} {
				if got := l.header.Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			for _, want := range []string{day[i].Summary, "Seen by", "45 voters on 12 collectors", day[i].Link} {
				if !strings.Contains(l.plain, want) || !strings.Contains(l.html, want) {
					t.Errorf("%q is missing in %s or %s", want, l.plain, l.html)
				}
			}
		}
		if roots[0] != roots[1] || roots[1] != roots[2] {
			t.Errorf("got the threads %v", roots)
		}
	}
}

// TestAnswers checks the outcome of a message for each answer of the server.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		place                   string
		code                    int
		refused, gone, throttle bool
	}{
		{"noc@example.org", 450, false, false, false},
		{"noc@example.org", 550, true, false, false},
		{"from", 451, false, false, false},
		{"from", 553, true, false, false},
		{"data", 452, false, false, false},
		{"data", 554, true, false, false},
		{"from", 421, false, false, true},
		{"password", 454, false, false, false},
		{"password", 535, false, true, false},
		{"password", 534, false, true, false},
	} {
		s := serve(t, false)
		s.say(tt.place, tt.code)
		tg := start(t, settings(t, s))
		m := targettest.Message(1, target.Open, targettest.Start)
		_, err := tg.Send(t.Context(), m, nil)
		f := target.FaultOf(err)
		if f == nil || f.Status != tt.code || f.Refused != tt.refused || f.Gone != tt.gone || f.Throttle != tt.throttle {
			t.Errorf("%+v: got %+v", tt, f)
			continue
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%+v: the error shows the password: %v", tt, err)
		}
		if _, err := tg.Send(t.Context(), m, nil); err != nil && !tt.refused {
			t.Errorf("%+v: the next attempt: %v", tt, err)
		}
	}
}

// TestRecipients checks that each recipient gets a separate mail. A recipient that has it gets no
// second one while the others are retried. An unknown recipient must not block the others.
func TestRecipients(t *testing.T) {
	t.Parallel()
	s := serve(t, false)
	cfg := settings(t, s)
	cfg.To = []string{"gone@example.org", "a@example.org", "slow@example.org", "Ünï <b@example.org>"}
	s.say("gone@example.org", 550)
	s.say("slow@example.org", 450, 450)
	tg := start(t, cfg)
	m := targettest.Message(1, target.Open, targettest.Start)
	for i, want := range []bool{false, false, true} {
		h, err := tg.Send(t.Context(), m, nil)
		if (err == nil) != want || (h != nil) != want {
			t.Errorf("attempt %d: got %s, %v", i, h, err)
		}
	}
	var to []string
	for _, r := range s.got() {
		to = append(to, r.to)
		if l := open(t, r); !strings.Contains(l.header.Get("To"), r.to) || strings.Count(l.header.Get("To"), "@") != 1 {
			t.Errorf("got To: %s", l.header.Get("To"))
		}
	}
	if got := strings.Join(to, " "); got != "a@example.org b@example.org slow@example.org" {
		t.Errorf("got mails to %s", got)
	}
}

func TestUnreached(t *testing.T) {
	t.Parallel()
	s := serve(t, false)
	cfg := settings(t, s)
	cfg.CAFile = "" // the system does not know the authority of the certificate
	m := targettest.Message(1, target.Open, targettest.Start)
	if _, err := start(t, cfg).Send(t.Context(), m, nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
	cfg.Port = 1
	if _, err := start(t, cfg).Send(t.Context(), m, nil); err == nil || target.FaultOf(err) == nil || target.FaultOf(err).Refused {
		t.Errorf("got %v", err)
	}
	if len(s.got()) != 0 {
		t.Error("a mail went over a connection without a known certificate")
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := serve(t, false)
	m := targettest.Hostile(target.Open)
	m.Route = targettest.Evil
	m.Incident = "a\r\nBcc: evil@example.org"
	if _, err := start(t, settings(t, s)).Send(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	all := s.got()
	if len(all) != 1 || all[0].to != "noc@example.org" {
		t.Fatalf("got %+v", all)
	}
	l := open(t, all[0])
	if l.header.Get("Bcc") != "" || len(l.header["Subject"]) != 1 {
		t.Errorf("got %v", l.header)
	}
	if n := uniseg.GraphemeClusterCount(l.subject); n > 160 || strings.ContainsAny(l.subject, "\r\n\u202e\x1b") {
		t.Errorf("the subject has %d graphemes: %q", n, l.subject)
	}
	if strings.Contains(l.html, "<script") || strings.Contains(l.html, "<!channel") || strings.ContainsAny(l.plain+l.html, "\u202e\x1b\x00\x07\u200b") {
		t.Errorf("got %s and %s", l.plain, l.html)
	}
}

// TestNotice checks that a message without an incident is in no thread.
func TestNotice(t *testing.T) {
	t.Parallel()
	s := serve(t, false)
	m := targettest.Message(1, target.Notice, targettest.Start)
	m.Incident, m.Events, m.Exercise = "", nil, true
	if _, err := start(t, settings(t, s)).Send(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	if l := open(t, s.got()[0]); l.header.Get("References") != "" || l.header.Get("In-Reply-To") != "" || !strings.HasPrefix(l.subject, "Exercise: ") {
		t.Errorf("got %v", l.header)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := &server{port: 25}
	for name, change := range map[string]func(*mail.Config){
		"from":        func(c *mail.Config) { c.From = "nobody" },
		"to":          func(c *mail.Config) { c.To = []string{"a@example.org", "b"} },
		"tls":         func(c *mail.Config) { c.Host, c.TLS = "mail.example.net", "none" },
		"user":        func(c *mail.Config) { c.Password = config.Secret{} },
		"unsubscribe": func(c *mail.Config) { c.Unsubscribe = "http://example.net" },
		"timeout":     func(c *mail.Config) { c.Timeout = time.Hour },
	} {
		cfg := settings(t, s)
		cfg.CAFile = ""
		change(&cfg)
		if err := config.Validate(&cfg); err == nil || !strings.HasPrefix(err.Error(), name+":") && !strings.HasPrefix(err.Error(), name+"[") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
