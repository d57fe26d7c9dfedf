package alertmanagertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/waittest"
)

// Notification is a notification about one group of alerts (Alertmanager's webhook, version 4).
type Notification struct {
	// Status is firing or resolved.
	Status      string
	GroupLabels map[string]string
	Alerts      []Alert
}

// Alert is one alert of a notification.
type Alert struct {
	Status              string
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
}

// Server is a running Alertmanager.
type Server struct {
	// URL is its address, without a slash at the end.
	URL string
	// Stop ends it before the end of the test.
	Stop func()

	mu   sync.Mutex
	told []Notification
}

// The times of its only route: the wait of a new group, and the interval between notifications of a
// group. resolve_timeout is equally short, so that an alert without its own end would resolve at
// once.
const (
	GroupWait      = 500 * time.Millisecond
	GroupInterval  = time.Second
	ResolveTimeout = time.Second
)

// Start runs an Alertmanager that groups by outage_id. As in examples/alertmanager, the alert
// DarkmapHeartbeat of a darkmap inhibits its alert DarkmapSilent.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			tb.Errorf("reading a notification: %v", err)
		}
		s.mu.Lock()
		s.told = append(s.told, n)
		s.mu.Unlock()
	}))
	tb.Cleanup(receiver.Close)
	cfg := fmt.Sprintf(`global: {resolve_timeout: %v}
route:
  {receiver: test, group_by: [outage_id], group_wait: %v, group_interval: %v, repeat_interval: 1h,
   routes: [{receiver: nobody, matchers: [alertname = DarkmapHeartbeat]},
            {receiver: test, matchers: [alertname = DarkmapSilent], group_by: [darkmap]}]}
receivers: [{name: test, webhook_configs: [{url: %q, send_resolved: true}]}, {name: nobody}]
inhibit_rules: [{source_matchers: [alertname = DarkmapHeartbeat],
                 target_matchers: [alertname = DarkmapSilent], equal: [darkmap, since]}]
`, ResolveTimeout, GroupWait, GroupInterval, receiver.URL)
	file := filepath.Join(tb.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(file, []byte(cfg), 0o600); err != nil {
		tb.Fatal(err)
	}
	s.run(tb, file)
	return s
}

// StartWith runs an Alertmanager with a configuration file. Its notifications are not recorded.
func StartWith(tb testing.TB, file string) *Server {
	tb.Helper()
	s := &Server{}
	s.run(tb, file)
	return s
}

// run starts the program and waits until it is ready.
func (s *Server) run(tb testing.TB, file string) {
	tb.Helper()
	path, address := program(tb), free(tb)
	s.URL = "http://" + address
	// Not with the test's context: that ends before the clean-up.
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), path, //nolint:gosec // our own arguments
		"--config.file="+file, "--storage.path="+tb.TempDir(),
		"--web.listen-address="+address, "--cluster.listen-address=")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	s.Stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // ends it by id; an error means that it has ended already
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("Alertmanager: %s", &out)
		}
	})
	tb.Cleanup(s.Stop)
	waittest.Until(tb, time.Minute, "Alertmanager is ready", func() bool {
		req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.URL+"/-/ready", http.NoBody)
		if err != nil {
			tb.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Told returns the notifications so far of the group of an outage_id.
func (s *Server) Told(outageID string) (all []Notification) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.told {
		if n.GroupLabels["outage_id"] == outageID {
			all = append(all, n)
		}
	}
	return all
}

// All returns the notifications so far with alerts of a name.
func (s *Server) All(alertname string) (all []Notification) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.told {
		if len(n.Alerts) > 0 && n.Alerts[0].Labels["alertname"] == alertname {
			all = append(all, n)
		}
	}
	return all
}

// Fires reports whether an alert of a name fires, even without a notification.
func (s *Server) Fires(tb testing.TB, alertname string) bool {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet,
		s.URL+"/api/v2/alerts?filter="+url.QueryEscape("alertname="+alertname), http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var all []struct{}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		tb.Fatalf("asking which alerts fire: %v", err)
	}
	return len(all) > 0
}

// free returns a free loopback address.
func free(tb testing.TB) string {
	tb.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = ln.Close() }() // the port is known
	return ln.Addr().String()
}
