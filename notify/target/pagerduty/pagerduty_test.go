package pagerduty

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
)

const key = "0123456789abcdef0123456789ABCDEF"

// service implements PagerDuty's documentation of /v2/enqueue: it checks events against the
// contract, and groups alerts by their keys.
type service struct {
	*httptest.Server

	mu     sync.Mutex
	answer func(http.ResponseWriter) // replaces the contract's answer
	events []event
	open   map[string]bool
	opened int
}

func serve(t *testing.T) *service {
	t.Helper()
	s := &service{open: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.answer != nil {
			s.answer(w)
			return
		}
		var e event
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" || r.Header.Get("Content-Type") != "application/json" || len(body) > 512<<10 || json.Unmarshal(body, &e) != nil {
			t.Errorf("got %s %s %v: %s", r.Method, r.URL, r.Header, body)
		}
		for _, why := range s.wrong(e) {
			t.Errorf("%s: %s", why, body)
		}
		s.events = append(s.events, e)
		switch {
		case e.Action == trigger && !s.open[e.DedupKey]:
			s.open[e.DedupKey] = true
			s.opened++
		case e.Action == resolve:
			delete(s.open, e.DedupKey)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"status":"success","message":"Event processed","dedup_key":"` + e.DedupKey + `"}`))
	}))
	t.Cleanup(s.Close)
	return s
}

// wrong returns the violations of the contract in an event.
func (s *service) wrong(e event) (all []string) {
	for why, bad := range map[string]bool{
		"routing_key":  e.RoutingKey != key,
		"event_action": e.Action != trigger && e.Action != resolve,
		"dedup_key":    e.DedupKey == "" || len(e.DedupKey) > 255,
		"summary":      e.Payload.Summary == "" || utf8.RuneCountInString(e.Payload.Summary) > 1024,
		"source":       e.Payload.Source == "",
		"severity":     !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity),
		"timestamp":    e.Payload.Timestamp != "" && !isTime(e.Payload.Timestamp),
	} {
		if bad {
			all = append(all, why)
		}
	}
	return all
}

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

func to(t *testing.T, s *service) *PagerDuty {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := New(Config{RoutingKey: config.Secret{File: file}, URL: s.URL}, target.Deps{Name: "noc-pager", Version: "1", PublicURL: "https://darkmap.example.net", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func message(kind target.Kind, s bgp.Severity) *target.Message {
	start := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	return &target.Message{
		ID: "0123", Incident: "country-KP-ipv4-20141222T1615Z", Kind: kind, Subject: target.SubjectOutage, Route: "mine", Time: start.Add(5 * time.Minute), Start: start, Severity: s,
		Title: "North Korea", Headline: "North Korea: all 4 IPv4 prefixes lost", Summary: "All 4 IPv4 prefixes of North Korea lost their routes.", Link: "https://darkmap.example.net/outages/x",
		Events: []bgp.Outage{{
			Kind: bgp.KindOutage, Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP"}, Baseline: bgp.Size{Prefixes: 4}, Now: bgp.Loss{LostPrefixes: 4},
			Watch: []bgp.WatchMember{{List: "mine", Member: "KP", Public: true}, {List: "mine", Member: "KP", Public: true}},
		}}, EventsTotal: 6,
	}
}

// TestLife checks that an incident is one alert through changes and doubles. It must be resolved at
// the end, and be a new alert when it opens again.
func TestLife(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := to(t, s)
	for i, step := range []struct {
		kind         target.Kind
		severity     bgp.Severity
		open, opened int
		want         string
	}{
		{target.Open, bgp.SeverityModerate, 1, 1, "warning"},
		{target.Open, bgp.SeverityModerate, 1, 1, "warning"},
		{target.Update, bgp.SeverityTotal, 1, 1, "critical"},
		{target.Close, bgp.SeverityTotal, 0, 1, "critical"},
		{target.Close, bgp.SeverityTotal, 0, 1, "critical"},
		{target.Open, bgp.SeverityMajor, 1, 2, "error"},
		{target.TakeBack, bgp.SeverityMinor, 0, 2, "info"},
		{target.Test, bgp.SeverityTotal, 0, 3, "info"},
		{target.Notice, bgp.SeverityTotal, 0, 3, "info"},
	} {
		if _, err := p.Send(t.Context(), message(step.kind, step.severity), nil); err != nil {
			t.Fatal(err)
		}
		if got := s.events[len(s.events)-1]; got.Payload.Severity != step.want || len(s.open) != step.open || s.opened != step.opened {
			t.Errorf("step %d: %d open, %d opened, got %+v", i, len(s.open), s.opened, got)
		}
	}
	got := s.events[0]
	if got.DedupKey != "country-KP-ipv4-20141222T1615Z" || got.Payload.Timestamp != "2014-12-22T16:15:00Z" || got.Payload.Source != "darkmap.example.net" || got.Payload.Component != "KP" ||
		got.Payload.Class != "outage" || got.Payload.CustomDetails["events"] != 6.0 || got.Payload.CustomDetails["watch_lists"] != "KP in mine" || got.Payload.CustomDetails["lost_now"] != "4 of 4 prefixes (0 % of the space)" || len(got.Links) != 1 {
		t.Errorf("got %+v", got)
	}
	blind := message(target.Open, bgp.SeverityMajor)
	blind.Incident, blind.Subject, blind.Events = "blind-20141222T161500Z", target.SubjectBlind, nil
	blind.NotMeasuredSince = blind.Start
	if _, err := p.Send(t.Context(), blind, nil); err != nil || !s.open[blind.Incident] || s.events[len(s.events)-1].Payload.Class != "blind" {
		t.Errorf("blind: %v, open %v", err, s.open)
	}
	exercise := message(target.Open, bgp.SeverityTotal)
	exercise.Exercise = true
	if _, err := p.Send(t.Context(), exercise, nil); target.FaultOf(err) == nil || !target.FaultOf(err).Refused {
		t.Errorf("an exercise: got %v", err)
	}
}

// TestHostile checks that names of strangers are bounded and mention no user.
func TestHostile(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := message(target.Open, bgp.SeverityMajor)
	m.Headline = "<!channel> @everyone\r\n\x1b[31m\u202e" + strings.Repeat("é国", 1000)
	m.Summary, m.Title, m.Route, m.Events[0].Entity.Code = m.Headline, m.Headline, m.Headline, m.Headline
	for range 1000 {
		m.Events[0].Watch = append(m.Events[0].Watch, bgp.WatchMember{List: "mine", Member: strings.Repeat("x", len(m.Events[0].Watch)), Public: true})
	}
	if _, err := to(t, s).Send(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	got := s.events[0].Payload
	all := []string{got.Summary, got.Component, got.Group, got.Class, got.Source}
	for _, v := range got.CustomDetails {
		if text, ok := v.(string); ok {
			all = append(all, text)
		}
	}
	for _, text := range all {
		if len(text) > maxDetail || strings.Contains(text, "<!") || strings.Contains(text, "@e") || strings.ContainsAny(text, "\r\x1b\u202e") {
			t.Errorf("got %q", text)
		}
	}
	if watch, ok := got.CustomDetails["watch_lists"].(string); !ok || !strings.HasSuffix(watch, " more") {
		t.Errorf("got %v", got.CustomDetails["watch_lists"])
	}
}

// TestAnswers checks that PagerDuty's message is passed on without the key.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := to(t, s)
	for _, tt := range []struct {
		status int
		header string
		want   target.Fault
	}{
		{400, "", target.Fault{Refused: true}},
		{413, "", target.Fault{Refused: true}},
		{401, "", target.Fault{}},
		{403, "", target.Fault{}},
		{407, "", target.Fault{}},
		{302, "", target.Fault{Refused: true}},
		{410, "", target.Fault{Gone: true}},
		{429, "7", target.Fault{Throttle: true, RetryAfter: 7 * time.Second}},
		{500, "", target.Fault{}},
	} {
		s.answer = func(w http.ResponseWriter) {
			if tt.header != "" {
				w.Header().Set("Retry-After", tt.header)
			}
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(`{"status":"invalid event","message":"Event object is invalid","errors":["routing key ` + key + ` is\u001b not known"]}`))
		}
		_, err := p.Send(t.Context(), message(target.Open, bgp.SeverityMajor), nil)
		f := target.FaultOf(err)
		if f == nil || f.Status != tt.status || f.Refused != tt.want.Refused || f.Gone != tt.want.Gone || f.Throttle != tt.want.Throttle || f.RetryAfter != tt.want.RetryAfter {
			t.Fatalf("%d: got %+v", tt.status, err)
		}
		if text := err.Error(); strings.Contains(text, key) || !strings.Contains(text, "Event object is invalid: routing key ***** is not known") {
			t.Errorf("%d: says %q", tt.status, text)
		}
	}
}

// TestConfig checks that an invalid key is not shown.
func TestConfig(t *testing.T) {
	t.Setenv("DARKMAP_TEST_KEY", "TOPSECRET")
	bad := Config{RoutingKey: config.Secret{Env: "DARKMAP_TEST_KEY"}}
	if _, err := New(bad, target.Deps{Now: time.Now}); err == nil || strings.Contains(err.Error(), "TOPSECRET") {
		t.Errorf("got %v", err)
	}
	if len(bad.Faults()) != 0 || len((Config{}).Faults()) != 1 || len((Config{RoutingKey: bad.RoutingKey, URL: "https://a:b@c"}).Faults()) != 1 {
		t.Error("faults")
	}
}
