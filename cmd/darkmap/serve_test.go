package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/api"
)

// overheard is an output that can be read while it is written.
type overheard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *overheard) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *overheard) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// served is a command of this process that serves pages.
type served struct {
	t      *testing.T
	out    overheard
	errs   overheard
	cancel context.CancelFunc
	ended  chan int
}

// serving starts a command with pages on a free port.
func serving(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &served{t: t, cancel: cancel, ended: make(chan int, 1)}
	go func() {
		s.ended <- run(ctx, append(args, "--set", "serve.listen=127.0.0.1:0"), strings.NewReader(""), &s.out, &s.errs)
	}() // ends with stop
	return s
}

// stop ends the command as Ctrl-C does, and returns the exit code.
func (s *served) stop() int {
	s.cancel()
	code := <-s.ended
	s.ended <- code
	return code
}

var pagesAt = regexp.MustCompile(`the pages are at (http://[0-9.:]+)\n`)

// until waits until ok, and fails if the command ends first.
func (s *served) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		select {
		case code := <-s.ended:
			s.ended <- code
			s.t.Fatalf("it ended with %d before %s:\n%s", code, what, s.errs.String())
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s has not come:\n%s", what, s.errs.String())
		}
	}
}

// get requests a page. The status is 0 if the pages do not answer.
func (s *served) get(path string) (int, string) {
	s.t.Helper()
	m := pagesAt.FindStringSubmatch(s.errs.String())
	if m == nil {
		return 0, ""
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, m[1]+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()       //nolint:errcheck // only read
	b, _ := io.ReadAll(resp.Body) // as much as there is
	return resp.StatusCode, string(b)
}

// health returns /v1/health.
func (s *served) health() (h api.Health) {
	s.t.Helper()
	status, body := s.get("/v1/health")
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &h); err != nil {
			s.t.Fatalf("%v: %s", err, body)
		}
	}
	return h
}

// shown returns the outages of /v1/outages.
func (s *served) shown() (all []bgp.Outage) {
	s.t.Helper()
	var list struct {
		Outages []bgp.Outage `json:"outages"`
	}
	if status, body := s.get("/v1/outages"); status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			s.t.Fatalf("%v: %s", err, body)
		}
	}
	return list.Outages
}

// playedPages runs `demo` with --serve, and requests pages while the days are played and at their
// end.
func playedPages(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	s := serving(t, append(args, "--serve")...)
	s.until("a country that is dark", func() bool {
		return slices.ContainsFunc(s.shown(), func(o bgp.Outage) bool { return o.Entity.Code == "KP" && o.Dataset == "demo" && o.End == nil })
	})
	s.until("the end", func() bool { return strings.Contains(s.errs.String(), "the pages stay") })
	s.until("the last minute", func() bool {
		m := s.health().Minute
		return m != nil && m.Equal(time.Date(2014, 12, 29, 23, 59, 0, 0, time.UTC))
	})
	if h := s.health(); h.Stale || len(h.Problems) > 0 || h.Open != 0 || len(h.Families) != 2 || !strings.Contains(h.History, "--no-store") {
		t.Errorf("at the end: got %+v", h)
	}
	if status, page := s.get("/"); status != http.StatusOK || !strings.Contains(page, "<h1>Nothing was dark at 2014-12-30 00:00 UTC</h1>") {
		t.Errorf("the page at the end: %d %s", status, page)
	}
	return s.stop(), s.out.String(), s.errs.String()
}

// checkPastPages: `serve` shows a dataset that has ended from its rows, at its end and before. It
// starts the engine itself.
func checkPastPages(t *testing.T, dir, dataset string, printed []bgp.Outage) {
	t.Helper()
	args := []string{"serve", "--dataset", dataset, "--data-dir", dir, "--admin-addr", "127.0.0.1:0"}
	s := serving(t, args...)
	s.until("the dataset's end", func() bool { return s.health().Minute != nil })
	ids := func(all []bgp.Outage) (ids []string) {
		for _, o := range all {
			ids = append(ids, o.ID)
		}
		slices.Sort(ids)
		return ids
	}
	got, want := ids(s.shown()), ids(printed)
	if h := s.health(); h.Stale || h.History != "" || h.Dataset != dataset || len(h.Families) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %d outages, want %d; %+v", len(got), len(want), h)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit %d:\n%s", code, s.errs.String())
	}
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--at", "yesterday"}, exitUsage, "--at"},
		{[]string{"--set", "serve.listen=192.0.2.1:80"}, exitUsage, "serve.listen"},
		{[]string{"--dataset", "nothing"}, exitFailed, "it has " + dataset},
		{[]string{"--at", "2001-01-01"}, exitFailed, "nothing of that time"},
	} {
		if code, _, errs := darkmap(t, "", append(args, tt.args...)...); code != tt.code || !strings.Contains(errs, tt.says) {
			t.Errorf("%v: got %d, want %d and %q:\n%s", tt.args, code, tt.code, tt.says, errs)
		}
	}
}
