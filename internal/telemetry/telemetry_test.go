package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewLogger(t *testing.T) {
	t.Parallel()
	tests := []struct {
		level, format, want string
		fails               bool
	}{
		{level: "warn", format: "text", want: "  warn      seen\n"},
		{level: "info", format: "json", want: `"msg":"heard"`},
		{level: "loud", format: "text", fails: true},
		{level: "info", format: "xml", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.level+" "+tt.format, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			log, err := NewLogger(&b, tt.level, tt.format)
			if (err != nil) != tt.fails {
				t.Fatalf("got error %v, want one: %v", err, tt.fails)
			}
			if err != nil {
				return
			}
			log.Info("heard")
			log.Warn("seen")
			if !strings.Contains(b.String(), tt.want) || (tt.level == "warn" && strings.Contains(b.String(), "heard")) {
				t.Errorf("got %q, want %q in it", b.String(), tt.want)
			}
		})
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	config := AdminConfig{Addr: "127.0.0.1:0", Gatherer: NewRegistry("v1"), Ready: func() error { return errors.New("tables are coming") }}
	a, err := NewAdmin(ctx, config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	config.Pprof = true
	profiled := httptest.NewServer(config.handler())
	defer profiled.Close()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // ends with cancel below
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, tt := range []struct {
		path, want string
		status     int
	}{
		{"/livez", "ok", 200},
		{"/readyz", "tables are coming", 503},
		{"/metrics", `darkmap_build_info{version="v1"} 1`, 200},
		{"/debug/pprof/", "404", 404},
		{"/debug/pprof/cmdline", "404", 404},
		{profiled.URL + "/debug/pprof/cmdline", "telemetry", 200},
		{"/other", "404", 404},
	} {
		url := tt.path
		if strings.HasPrefix(url, "/") {
			url = "http://" + a.ln.Addr().String() + url
		}
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it was read to its end
		if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
			t.Errorf("%s: got %d %.200q %v, want %d and %q", tt.path, resp.StatusCode, body, err, tt.status, tt.want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want no error when it is told to end", err)
	}
}

// TestAdminRebound checks that on loopback a page whose name was pointed there reads nothing.
func TestAdminRebound(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a, err := NewAdmin(ctx, AdminConfig{Addr: "127.0.0.1:0", Gatherer: NewRegistry("test")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.Run(ctx) }() // ends with cancel below
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	_, port, _ := net.SplitHostPort(a.ln.Addr().String())
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "LOCALHOST": 200, "[::1]:" + port: 200,
		"rebound.example:" + port: 421, "rebound.example": 421, "192.0.2.1:" + port: 421, "127.0.0.1.rebound.example": 421,
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.ln.Addr().String()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Host %s: got %d, want %d", host, resp.StatusCode, want)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
