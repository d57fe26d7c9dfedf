package alertmanager

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

const incident = "country-KP-ipv4-20141222T1615Z"

var start = time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)

func message(kind target.Kind, s bgp.Severity, at time.Time) *target.Message {
	return &target.Message{
		ID: "0123", Incident: incident, Kind: kind, Subject: target.SubjectOutage, Route: "countries", Time: at, Start: start, Severity: s,
		Title: "North Korea", Headline: "North Korea: all 4 IPv4 prefixes lost", Summary: "All 4 IPv4 prefixes of North Korea lost their routes.", Link: "https://darkmap.example.net/outages/" + incident,
		Events: []bgp.Outage{{ID: incident, Entity: bgp.Entity{Type: bgp.EntityWorld, Code: "world"}}},
	}
}

// server stores the requests that are posted to it.
type server struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	posts  [][]alert
}

func serve(t *testing.T, status int) *server {
	t.Helper()
	s := &server{status: status}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		w.WriteHeader(s.status)
		if r.Method == http.MethodGet && r.URL.Path == "/am/api/v2/status" {
			return
		}
		var all []alert
		if err != nil || r.URL.Path != "/am/api/v2/alerts" || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &all) != nil {
			t.Errorf("got %s %v: %s", r.URL, r.Header, body)
		}
		s.posts = append(s.posts, all)
	}))
	t.Cleanup(s.Close)
	return s
}

// last returns the newest post: status, severity and end of each alert.
func (s *server) last(now time.Time) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.posts) == 0 {
		return nil
	}
	for _, a := range s.posts[len(s.posts)-1] {
		word := "fires "
		if !a.EndsAt.After(now) {
			word = "ended " + a.EndsAt.Format("15:04") + " "
		}
		all = append(all, word+a.Labels["severity"])
	}
	return all
}

func deps(log io.Writer) target.Deps {
	return target.Deps{Name: "am", Version: "1", PublicURL: "https://darkmap.example.net", Now: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil))}
}

// to makes a target with a clock that the test sets.
func to(t *testing.T, now *time.Time, log io.Writer, servers ...*server) *Alertmanager {
	t.Helper()
	var cfg Config
	for _, s := range servers {
		cfg.Instances = append(cfg.Instances, httpclient.Endpoint{URL: s.URL + "/am/"})
	}
	d := deps(log)
	d.Now = func() time.Time { return *now }
	a, err := New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// TestLife checks the posts while an incident opens, rises, is repeated, falls back and closes.
func TestLife(t *testing.T) {
	t.Parallel()
	s, now := serve(t, 200), start
	a := to(t, &now, io.Discard, s)
	var h target.Handle
	end := start.Add(3 * time.Hour)
	for i, step := range []struct {
		after    time.Duration
		kind     target.Kind
		severity bgp.Severity
		repeat   bool
		want     []string
	}{
		{5 * time.Minute, target.Open, bgp.SeverityModerate, false, []string{"fires moderate"}},
		{6 * time.Minute, target.Update, bgp.SeverityModerate, true, []string{"fires moderate"}},
		{20 * time.Minute, target.Update, bgp.SeverityMajor, false, []string{"ended 16:35 moderate", "fires major"}},
		{21 * time.Minute, target.Update, bgp.SeverityMajor, true, []string{"ended 16:35 moderate", "fires major"}},
		{40 * time.Minute, target.Update, bgp.SeverityMajor, false, []string{"fires major"}},
		{41 * time.Minute, target.Update, bgp.SeverityTotal, false, []string{"ended 16:56 major", "fires total"}},
		{42 * time.Minute, target.Update, bgp.SeverityMajor, false, []string{"ended 16:57 total", "fires major"}},
		{190 * time.Minute, target.Close, bgp.SeverityTotal, false, []string{"ended 16:35 moderate", "ended 16:57 total", "ended 19:15 major"}},
		{191 * time.Minute, target.Close, bgp.SeverityTotal, true, []string{"ended 16:35 moderate", "ended 16:57 total", "ended 19:15 major"}},
		{195 * time.Minute, target.Open, bgp.SeverityTotal, false, []string{"ended 19:30 major", "fires total"}},
	} {
		now = start.Add(step.after)
		m := message(step.kind, step.severity, now)
		if step.kind == target.Close {
			m.End = end
		}
		after, err := a.Send(t.Context(), m, h)
		if err != nil {
			t.Fatal(err)
		}
		if !step.repeat {
			h = after
		}
		if diff := cmp.Diff(step.want, s.last(now)); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestLost checks a lost handle: a close ends every alert that may fire, and a first message fires
// one.
func TestLost(t *testing.T) {
	t.Parallel()
	s, now := serve(t, 200), start.Add(time.Hour)
	a := to(t, &now, io.Discard, s)
	for kind, want := range map[target.Kind]int{target.Open: 1, target.Update: 4, target.Close: 4, target.TakeBack: 4} {
		if _, err := a.Send(t.Context(), message(kind, bgp.SeverityMajor, now), nil); err != nil || len(s.last(now)) != want {
			t.Errorf("%s: got %v, %v", kind, s.last(now), err)
		}
	}
	if _, err := a.Send(t.Context(), message(target.Open, bgp.SeverityMajor, now), target.Handle("{")); target.FaultOf(err) == nil {
		t.Errorf("a broken handle is taken: %v", err)
	}
}

// TestAlert checks that labels depend on the incident alone, that no end is before its start, that
// the URL is valid or absent, and that names mention no user.
func TestAlert(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	m := message(target.Close, bgp.SeverityMajor, now)
	m.End, m.Link, m.Reason = start.Add(-time.Hour), "no URI\n", bgp.EndLostSight
	m.Headline, m.Remainder = "<!channel> @everyone\r\n#x \x1b[31m\u202e: lost", "3 networks"
	got := memory{Severity: bgp.SeverityMajor}.alerts(m, time.Hour, now, "")
	want := []alert{{
		Labels: map[string]string{"alertname": "DarkmapOutage", "severity": "major", "outage_id": incident, "route": "countries", "entity_type": "country", "code": "KP", "family": "ipv4"},
		Annotations: map[string]string{
			"title": "North Korea", "summary": "< !channel> @ everyone\n# x [31m: lost", "description": m.Summary, "still_dark": "3 networks", "end_reason": "lost_sight",
			"since": "22 Dec 2014 16:15 UTC", "ended": got[0].Annotations["ended"],
		},
		StartsAt: start, EndsAt: start,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.Kind, m.Start, m.Incident, m.Subject = target.Open, now.Add(time.Hour), "blind-1", target.SubjectBlind
	got = memory{Severity: bgp.SeverityMajor}.alerts(m, time.Hour, now, "https://darkmap.example.net")
	if a := got[0]; a.EndsAt.Before(a.StartsAt) || a.StartsAt.After(now) || a.GeneratorURL != "https://darkmap.example.net" || a.Labels["alertname"] != "DarkmapBlind" || a.Labels["code"] != "" {
		t.Errorf("got %+v", a)
	}
}

// TestInstances checks that one instance that is down is logged once and is no failure, and that it
// is a failure if all are down. Exercises and notices are not sent.
func TestInstances(t *testing.T) {
	t.Parallel()
	good, bad, now := serve(t, 200), serve(t, 503), start.Add(time.Hour)
	var log strings.Builder
	a := to(t, &now, &log, good, bad)
	m := message(target.Open, bgp.SeverityMajor, now)
	host := func(s *server) string {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		return u.Host
	}
	for range 3 {
		if h, err := a.Send(t.Context(), m, nil); err != nil || h == nil {
			t.Fatal(err)
		}
	}
	if got := log.String(); strings.Count(got, "does not accept requests") != 1 || !strings.Contains(got, "instance="+host(bad)) || len(good.posts) != 3 || len(bad.posts) != 3 {
		t.Errorf("got %q, %d and %d posts", got, len(good.posts), len(bad.posts))
	}
	bad.status = 200
	if _, err := a.Send(t.Context(), m, nil); err != nil || !strings.Contains(log.String(), "accepts requests again") {
		t.Errorf("got %v, %q", err, log.String())
	}
	for _, tt := range []struct {
		good, bad int
		refused   bool
	}{{400, 400, true}, {400, 500, false}, {503, 503, false}} {
		good.status, bad.status = tt.good, tt.bad
		_, err := a.Send(t.Context(), m, nil)
		if f := target.FaultOf(err); f == nil || f.Refused != tt.refused || f.Gone || f.Throttle || !strings.Contains(err.Error(), host(good)) || !strings.Contains(err.Error(), host(bad)) {
			t.Errorf("%d and %d: got %+v", tt.good, tt.bad, err)
		}
		if err := a.Check(t.Context()); err == nil {
			t.Error("Check finds nothing")
		}
	}
	good.status = 200
	if err := a.Check(t.Context()); err != nil {
		t.Error(err)
	}
	posts := len(good.posts)
	m.Exercise = true
	if _, err := a.Send(t.Context(), m, nil); target.FaultOf(err) == nil || !target.FaultOf(err).Refused {
		t.Errorf("an exercise: got %v", err)
	}
	m.Kind = target.Notice
	if _, err := a.Send(t.Context(), m, nil); err != nil || len(good.posts) != posts {
		t.Errorf("a notice: got %v, %d posts", err, len(good.posts))
	}
	m.Kind = target.Test
	if h, err := a.Send(t.Context(), m, nil); err != nil || h != nil || len(good.posts) != posts+1 {
		t.Errorf("a test: got %v", err)
	}
	if got := good.posts[posts][0]; got.Labels["alertname"] != "DarkmapTest" || got.EndsAt.Sub(got.StartsAt) != testLasts || got.Labels["outage_id"] != m.ID {
		t.Errorf("a test: got %+v", got)
	}
}
