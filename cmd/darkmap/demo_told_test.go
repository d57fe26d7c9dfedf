package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/schematest"
)

// audience replaces a target of each kind while the demo sends to it. mu guards heard.
type audience struct {
	t      *testing.T
	dir    string
	config string

	mu    sync.Mutex
	heard map[string][]heard // by the first part of the path
	mails []string
}

type heard struct {
	method, path, body string
	header             http.Header
}

// listen starts the servers, and writes a configuration with all of them.
func listen(t *testing.T) *audience {
	t.Helper()
	l := &audience{t: t, dir: t.TempDir(), heard: map[string][]heard{}}
	l.config = filepath.Join(l.dir, "darkmap.yaml")
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	for name, content := range map[string]string{
		"webhook":   "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef")),
		"token":     "token",
		"pagerduty": "0123456789abcdef0123456789abcdef",
		"slack":     server.URL + "/slackhook",
		"ntfy":      "ntfy://" + strings.TrimPrefix(server.URL, "http://") + "/ntfy?scheme=http",
	} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	host, port, _ := net.SplitHostPort(l.smtp())
	cfg := strings.NewReplacer("URL", server.URL, "DIR", l.dir, "HOST", host, "PORT", port).Replace(`
notify:
  public_url: https://darkmap.example.net
  targets:
    webhook: {webhook: {url: "URL/webhook", secrets: [{file: DIR/webhook}]}}
    cloudevents: {cloudevents: {url: "URL/cloudevents"}}
    topic: {cloudevents_topic: {topic: net.darkmap.outages}}
    alertmanager: {alertmanager: {instances: [{url: "URL/alertmanager"}]}}
    pagerduty: {pagerduty: {routing_key: {file: DIR/pagerduty}, url: "URL/pagerduty"}}
    slack: {slack: {token: {file: DIR/token}, channel: C0123456789, api: "URL/slack"}}
    slackhook: {slack: {url: {file: DIR/slack}}}
    matrix: {matrix: {server: "URL/matrix", token: {file: DIR/token}, room: "!a:b"}}
    mastodon: {mastodon: {server: "URL/mastodon", token: {file: DIR/token}}}
    ntfy: {shoutrrr: {url: {file: DIR/ntfy}}}
    mail: {mail: {host: HOST, port: PORT, tls: none, from: darkmap@example.net, to: [noc@example.net]}}
    cap: {cap: {folder: DIR/cap, sender: darkmap@example.net}}
    atom: {atom: {file: DIR/feed.atom, id: "tag:example.net,2026:outages"}}
  routes:
    - name: all
      to: [webhook, cloudevents, topic, alertmanager, pagerduty, slack, slackhook, matrix, mastodon, ntfy, mail, cap, atom]
      match: {datasets: [demo]}
`)
	if err := os.WriteFile(l.config, []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// ServeHTTP accepts every request, as each of the targets does.
func (l *audience) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		l.t.Errorf("reading %s: %v", r.URL.Path, err)
	}
	name := strings.Split(r.URL.Path, "/")[1]
	l.mu.Lock()
	l.heard[name] = append(l.heard[name], heard{r.Method, r.URL.Path, string(body), r.Header})
	n := len(l.heard[name])
	l.mu.Unlock()
	if name == "slackhook" {
		_, _ = io.WriteString(w, "ok")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"ok":true,"ts":"1.%d","channel":"C0123456789","id":"%d","event_id":"$%d"}`, n, n, n)
}

// smtp returns the address of a mail server without encryption.
func (l *audience) smtp() string {
	l.t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(l.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.takeMail(c) }) // ends with the connection
		}
	})
	l.t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func (l *audience) takeMail(c net.Conn) {
	defer c.Close() //nolint:errcheck // both sides are done
	say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	say("220 test")
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "DATA"):
			say("354 go on")
			var mail strings.Builder
			for line, err = in.ReadString('\n'); err == nil && line != ".\r\n"; line, err = in.ReadString('\n') {
				mail.WriteString(line)
			}
			l.mu.Lock()
			l.mails = append(l.mails, mail.String())
			l.mu.Unlock()
			say("250 taken")
		case strings.HasPrefix(line, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// checkTold checks the messages on December 2014 that each kind of target received: 11 messages,
// with one incident for each of the five times that the country was dark. The first incident began
// with short losses. errs is the demo's standard error.
func (l *audience) checkTold(t *testing.T, errs string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, said := range map[string]string{
		"alertmanager": "told nothing: the data are not live", "pagerduty": "told nothing: the data are not live", "slack": "taken 11 messages",
		"slackhook": "taken 11 messages", "matrix": "taken 11 messages", "mastodon": "taken 11 messages", "ntfy": "taken 11 messages", "mail": "taken 11 messages",
		"cap": "taken 15 messages", "atom": "taken 15 messages", "webhook": "taken 96 messages", "cloudevents": "taken 96 messages", "topic": "taken 96 messages",
	} {
		if !regexp.MustCompile(`(?m)^darkmap: ` + name + " (has|is) " + said).MatchString(errs) {
			t.Errorf("%s was not %q: %s", name, said, errs)
		}
	}
	if n := len(l.heard["alertmanager"]) + len(l.heard["pagerduty"]); n > 0 {
		t.Errorf("pagers heard %d requests of an exercise", n)
	}
	l.checkRecords(t)
	l.checkChats(t)
	l.checkFeeds(t)
}

// checkRecords: all records of an outage arrive in order, signed and short. Events within the
// country name the country's event.
func (l *audience) checkRecords(t *testing.T) {
	t.Helper()
	sequence, country := map[string]uint32{}, map[string]bool{}
	var inside []bgp.Outage
	for _, h := range l.heard["webhook"] {
		var body struct {
			Type string
			Data bgp.Outage
		}
		if err := json.Unmarshal([]byte(h.body), &body); err != nil {
			t.Fatal(err)
		}
		o := body.Data
		if len(h.body) >= 20_000 || !strings.HasPrefix(h.header.Get("Webhook-Signature"), "v1,") || h.header.Get("Webhook-Id") == "" || o.Blip || o.Sequence <= sequence[o.ID] {
			t.Errorf("record %d of %s (%d octets, blip %v) has the header %v", o.Sequence, o.ID, len(h.body), o.Blip, h.header)
		}
		sequence[o.ID] = o.Sequence
		if o.Entity.Type == bgp.EntityCountry {
			country[o.ID] = true
		} else {
			inside = append(inside, o)
		}
	}
	for _, o := range inside {
		if !slices.ContainsFunc(o.Parents, func(p bgp.Parent) bool { return country[p.ID] && p.SharePercent == 10000 }) {
			t.Errorf("record %d of %s, %s, names no event of the country: %+v", o.Sequence, o.ID, o.Event, o.Parents)
		}
	}
	ids := map[string]bool{}
	for _, h := range l.heard["cloudevents"] {
		var e struct{ ID, Type, Subject, SpecVersion string }
		if err := json.Unmarshal([]byte(h.body), &e); err != nil || e.SpecVersion != "1.0" || ids[e.ID] || !strings.HasPrefix(e.Type, "net.darkmap.outage.") {
			t.Errorf("got %+v, %v", e, err)
		}
		ids[e.ID] = true
	}
}

// checkChats checks the texts of messages to people, and the limits of their servers.
func (l *audience) checkChats(t *testing.T) {
	t.Helper()
	var headlines []string
	for _, h := range l.heard["slackhook"] {
		var m struct {
			Text   string
			Blocks []struct{ Text struct{ Text string } }
		}
		if err := json.Unmarshal([]byte(h.body), &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Blocks) == 0 || len(m.Blocks[0].Text.Text) > 150 {
			t.Errorf("got %s", h.body)
		}
		first, _, _ := strings.Cut(m.Text, "\n")
		headlines = append(headlines, first)
	}
	want := []string{"3 losses since 00:00 UTC, 22 Dec 2014"}
	for _, x := range [][2]string{
		{"16:15 UTC, 22 Dec 2014", "01:46 UTC, 23 Dec 2014, after 9 h 31 min"},
		{"08:00 UTC, 23 Dec 2014", "08:10 UTC, 23 Dec 2014, after 10 min"},
		{"15:41 UTC, 23 Dec 2014", "16:12 UTC, 23 Dec 2014, after 31 min"},
		{"10:30 UTC, 27 Dec 2014", "12:30 UTC, 27 Dec 2014, after 2 h"},
		{"04:00 UTC, 28 Dec 2014", "05:00 UTC, 28 Dec 2014, after 1 h"},
	} {
		want = append(want, "all 4 IPv4 prefixes lost since "+x[0], "routes back at "+x[1])
	}
	for i := range want {
		want[i] = "Exercise: Reconstruction: North Korea: " + want[i]
	}
	if diff := cmp.Diff(want, headlines); diff != "" {
		t.Errorf("headlines (-want +got):\n%s", diff)
	}
	posts := 0
	for _, h := range l.heard["mastodon"] {
		var m struct{ Status string }
		if err := json.Unmarshal([]byte(h.body), &m); h.body != "" && (err != nil || len([]rune(m.Status)) > 500 || !strings.HasPrefix(m.Status, "Exercise: ") || h.header.Get("Idempotency-Key") == "" && h.method == http.MethodPost) {
			t.Errorf("got %s, %v", h.body, err)
		}
		if h.method == http.MethodPost && !strings.Contains(h.body, "in_reply_to_id") {
			posts++
		}
	}
	if posts != 5 {
		t.Errorf("got %d posts, want 5", posts)
	}
	threads := map[string]bool{}
	for i, m := range l.mails {
		head, _, _ := strings.Cut(m, "\r\n\r\n")
		if x := regexp.MustCompile(`\r\nReferences:\s+(<[^>]+>)`).FindStringSubmatch(head); x != nil {
			threads[x[1]] = true
		}
		if !strings.Contains(head, "Auto-Submitted: auto-generated") || !strings.Contains(head, "Exercise") {
			t.Errorf("mail %d: %s", i, head)
		}
	}
	if len(l.mails) != 11 || len(threads) != 5 {
		t.Errorf("got %d mails in %d threads, want 11 in 5", len(l.mails), len(threads))
	}
}

// checkFeeds: chains of CAP end with an AllClear and are exercises. Atom has an entry for each
// incident.
func (l *audience) checkFeeds(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "cap", "*.xml"))
	if err != nil || len(files) != 15 {
		t.Fatalf("got %d alerts, %v, want 15", len(files), err)
	}
	count := map[string]int{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range regexp.MustCompile(`<(?:status|msgType|responseType|references)>(\w*)`).FindAllStringSubmatch(string(b), -1) {
			count[x[1]]++
		}
	}
	if want := map[string]int{"Exercise": 15, "Alert": 5, "Update": 10, "AllClear": 5, "darkmap": 10}; !cmp.Equal(want, count) {
		t.Errorf("the alerts have %v, want %v", count, want)
	}
	feed, err := os.ReadFile(filepath.Join(l.dir, "feed.atom"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, x := range regexp.MustCompile(`<id>tag:example.net,2026:outages/country-KP-ipv4-(\w+)</id>`).FindAllStringSubmatch(string(feed), -1) {
		ids = append(ids, x[1])
	}
	if diff := cmp.Diff([]string{"20141228T0400Z", "20141227T1030Z", "20141223T1541Z", "20141223T0800Z", "20141222T0000Z"}, ids); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	t.Run("schema", func(t *testing.T) { // a subtest: a machine without xmllint skips it alone
		schematest.Validate(t, schematest.CAP, files...)
		schematest.Validate(t, schematest.Atom, filepath.Join(l.dir, "feed.atom"))
	})
}
