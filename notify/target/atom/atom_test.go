package atom_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/schematest"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/atom"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

// parsed is the part of a feed that the tests check, read by a separate decoder.
type parsed struct {
	ID      string    `xml:"id"`
	Title   string    `xml:"title"`
	Updated time.Time `xml:"updated"`
	Author  string    `xml:"author>name"`
	Entries []struct {
		ID         string    `xml:"id"`
		Title      string    `xml:"title"`
		Published  time.Time `xml:"published"`
		Updated    time.Time `xml:"updated"`
		Categories []struct {
			Term string `xml:"term,attr"`
		} `xml:"category"`
		Links []struct {
			Rel  string `xml:"rel,attr"`
			Href string `xml:"href,attr"`
		} `xml:"link"`
		Content struct {
			Type string `xml:"type,attr"`
			Body string `xml:",chardata"`
		} `xml:"content"`
	} `xml:"entry"`
}

func settings(t *testing.T) atom.Config {
	t.Helper()
	cfg := atom.DefaultConfig()
	cfg.File, cfg.ID, cfg.URL = filepath.Join(t.TempDir(), "outages.atom"), "tag:example.net,2026:outages", "https://example.net/outages.atom"
	return cfg
}

func start(t *testing.T, cfg atom.Config) target.Target {
	t.Helper()
	if err := config.Validate(&cfg); err != nil {
		t.Fatal(err)
	}
	tg, err := atom.New(cfg, targettest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func send(t *testing.T, tg target.Target, messages ...*target.Message) {
	t.Helper()
	for _, m := range messages {
		if _, err := tg.Send(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// read reads the feed and checks the rules of the RFC that no schema expresses.
func read(t *testing.T, cfg atom.Config) (parsed, string) {
	t.Helper()
	b, err := os.ReadFile(cfg.File)
	if err != nil {
		t.Fatal(err)
	}
	var f parsed
	if err := xml.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if f.ID != cfg.ID || f.Title == "" || f.Author == "" || f.Updated.IsZero() {
		t.Errorf("got %+v", f)
	}
	ids := map[string]bool{}
	for _, e := range f.Entries {
		if ids[e.ID] || !strings.HasPrefix(e.ID, cfg.ID+"/") || e.Title == "" || e.Updated.IsZero() || e.Updated.Before(e.Published) || e.Updated.After(f.Updated) || e.Content.Type != "html" {
			t.Errorf("got %+v", e)
		}
		ids[e.ID] = true
	}
	t.Run("schema", func(t *testing.T) { // a separate subtest, as a machine without xmllint skips only this one
		schematest.Validate(t, schematest.Atom, cfg.File)
	})
	return f, string(b)
}

// TestIncident checks that one entry holds the newest state, and that its id and its first time
// stay.
func TestIncident(t *testing.T) {
	t.Parallel()
	for reason, want := range map[bgp.EndReason]string{bgp.EndRecovered: "back", bgp.EndLostSight: "ended", bgp.NotEnded: "taken-back"} {
		cfg := settings(t)
		tg := start(t, cfg)
		var ids []string
		for i, m := range targettest.Day(reason) {
			send(t, tg, m)
			f, _ := read(t, cfg)
			if len(f.Entries) != 1 {
				t.Fatalf("got %+v", f)
			}
			e := f.Entries[0]
			ids = append(ids, e.ID)
			if term := []string{"open", "open", want}[i]; e.Categories[0].Term != term || e.Categories[1].Term != "total" || e.Title != m.Headline || !e.Updated.Equal(m.Time) || !e.Published.Equal(targettest.Start.Add(5*time.Minute)) {
				t.Errorf("got %+v, want the state %s", e, term)
			}
			if !strings.Contains(e.Content.Body, "45 voters on 12 collectors") || e.Links[0].Href != m.Link {
				t.Errorf("got %+v", e)
			}
		}
		if ids[0] != ids[1] || ids[1] != ids[2] {
			t.Errorf("got the ids %v of one incident", ids)
		}
	}
}

// TestRestart checks that the file is the same if the process restarts between any two messages, or
// sends each message twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	whole, restarted := settings(t), settings(t)
	notice := targettest.Message(1, target.Notice, targettest.Start.Add(time.Minute))
	notice.Incident, notice.Events = "", nil
	all := append(targettest.Day(bgp.EndRecovered), notice)
	send(t, start(t, whole), all...)
	for _, m := range all {
		send(t, start(t, restarted), m)
		send(t, start(t, restarted), m)
	}
	_, want := read(t, whole)
	if _, got := read(t, restarted); got != want || strings.Count(want, "<entry>") != 2 {
		t.Errorf("got %s, want %s", got, want)
	}
	if info, err := os.Stat(whole.File); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v, want mode 0644", info.Mode(), err)
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	tg := start(t, cfg)
	m := targettest.Message(1, target.Open, targettest.Start)
	m.Private = true
	send(t, tg, m)
	if _, err := os.Stat(cfg.File); err == nil {
		t.Error("a private incident makes a file")
	}
	send(t, tg, targettest.Message(2, target.Update, targettest.Start.Add(time.Minute)), m)
	if f, s := read(t, cfg); len(f.Entries) != 0 {
		t.Errorf("an incident that became private stays: %s", s)
	}
}

// TestBounds checks that entries of closed incidents are removed before those of open ones.
func TestBounds(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Entries = 3
	tg := start(t, cfg)
	for i := range 6 {
		m := targettest.Message(1, target.Open, targettest.Start.Add(time.Duration(i)*time.Hour))
		if m.Incident = "incident-" + string(rune('a'+i)); i%2 == 0 {
			m.Kind, m.Reason = target.Close, bgp.EndRecovered
		}
		send(t, tg, m)
	}
	f, s := read(t, cfg)
	if len(f.Entries) != 3 || !strings.Contains(s, "incident-b<") || !strings.Contains(s, "incident-d<") || !strings.Contains(s, "incident-f<") {
		t.Errorf("got %s", s)
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Title, cfg.Author = targettest.Evil, targettest.Evil
	send(t, start(t, cfg), targettest.Hostile(target.Open))
	f, s := read(t, cfg)
	if strings.ContainsAny(s, "\u202e\u202c\u200b\ufeff\x1b\x07\x00\r\ufffd") {
		t.Errorf("got %q", s)
	}
	e := f.Entries[0]
	if n := uniseg.GraphemeClusterCount(e.Title); n > 160 || strings.Contains(e.Title, "\n") {
		t.Errorf("the title has %d graphemes: %s", n, e.Title)
	}
	for markup := range strings.SplitSeq(strings.NewReplacer("<p>", "", "</p>", "", "<ul>", "", "</ul>", "", "<li>", "", "</li>", "").Replace(e.Content.Body), "\n") {
		if strings.ContainsAny(markup, "<>") {
			t.Errorf("the content has markup of a stranger: %s", markup)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*atom.Config){
		"id":   func(c *atom.Config) { c.ID = "https://example.net/" },
		"url":  func(c *atom.Config) { c.URL = "https://user:secret@example.net/" },
		"file": func(c *atom.Config) { c.File = "" }, "entries": func(c *atom.Config) { c.Entries = 0 },
	} {
		cfg := settings(t)
		change(&cfg)
		if err := config.Validate(&cfg); err == nil || !strings.HasPrefix(err.Error(), name+":") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	cfg := settings(t)
	send(t, start(t, cfg), targettest.Message(1, target.Open, targettest.Start))
	cfg.ID = "tag:example.net,2026:other"
	if _, err := atom.New(cfg, targettest.Deps(t)); err == nil || !strings.Contains(err.Error(), "tag:example.net,2026:outages") {
		t.Errorf("the file of another feed: got %v", err)
	}
	if err := os.WriteFile(cfg.File, []byte("no XML"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := atom.New(cfg, targettest.Deps(t)); err == nil {
		t.Error("a file that is no feed is taken")
	}
	checker, ok := start(t, settings(t)).(target.Checker)
	if !ok || checker.Check(t.Context()) != nil {
		t.Error("the file cannot be checked")
	}
}
