package serve_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// attempts is the script with which a page of another site tries to read from the server at BASE.
// Each attempt returns the text that it could read.
const attempts = `(async () => {
	const BASE = %q, MCP = %q;
	const read = {};
	const wait = (ms) => new Promise((done) => setTimeout(done, ms));
	const trying = async (name, f) => {
		try { read[name] = String(await Promise.race([f(), wait(4000)]) ?? ""); } catch (e) { read[name] = ""; }
	};
	const get = (path, options) => async () => (await fetch(BASE + path, options)).text();
	for (const path of ["/", "/v1/outages", "/v1/outages.csv", "/v1/health", "/feed.atom", "/country/KP", "/v1/feeds", "/status/api/v2/summary.json", "/v2/outages/events?from=1&until=4000000000"]) {
		await trying("fetch " + path, get(path));
		await trying("fetch with credentials " + path, get(path, { credentials: "include" }));
		await trying("fetch without CORS " + path, get(path, { mode: "no-cors", credentials: "include" }));
	}
	await trying("a preflight", get("/v1/outages", { headers: { Authorization: "Bearer x" } }));
	await trying("MCP", get("/mcp", { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream" }, body: MCP }));
	await trying("MCP as text", get("/mcp", { method: "POST", headers: { "Content-Type": "text/plain", Accept: "application/json, text/event-stream" }, body: MCP }));
	await trying("MCP without CORS", get("/mcp", { method: "POST", mode: "no-cors", body: MCP }));
	await trying("a stream", () => new Promise((done, failed) => {
		const es = new EventSource(BASE + "/v1/stream", { withCredentials: true });
		for (const kind of ["hello", "window", "reset"]) es.addEventListener(kind, (e) => done(e.data));
		es.onerror = failed;
	}));
	const element = (tag, attributes) => () => new Promise((done, failed) => {
		const e = Object.assign(document.createElement(tag), attributes);
		e.onload = () => done(tag + " was loaded: " + (e.naturalWidth ?? ""));
		e.onerror = failed;
		document.body.append(e);
	});
	await trying("a script", element("script", { src: BASE + "/v1/outages.csv" }));
	await trying("a picture", element("img", { src: BASE + "/outage/x/picture.png" }));
	await trying("a style", element("link", { rel: "stylesheet", href: BASE + "/v1/outages" }));
	await trying("a frame", () => new Promise((done) => {
		const e = Object.assign(document.createElement("iframe"), { src: BASE + "/" });
		e.onload = () => { try { done(e.contentDocument?.body.innerText); } catch { done(""); } };
		document.body.append(e);
	}));
	await trying("a window", async () => {
		const w = window.open(BASE + "/");
		await wait(500);
		try { return w.document.body.innerText; } finally { w.close(); }
	});
	return read;
})()`

// TestStrangers checks that a page of another origin, and one that reaches the server by a name
// that resolves to loopback, read nothing from a server on loopback, and nothing from its endpoint
// for assistants, although the browser is logged in.
func TestStrangers(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	b := startBrowser(t)
	minute := time.Now().Truncate(time.Minute).Add(-time.Minute)
	sc.feeds(time.Now())
	sc.panel(minute.Add(-time.Minute), bgp.VerdictPossible)
	sc.write(sc.value(minute, korea, 0), sc.outage(minute, lost(korea, minute)))
	sc.decide(minute)
	s := startSite(t, siteConfig{kafka: sc.cfg})
	s.wants("the minute is known", false, "1 country is dark")

	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>foreign</title><body>a page of another site</body>")
	}))
	t.Cleanup(foreign.Close)
	t.Cleanup(foreign.CloseClientConnections)
	port := s.url[strings.LastIndex(s.url, ":"):]
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_outages","arguments":{}}}`
	var answer struct{ Status int }
	b.do(command{Do: "open", Context: "one", Pages: []string{"own"}, URL: s.url + "/login"}, nil)
	b.eval("own", fmt.Sprintf(`fetch("/login", {method: "POST", headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: "key=" + encodeURIComponent(%q) + "&to=/"}).then((r) => ({Status: r.status}))`, login), &answer)
	var in string
	b.eval("own", `fetch("/").then((r) => r.text())`, &in)
	if answer.Status != http.StatusOK || !strings.Contains(in, "Log out") || !strings.Contains(in, "North Korea") {
		t.Fatalf("the browser is not logged in: %d %.300s", answer.Status, in)
	}
	before := gauge(t, s.metrics, "darkmap_serve_refused_total")
	for _, from := range []struct{ name, url, base string }{
		{"another port", foreign.URL, s.url},
		{"another name", strings.Replace(foreign.URL, "127.0.0.1", "evil.test", 1), s.url},
		{"another name of the machine", strings.Replace(foreign.URL, "127.0.0.1", "evil.test", 1), "http://localhost" + port},
		{"a rebound name", "http://rebound.test" + port, "http://rebound.test" + port},
	} {
		var read map[string]string
		b.do(command{Do: "open", Context: "one", Pages: []string{from.name}, URL: from.url}, nil)
		b.eval(from.name, fmt.Sprintf(attempts, from.base, call), &read)
		if len(read) < 35 {
			t.Errorf("%s: only %d attempts: %v", from.name, len(read), read)
		}
		for name, text := range read {
			if text == "" || text == "undefined" || from.name == "a rebound name" && strings.Contains(text, "This server is not called") {
				continue
			}
			t.Errorf("%s: %s reads %.200q", from.name, name, text)
		}
	}
	if n := gauge(t, s.metrics, "darkmap_serve_refused_total") - before; n < 60 {
		t.Errorf("%g requests were refused", n)
	}
}
