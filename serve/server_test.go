package serve

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/querydoor"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// key is the key of the tests' servers.
const key = "the key of the pages"

// testPart has a route of each kind.
type testPart struct{ held, hold chan struct{} }

func (p testPart) Routes(d *Deps) []Route {
	say := func(w http.ResponseWriter, r *http.Request) {
		if Fresh(w, r, "tag") {
			return
		}
		fmt.Fprintf(w, "logged in: %t, below %s%s", Viewer(r).LoggedIn, d.URL("/x"), strings.Repeat(" ", 2000))
	}
	return []Route{
		{Pattern: "GET /{$}", Handler: http.HandlerFunc(say)},
		{Pattern: "GET /v1/thing", Form: FormData, Handler: http.HandlerFunc(say)},
		{Pattern: "GET /held", Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(p.held)
			select {
			case <-p.hold:
			case <-r.Context().Done():
			}
		})},
		{Pattern: "GET /v1/stream", Form: FormData, Stream: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, ": begun")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})},
	}
}

// running is a server of a test, on a free port of loopback.
type running struct {
	t    *testing.T
	url  string
	stop func() error
	part testPart
}

// begin starts a server.
func begin(t *testing.T, change func(*Config)) *running {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	if faults := cfg.Faults(); len(faults) > 0 {
		t.Fatalf("the configuration has faults: %v", faults)
	}
	log := slog.New(slog.DiscardHandler)
	past := live.Config{Log: log, Now: time.Now, Load: func(context.Context) (*live.Snapshot, error) { return live.Past(live.World{Dataset: "demo"}), nil }}
	deps := &Deps{Present: live.New(past), History: history.New(history.Config{WhyNone: "It is a test.", Log: log}), Dataset: "demo", Log: log, Now: time.Now}
	r := &running{t: t, part: testPart{make(chan struct{}), make(chan struct{})}}
	bound := make(chan string, 1)
	s, err := New(cfg, deps, Options{Key: key, Drain: 5 * time.Second, Log: log, Now: time.Now, Bound: func(url string) { bound <- url }}, r.part)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case r.url = <-bound:
	case err := <-ended:
		t.Fatal(err)
	}
	r.stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// reply is an answer without its body.
type reply struct {
	StatusCode int
	Header     http.Header
	cookies    []*http.Cookie
}

func (r reply) Cookies() []*http.Cookie { return r.cookies }

// ask sends a request. heads are names and values in turn. It follows no redirects.
func (r *running) ask(method, path string, heads ...string) (reply, string) {
	r.t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(url.Values{"key": {key}, "to": {"/held"}}.Encode())
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(heads); i += 2 {
		if heads[i] == "Host" {
			req.Host = heads[i+1]
		}
		req.Header.Set(heads[i], heads[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, resp.Cookies()}, string(b)
}

// wants sends a request and checks the status.
func (r *running) wants(status int, method, path string, heads ...string) (reply, string) {
	r.t.Helper()
	resp, body := r.ask(method, path, heads...)
	if resp.StatusCode != status {
		r.t.Errorf("%s %s %q: got %d, want %d: %.200s", method, path, heads, resp.StatusCode, status, body)
	}
	return resp, body
}

// TestHost checks that the server answers to names of loopback, of public_url and of serve.hosts,
// with any port, and gives 421 to others.
func TestHost(t *testing.T) {
	t.Parallel()
	r := begin(t, func(c *Config) {
		c.PublicURL, c.Hosts = "https://map.example.net/darkmap", []string{"intern.example", "2001:db8::1"}
	})
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:1": 200, "localhost:8480": 200, "[::1]:8480": 200, "map.example.net": 200, "MAP.example.net:443": 200, "intern.example.": 200, "[2001:db8:0::1]:99": 200,
		"evil.example": 421, "192.0.2.1": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example:8480": 421, "example.net": 421,
	} {
		resp, body := r.wants(want, http.MethodGet, "/", "Host", host, "Authorization", "Bearer "+key)
		if csp := resp.Header.Get("Content-Security-Policy"); csp != "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'" {
			t.Errorf("%s: the policy is %q", host, csp)
		}
		if want == 421 && !strings.Contains(body, "serve.hosts") {
			t.Errorf("%s: %s", host, body)
		}
	}
}

// TestErrors checks that programs get problem details and people get a page, both with the cause.
func TestErrors(t *testing.T) {
	t.Parallel()
	r := begin(t, nil)
	for path, want := range map[string]int{"/v1/nothing": 404, "/v2/nothing": 404} {
		resp, body := r.wants(want, http.MethodGet, path)
		var p querydoor.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != want || p.Detail == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %s %s", path, resp.Header.Get("Content-Type"), body)
		}
	}
	if resp, body := r.wants(404, http.MethodGet, "/nothing"); !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "<h1>Not Found</h1>") {
		t.Errorf("a page: got %s", body)
	}
	if resp, _ := r.wants(405, http.MethodDelete, "/v1/thing"); resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("a method: got Allow %q", resp.Header.Get("Allow"))
	}
}

// TestBase checks that everything works below the path of public_url, whether a proxy passes the
// path on or removes it.
func TestBase(t *testing.T) {
	t.Parallel()
	r := begin(t, func(c *Config) { c.PublicURL = "https://map.example.net/dark%20map/" })
	for path, want := range map[string]int{"/": 200, "/dark%20map": 200, "/dark%20map/": 200, "/dark%20map/v1/thing": 200, "/v1/thing": 200, "/dark%20mapx/": 404} {
		if _, body := r.wants(want, http.MethodGet, path); want == 200 && !strings.Contains(body, "below /dark%20map/x") {
			t.Errorf("%s: %s", path, body)
		}
	}
	for path, want := range map[string]string{
		"/dark%20map//v1/thing?a=b": "/dark%20map/v1/thing?a=b", "/dark%20map/x/../v1/thing": "/dark%20map/v1/thing", "//evil.example/..": "/dark%20map/", "/dark%20map//evil.example": "/dark%20map/evil.example",
	} {
		if resp, _ := r.wants(307, http.MethodGet, path); resp.Header.Get("Location") != want {
			t.Errorf("%s leads to %s, want %s", path, resp.Header.Get("Location"), want)
		}
	}
}

// TestAccess checks each route for viewers with and without rights, at servers of each kind, and
// the caching headers.
func TestAccess(t *testing.T) {
	t.Parallel()
	listed := func(c *Config) { c.Hosts = []string{"other.example"} }
	bearer := []string{"Authorization", "Bearer " + key}
	away := []string{"X-Forwarded-For", "203.0.113.1"} // behind a proxy: not of this machine
	for _, tt := range []struct {
		name       string
		change     func(*Config)
		heads      []string
		page, data int
		in         bool
		cache      string
	}{
		{"loopback", listed, nil, 200, 200, false, "private, max-age=10"},
		{"loopback, logged in", listed, bearer, 200, 200, true, "private, max-age=10"},
		{"elsewhere", listed, away, 303, 401, false, ""},
		{"elsewhere, logged in", listed, append(away, bearer...), 200, 200, true, "private, max-age=10"},
		{"public", func(c *Config) { c.Public = true }, away, 200, 200, false, "max-age=10"},
		{"public, logged in", func(c *Config) { c.Public = true }, append(away, bearer...), 200, 200, true, "private, max-age=10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := begin(t, tt.change)
			page, body := r.wants(tt.page, http.MethodGet, "/", tt.heads...)
			r.wants(tt.data, http.MethodGet, "/v1/thing", tt.heads...)
			r.wants(200, http.MethodGet, "/login", tt.heads...)
			switch {
			case tt.page != 200:
				if to := page.Header.Get("Location"); to != "/login?to=%2F" {
					t.Errorf("led to %s", to)
				}
			case !strings.HasPrefix(body, fmt.Sprintf("logged in: %t,", tt.in)):
				t.Errorf("got %s", body)
			case page.Header.Get("Cache-Control") != tt.cache || !strings.Contains(strings.Join(page.Header.Values("Vary"), ","), "Cookie"):
				t.Errorf("caches: got %q, vary %q", page.Header.Get("Cache-Control"), page.Header.Values("Vary"))
			}
		})
	}
}

// TestLogIn checks that a key gives a cookie that grants access, that a wrong key does not, and
// that logging out removes it. Other sites cannot log anybody in.
func TestLogIn(t *testing.T) {
	t.Parallel()
	r := begin(t, nil)
	resp, _ := r.wants(303, http.MethodPost, "/login")
	if len(resp.Cookies()) != 1 || resp.Header.Get("Location") != "/held" {
		t.Fatalf("got %v, led to %s", resp.Cookies(), resp.Header.Get("Location"))
	}
	c := resp.Cookies()[0]
	if _, body := r.wants(200, http.MethodGet, "/", "Cookie", c.Name+"="+c.Value); !strings.HasPrefix(body, "logged in: true") {
		t.Errorf("with the cookie: %s", body)
	}
	if resp, _ := r.wants(303, http.MethodPost, "/logout"); resp.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logging out: got %v", resp.Cookies())
	}
	r.wants(403, http.MethodPost, "/login", "Sec-Fetch-Site", "cross-site")
	r.wants(403, http.MethodPost, "/login", "Origin", "https://evil.example")
	if _, body := r.wants(403, http.MethodPost, "/login", "X-Forwarded-For", "203.0.113.1"); !strings.Contains(body, "https") {
		t.Errorf("without encryption: %s", body)
	}
	for to, want := range map[string]string{"/a?b=c": "/a?b=c", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/", "": "/"} {
		if got := localPath(to); got != want {
			t.Errorf("to %q: got %q, want %q", to, got, want)
		}
	}
}

// TestOtherSites checks that a page of another site reads nothing from a server that is not public,
// and only public data from one that is. Links work.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	own, public := begin(t, nil), begin(t, func(c *Config) { c.Public = true })
	foreign := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}
	embedded := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}
	framed := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}
	link := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for _, heads := range [][]string{foreign, embedded, framed, {"Origin", "null"}, {"Sec-Fetch-Site", "same-site"}} {
		if resp, _ := own.wants(403, http.MethodGet, "/v1/thing", heads...); resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("it lets another site read")
		}
	}
	own.wants(200, http.MethodGet, "/", link...)
	own.wants(200, http.MethodGet, "/v1/thing", "Origin", own.url, "Sec-Fetch-Site", "same-origin")
	if resp, _ := public.wants(200, http.MethodGet, "/v1/thing", foreign...); resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("public: got %v", resp.Header)
	}
	if resp, _ := public.wants(204, http.MethodOptions, "/v1/thing", foreign...); resp.Header.Get("Access-Control-Allow-Headers") != "" {
		t.Error("a preflight lets other sites send headers")
	}
	if resp, _ := public.wants(200, http.MethodGet, "/v1/thing", append(foreign, "Authorization", "Bearer "+key)...); resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another site may read what is private")
	}
}

// TestLimits checks the limits of a client on requests and streams at a time, and on requests in a
// second. Exempt clients have no limit.
func TestLimits(t *testing.T) {
	t.Parallel()
	few := func(c *Config) { c.Limits = LimitsConfig{RequestsPerSecond: 1, Burst: 4, Requests: 1, Streams: 2} }
	r := begin(t, few)
	for range 4 {
		r.wants(200, http.MethodGet, "/")
	}
	refused := false
	for range 1000 { // a slow machine may need some more
		resp, body := r.ask(http.MethodGet, "/v1/thing")
		if refused = resp.StatusCode == http.StatusTooManyRequests; refused {
			if resp.Header.Get("Retry-After") != "1" || !strings.Contains(body, "serve.limits") {
				t.Errorf("too many in a second: got %v, %s", resp.Header, body)
			}
			break
		}
	}
	if !refused {
		t.Error("a client may ask for any number of things")
	}
	free := begin(t, func(c *Config) {
		few(c)
		c.Limits.Exempt = []string{"127.0.0.0/8"}
	})
	for range 10 {
		free.wants(200, http.MethodGet, "/")
	}
	streams := begin(t, func(c *Config) { c.Limits.Streams = 2 })
	for range 2 {
		streams.stream() //nolint:bodyclose // it ends with the test
	}
	streams.wants(429, http.MethodGet, "/v1/stream")
	streams.wants(200, http.MethodGet, "/")
}

// stream opens a stream and reads its first line. It ends with the test.
func (r *running) stream() *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/v1/stream", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	line := make([]byte, len(": begun\n"))
	if _, err := io.ReadFull(resp.Body, line); err != nil || string(line) != ": begun\n" {
		r.t.Fatalf("got %q, %v", line, err)
	}
	return resp
}

// TestDrain checks that at its end the server ends streams at once, and lets a request finish.
func TestDrain(t *testing.T) {
	t.Parallel()
	r := begin(t, nil)
	stream := r.stream() //nolint:bodyclose // it ends with the test
	answered := make(chan int, 1)
	go func() {
		resp, err := http.Get(r.url + "/held")
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-r.part.held
	ended := make(chan error, 1)
	go func() { ended <- r.stop() }()
	if _, err := io.ReadAll(stream.Body); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
	close(r.part.hold)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if status := <-answered; status != 200 {
		t.Errorf("the request that was held: got %d", status)
	}
}

// TestFresh checks that a client that has an answer gets 304, also if a proxy has made its tag weak
// or the answer was compressed.
func TestFresh(t *testing.T) {
	t.Parallel()
	r := begin(t, nil)
	resp, _ := r.wants(200, http.MethodGet, "/", "Accept-Encoding", "gzip")
	tag := resp.Header.Get("ETag")
	if resp.Header.Get("Content-Encoding") != "gzip" || !strings.HasSuffix(tag, gzipSuffix+`"`) {
		t.Errorf("got encoding %q, tag %s", resp.Header.Get("Content-Encoding"), tag)
	}
	plain := strings.Replace(tag, gzipSuffix, "", 1)
	for _, t := range []string{tag, plain, "W/" + plain, `"x", W/` + tag} {
		r.wants(304, http.MethodGet, "/", "If-None-Match", t)
	}
	r.wants(200, http.MethodGet, "/", "If-None-Match", `"x"`)
	r.wants(200, http.MethodGet, "/", "If-None-Match", plain, "Authorization", "Bearer "+key)
}

// TestTaken checks that a taken address makes a server fail, unless it may wait for the address.
// Then it reports that once, and serves when the address is free.
func TestTaken(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was accepted
	cfg := DefaultConfig()
	cfg.Listen = l.Addr().String()
	log := slog.New(slog.DiscardHandler)
	deps := func() *Deps {
		return &Deps{Present: live.New(live.Config{Log: log, Now: time.Now, Load: func(context.Context) (*live.Snapshot, error) { return nil, errors.New("none") }}), History: history.New(history.Config{Log: log}), Log: log, Now: time.Now}
	}
	s, err := New(cfg, deps(), Options{Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serve.listen") {
		t.Errorf("got %v", err)
	}
	told := make(chan error, 10)
	ctx, cancel := context.WithCancel(t.Context())
	if s, err = New(cfg, deps(), Options{Log: log, Now: time.Now, Taken: func(err error) { told <- err }}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := <-told; !strings.Contains(err.Error(), "address already in use") || s.Ready() != nil {
		t.Errorf("got %v, ready: %v", err, s.Ready())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFaults checks the faults that struct tags cannot express.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*Config)
		want   string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Listen = "0.0.0.0:8480" }, "listen"},
		{func(c *Config) { c.Listen, c.Public = ":8480", true }, ""},
		{func(c *Config) { c.Listen, c.Keys = "192.0.2.1:8480", []config.Secret{{Env: "A"}} }, ""},
		{func(c *Config) { c.UserHeader = "X-User" }, "user_header"},
		{func(c *Config) { c.UserHeader, c.TrustedProxies = "X-User", []string{"10.0.0.0/8"} }, ""},
		{func(c *Config) { c.TrustedProxies = []string{"10.0.0.1/8"} }, "trusted_proxies"},
		{func(c *Config) { c.Hosts = []string{"a.example:80"} }, "hosts"},
		{func(c *Config) { c.Embed = []string{"https://news.example/"} }, "embed"},
		{func(c *Config) { c.Embed = []string{"https://a.example; script-src *"} }, "embed"},
		{func(c *Config) { c.PublicURL = "https://u:p@a.example" }, "public_url"},
		{func(c *Config) { c.PublicURL = "https://a.example/x?y=z" }, "public_url"},
		{func(c *Config) { c.Limits.Exempt = []string{"x"} }, "limits.exempt"},
	} {
		c := DefaultConfig()
		tt.change(&c)
		var got []string
		for _, f := range c.Faults() {
			got = append(got, f.Key)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v: got faults of %v, want %q", c, got, tt.want)
		}
	}
}

// TestAbsolute checks that links in feeds begin with public_url, or else with the requested
// address.
func TestAbsolute(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8480/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := (&Deps{}).Absolute(r, "/x"); got != "http://127.0.0.1:8480/x" {
		t.Errorf("got %s", got)
	}
	if got := (&Deps{PublicURL: "https://a.example/b/", Base: "/b"}).Absolute(r, "/x"); got != "https://a.example/b/x" {
		t.Errorf("got %s", got)
	}
	r.TLS = &tls.ConnectionState{}
	if got := (&Deps{}).Absolute(r, "/x"); got != "https://127.0.0.1:8480/x" {
		t.Errorf("got %s", got)
	}
}
