package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/report"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

// guarded is a target of each kind with every secret that it can have, at BASE (a URL with a user
// and a password) or HOST. DIR holds the secrets.
const guarded = `
notify:
  targets:
    webhook: {webhook: {url_secret: {file: DIR/hook}, secrets: [{file: DIR/whsec}], http: {authorization: {file: DIR/secret}}}}
    events: {cloudevents: {url_secret: {file: DIR/hook}, http: {authorization: {file: DIR/secret}}}}
    am: {alertmanager: {instances: [{url_secret: {file: DIR/hook}}], http: {authorization: {file: DIR/secret}}}}
    pager: {pagerduty: {routing_key: {file: DIR/key}, url: "PLAIN"}}
    slack: {slack: {token: {file: DIR/secret}, channel: C0123456789, api: "PLAIN"}}
    slackhook: {slack: {url: {file: DIR/hook}}}
    matrix: {matrix: {server: "PLAIN", token: {file: DIR/secret}, room: "!a:b"}}
    mastodon: {mastodon: {server: "PLAIN", token: {file: DIR/secret}}}
    ntfy: {shoutrrr: {url: {file: DIR/ntfy}}}
    gotify: {shoutrrr: {url: {file: DIR/gotify}}}
    mail: {mail: {host: 127.0.0.1, timeout: 5s, port: PORT, tls: none, user: someone, password: {file: DIR/secret}, from: a@example.net, to: [b@example.net]}}
  heartbeat: {url_secret: {file: DIR/hook}, http: {authorization: {file: DIR/secret}}}
  routes: [{name: all, to: [webhook, events, am, pager, slack, slackhook, matrix, mastodon, ntfy, gotify, mail]}]
`

// Secrets of guarded. The test finds each of them in any output.
var (
	routingKey = "5ec7e7" + strings.Repeat("0", 26)
	kept       = append([]string{routingKey, "5ec7e7tok", "aHVudGVyMi1vZi1h"}, hushed...)
)

// guardedConfiguration is guarded with its servers at a URL.
func guardedConfiguration(t *testing.T, base string) (*configuration, string) {
	t.Helper()
	dir := t.TempDir()
	scheme, host, _ := strings.Cut(base, "://")
	_, port, _ := strings.Cut(grumbler(t), ":")
	hook := scheme + "://" + hushed[1] + ":" + hushed[2] + "@" + host + "/" + hushed[0] + "?token=" + hushed[0]
	for name, content := range map[string]string{
		"secret": hushed[0], "key": routingKey, "whsec": "whsec_aHVudGVyMi1vZi1hLXdlYmhvb2std2l0aC1hLXNlY3JldA==", "hook": hook,
		"ntfy":   "ntfy://" + hushed[1] + ":" + hushed[2] + "@" + host + "/" + hushed[0] + "?scheme=" + scheme,
		"gotify": "gotify://" + host + "/A5ec7e7tok.1234?disabletls=" + map[bool]string{true: "yes", false: "no"}[scheme == "http"],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "darkmap.yaml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer("DIR", dir, "PLAIN", base, "PORT", port).Replace(guarded)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := defaultConfiguration()
	if err := cfg.load(path, nil); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := config.Print(&printed, cfg, nil); err != nil {
		t.Fatal(err)
	}
	return cfg, printed.String()
}

// grumbler is a mail server that refuses the password and repeats it in its answer.
func grumbler(t *testing.T) (address string) {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { // ends with the connection
				defer c.Close() //nolint:errcheck // both sides are done
				_, _ = io.WriteString(c, "220 test\r\n")
				for in := bufio.NewScanner(c); in.Scan(); {
					answer := "535 not " + hushed[0]
					if strings.HasPrefix(in.Text(), "EHLO") {
						answer = "250-test\r\n250 AUTH CRAM-MD5 SCRAM-SHA-256"
					}
					_, _ = io.WriteString(c, answer+"\r\n")
				}
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

// TestTargetsHush has every target fail in every way that a server can make it fail. No output,
// log, state or metric holds a secret. The heartbeat fails in the same ways.
func TestTargetsHush(t *testing.T) {
	t.Parallel()
	// tell answers with the whole request, as a server in debug mode does.
	tell := func(w http.ResponseWriter, r *http.Request, status int) {
		body, _ := io.ReadAll(r.Body)
		all := fmt.Sprint(r.URL, " ", r.Header, " ", string(body))
		w.Header().Set("Location", "http://"+hushed[1]+":"+hushed[2]+"@127.0.0.2/"+hushed[0]+"?"+hushed[0])
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": all, "errors": []string{all}, "message": all, "status": all, "errcode": all, "errorDescription": all, "ok": false})
	}
	ways := map[string]string{"refuses": "http://127.0.0.1:9"}
	for _, status := range []int{200, 204, 302, 307, 400, 401, 403, 404, 410, 413, 422, 429, 500, 503} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tell(w, r, status) }))
		t.Cleanup(s.Close)
		ways[fmt.Sprint("answers ", status)] = s.URL
	}
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	ways["is signed by nobody"] = tls.URL
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	ways["speaks no TLS"] = strings.Replace(plain.URL, "http:", "https:", 1)
	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(cut.Close)
	ways["ends the connection"] = cut.URL
	for what, base := range ways {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			hushTargets(t, base, what)
		})
	}
}

// measured returns the metrics of notify.
func measured(t *testing.T, cfg notify.Config, places map[string]*notify.Place) string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if _, err := notify.New(cfg, notify.Deps{Log: slog.New(slog.DiscardHandler), Instance: "test", Now: time.Now, Registerer: reg, Targets: places}); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil || len(families) < 10 {
		t.Fatalf("%d metrics, %v", len(families), err)
	}
	var b strings.Builder
	for _, f := range families {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

// hushTargets sends messages to all targets at a URL, and checks the results for secrets.
func hushTargets(t *testing.T, base, what string) {
	t.Helper()
	cfg, all := guardedConfiguration(t, base)
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	places, err := cfg.Notify.Open(notify.OpenDeps{Log: logger, Version: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close(places) //nolint:errcheck // nothing is waited for
	var infos []incident.TargetInfo
	for _, name := range slices.Sorted(maps.Keys(places)) {
		infos = append(infos, places[name].Info)
	}
	e, err := incident.New(cfg.Notify.Config, infos, nil, targettest.Start)
	if err != nil {
		t.Fatal(err)
	}
	e.IgnoreBlindness()
	now := targettest.Start.Add(5 * time.Minute)
	e.Adopt(nil, targettest.Start)
	o := targettest.Korea(bgp.NotEnded)
	raw, err := json.Marshal(&o)
	if err != nil {
		t.Fatal(err)
	}
	e.Record(&o, raw, incident.RecordRef{Offset: 1, At: now}, now)
	failed := map[string]bool{}
	for range 5 {
		e.Advance(now)
		for _, a := range e.Ready(now) {
			e.Begin(a, now)
			h, err := places[a.Target].Send(t.Context(), a.Message, a.Handle)
			if err != nil {
				failed[a.Target], all = true, all+"\n"+err.Error()
			}
			e.Done(a, h, err, now)
		}
		now = now.Add(time.Minute)
	}
	for name, p := range places {
		if c, ok := p.Target.(target.Checker); ok {
			if err := c.Check(t.Context()); err != nil {
				failed[name], all = true, all+"\n"+err.Error()
			}
		}
		if err := notify.Test(t.Context(), cfg.Notify, p, now); err != nil {
			failed[name], all = true, all+"\n"+err.Error()
		}
	}
	heart, err := cfg.Notify.OpenHeart(notify.OpenDeps{Log: logger, Version: "test", Now: time.Now}, places)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := heart.Beat(t.Context()); err != nil {
		all += "\n" + err.Error()
	} else if !strings.HasPrefix(what, "answers 20") {
		t.Error("a heartbeat that nobody took")
	}
	all += measured(t, cfg.Notify, places)
	if !strings.HasPrefix(what, "answers 20") && len(failed) < len(places) {
		t.Errorf("only %v failed", failed)
	}
	var out bytes.Buffer
	for _, f := range []report.Form{{Now: now}, {Now: now, JSON: true}} {
		for _, err := range []error{report.Status(&out, e.Status(now), f), report.Parked(&out, e.Parked(), f), report.Explain(&out, o.ID, e.Explain(o.ID, &o, now), f)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for d := range e.Deliveries() {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		all += string(b)
	}
	all += logged.String() + out.String()
	for _, s := range kept {
		if at := strings.Index(all, s); at >= 0 {
			t.Errorf("%s is shown: ...%s", s, all[max(0, at-300):min(len(all), at+100)])
		}
	}
}
