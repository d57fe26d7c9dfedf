package httpclient

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
)

// secret is part of every URL and of the bodies of answers. No error may contain it.
const secret = "T0PSECRET"

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil } //nolint:nilnil // what net/http wants

func client(t *testing.T, cfg Config, proxy func(*http.Request) (*url.URL, error)) *Client {
	t.Helper()
	c, err := newClient(cfg, target.Deps{Version: "1.2", Now: func() time.Time { return now }}, proxy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func address(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := ParseURL(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestStatuses checks the fault for each answer.
func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		header string // a name and value
		want   target.Fault
	}{
		{200, "", target.Fault{}},
		{204, "", target.Fault{}},
		{301, "Location: https://other.example/" + secret, target.Fault{Refused: true}},
		{307, "Location: /" + secret, target.Fault{Refused: true}},
		{308, "", target.Fault{Refused: true}},
		{400, "", target.Fault{Refused: true}},
		{401, "", target.Fault{Gone: true}}, // this request lists the status as gone
		{403, "", target.Fault{Refused: true}},
		{404, "", target.Fault{Refused: true}},
		{408, "", target.Fault{}},
		{410, "", target.Fault{Gone: true}},
		{422, "", target.Fault{Refused: true}},
		{425, "", target.Fault{}},
		{429, "Retry-After: 17", target.Fault{Throttle: true, RetryAfter: 17 * time.Second}},
		{429, "Retry-After: " + now.Add(time.Minute).Format(http.TimeFormat), target.Fault{Throttle: true, RetryAfter: time.Minute}},
		{429, "Retry-After: 99999999999999999999", target.Fault{Throttle: true, RetryAfter: 24 * time.Hour}},
		{503, "Retry-After: " + now.Add(-time.Minute).Format(http.TimeFormat), target.Fault{Throttle: true}},
		{502, "Retry-After: soon", target.Fault{Throttle: true}},
		{504, "", target.Fault{Throttle: true}},
		{500, "", target.Fault{}},
		{501, "Retry-After: 5", target.Fault{RetryAfter: 5 * time.Second}},
		{799, "", target.Fault{}},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.Header.Get("User-Agent") != "darkmap/1.2" || r.Header.Get("X-Test") != "1" {
				t.Errorf("got %s with %v", r.Method, r.Header)
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(secret))
		}))
		defer s.Close()
		a, err := client(t, DefaultConfig(), noProxy).Do(t.Context(), Request{
			URL: address(t, s.URL+"/"+secret), Header: http.Header{"X-Test": {"1"}}, Gone: []int{http.StatusUnauthorized},
		})
		if a == nil || a.Status != tt.status {
			t.Fatalf("%d: got answer %v and error %v", tt.status, a, err)
		}
		if tt.status < 300 {
			if err != nil {
				t.Errorf("%d: got error %v", tt.status, err)
			}
			continue
		}
		got := target.FaultOf(err)
		if got == nil || got.Status != tt.status || got.Refused != tt.want.Refused || got.Gone != tt.want.Gone || got.Throttle != tt.want.Throttle || got.RetryAfter != tt.want.RetryAfter {
			t.Errorf("%d %s: got %+v, want %+v", tt.status, tt.header, got, tt.want)
		}
		if text := err.Error(); strings.Contains(text, secret) || !strings.Contains(text, "127.0.0.1") || tt.status/100 == 3 && !strings.Contains(text, "redirect") {
			t.Errorf("%d: says %q", tt.status, text)
		}
	}
}

// TestBounds checks that an endless answer is read only up to the limit.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 8192)); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	a, err := client(t, DefaultConfig(), noProxy).Do(t.Context(), Request{URL: address(t, s.URL)})
	if err != nil || len(a.Body) != maxAnswer {
		t.Errorf("got %d octets and %v", len(a.Body), err)
	}
}

// TestUnreached checks that no connection error contains the URL, and that each one is retried.
func TestUnreached(t *testing.T) {
	t.Parallel()
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hanging.Close()
	dead := httptest.NewServer(nil)
	dead.Close()
	breaking := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}))
	defer breaking.Close()
	encrypted := httptest.NewTLSServer(nil)
	defer encrypted.Close()
	for what, tt := range map[string]struct{ url, says string }{
		"hangs":         {hanging.URL, "does not answer in time"},
		"dead":          {dead.URL, "refuses the connection"},
		"breaks":        {breaking.URL, "closed the connection"},
		"no name":       {"http://darkmap.invalid", "darkmap.invalid"},
		"untrusted":     {encrypted.URL, "certificate"},
		"not encrypted": {strings.Replace(hanging.URL, "http:", "https:", 1), "HTTP response"},
	} {
		u := strings.Replace(tt.url, "://", "://user:"+secret+"@", 1) + "/" + secret + "?token=" + secret
		cfg := DefaultConfig()
		if what == "hangs" {
			cfg.Timeout = 10 * time.Millisecond
		}
		_, err := client(t, cfg, noProxy).Do(t.Context(), Request{URL: address(t, u)})
		f := target.FaultOf(err)
		if f == nil || f.Refused || f.Gone || f.Throttle {
			t.Errorf("%s: got %v", what, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, secret) || !strings.Contains(text, tt.says) && what != "not encrypted" && what != "no name" || !strings.Contains(text, address(t, u).Host) {
			t.Errorf("%s: says %q", what, text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, DefaultConfig(), noProxy).Do(ctx, Request{URL: address(t, hanging.URL+"/"+secret)}); !errors.Is(err, context.Canceled) || target.FaultOf(err) != nil || strings.Contains(err.Error(), secret) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestMetadata checks that no connection is made to the addresses of metadata services, in any
// notation.
func TestMetadata(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"169.254.169.254": true, "169.254.0.1": true, "::ffff:169.254.169.254": true, "64:ff9b::a9fe:a9fe": true, "fd00:ec2::254": true,
		"100.100.100.200": true, "168.63.129.16": true, "::ffff:100.100.100.200": true, "fe80::1": true, "fe80::1%eth0": true, "febf::1": true, "fd20:ce::254": true,
		"127.0.0.1": false, "10.0.0.1": false, "192.168.1.1": false, "172.16.0.1": false, "fd00:ec2::253": false, "::1": false, "100.100.100.201": false, "64:ff9b::7f00:1": false,
	} {
		if got := isMetadata(netip.MustParseAddr(s)); got != want {
			t.Errorf("isMetadata(%s) = %v", s, got)
		}
	}
	for _, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16"} {
		_, err := client(t, DefaultConfig(), noProxy).Do(t.Context(), Request{URL: address(t, "http://"+host+"/latest/"+secret)})
		if f := target.FaultOf(err); f == nil || !f.Refused || !errors.Is(err, errMetadata) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", host, err)
		}
	}
}

// TestProxy checks that with a proxy the proxy decides which addresses are reached, and that this
// is logged. An invalid proxy URL must not be shown.
func TestProxy(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Host }))
	defer proxy.Close()
	at := address(t, strings.Replace(proxy.URL, "://", "://user:"+secret+"@", 1))
	c := client(t, DefaultConfig(), http.ProxyURL(at))
	u := address(t, "http://169.254.169.254/"+secret)
	if _, err := c.Do(t.Context(), Request{URL: u}); err != nil || <-asked != "169.254.169.254" {
		t.Errorf("got %v", err)
	}
	said := func(c *Client) string {
		var b strings.Builder
		c.LogProxy(target.Deps{Name: "chat", Logger: slog.New(slog.NewTextHandler(&b, nil))}, u)
		return b.String()
	}
	if got := said(c); !strings.Contains(got, "proxy decides") || !strings.Contains(got, "proxy="+at.Host) || strings.Contains(got, secret) {
		t.Errorf("logs %q", got)
	}
	if got := said(client(t, DefaultConfig(), noProxy)); got != "" {
		t.Errorf("without a proxy it logs %q", got)
	}
	bad := client(t, DefaultConfig(), func(*http.Request) (*url.URL, error) { return nil, errors.New("invalid proxy address " + secret) })
	if _, err := bad.Do(t.Context(), Request{URL: u}); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Errorf("a bad proxy: got %v", err)
	}
}

// TestCertificates checks that ca_file makes a server trusted.
func TestCertificates(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	cfg := DefaultConfig()
	cfg.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(cfg.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, cfg, noProxy).Do(t.Context(), Request{URL: address(t, s.URL)}); err != nil {
		t.Error(err)
	}
	for _, bad := range []Config{{CAFile: "/nowhere"}, {CAFile: "client_test.go"}, {CertFile: "client_test.go"}, {CertFile: "client_test.go", KeyFile: "client_test.go"}} {
		if _, err := newClient(bad, target.Deps{}, noProxy); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if got := (Config{CertFile: "a"}).Faults(); len(got) != 1 || len(cfg.Faults()) != 0 {
		t.Errorf("got faults %v", got)
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	if u, err := ParseURL(" https://example.net/a?b=c#d\n"); err != nil || u.String() != "https://example.net/a?b=c" {
		t.Errorf("got %v, %v", u, err)
	}
	for _, bad := range []string{"", secret, "/" + secret, "ftp://" + secret, "https:///" + secret, "https://:" + secret, "http://h:port" + secret, "http://%zz" + secret, "https://h/\x00" + secret} {
		if _, err := ParseURL(bad); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("ParseURL(%q): got error %v", bad, err)
		}
	}
}

// TestEndpoint checks that exactly one of the two fields sets the address, and that the header
// Authorization is sent and is a secret.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	file := func(s string) config.Secret {
		at := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(at, []byte(s+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Secret{File: at}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+secret {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	cfg := DefaultConfig()
	cfg.Authorization = file("Bearer " + secret)
	for _, e := range []Endpoint{{URL: s.URL}, {URLSecret: file(s.URL + "/" + secret)}} {
		u, err := e.Read()
		if err != nil || len(e.Faults()) != 0 {
			t.Fatal(err, e.Faults())
		}
		if _, err := client(t, cfg, noProxy).Do(t.Context(), Request{URL: u}); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []Endpoint{{}, {URL: "http://user:" + secret + "@h"}, {URL: s.URL, URLSecret: config.Secret{File: "x"}}} {
		if f := bad.Faults(); len(f) != 1 || strings.Contains(f[0].Error(), secret) {
			t.Errorf("%+v has faults %v", bad, f)
		}
	}
	if _, err := (Endpoint{URLSecret: file(secret)}).Read(); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a secret that is no URL: got error %v", err)
	}
	cfg.Authorization = file("a\x00" + secret)
	if _, err := newClient(cfg, target.Deps{}, noProxy); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a secret that is no header: got error %v", err)
	}
}
