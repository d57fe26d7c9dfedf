package webhook

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// received is one request.
type received struct {
	header http.Header
	body   []byte
}

// receiver answers with one status after the other, and repeats the last one.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	requests []received
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// token is part of the receiver's URL. No error may contain it.
const token = "T0KEN"

func receive(t *testing.T, answers ...func(http.ResponseWriter, *http.Request)) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost || req.URL.Path != "/"+token {
			t.Errorf("got %s %s: %v", req.Method, req.URL, err)
		}
		r.mu.Lock()
		answer := answers[min(len(r.requests), len(answers)-1)]
		r.requests = append(r.requests, received{req.Header.Clone(), body})
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func status(code int, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func secretOf(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32)))
}

func file(t *testing.T, text string) config.Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Secret{File: path}
}

// to makes a webhook to the receiver with the wall clock, because the reference library checks that
// an attempt is recent.
func to(t *testing.T, r *receiver, secrets ...string) *Webhook {
	t.Helper()
	cfg := Config{Endpoint: httpclient.Endpoint{URLSecret: file(t, r.URL+"/"+token)}}
	for _, s := range secrets {
		cfg.Secrets = append(cfg.Secrets, file(t, s))
	}
	w, err := New(cfg, target.Deps{Name: "everybody", Version: "1", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// message returns a message of one record with the given number of lost prefixes.
func message(t *testing.T, prefixes int) *target.Message {
	t.Helper()
	before := json.RawMessage(`{"state":"suspected"}`)
	o := bgp.Outage{
		ID: "country-KP-ipv4-20141222T1615Z", Sequence: 2, Event: bgp.EventOpened, State: bgp.StateOpen, Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"},
		LostPrefixesTotal: prefixes, Previous: &before, Origins: []bgp.AS{{ASN: 64496, Name: "<!channel>\r\n\x1b[31m\u202e"}},
	}
	for i := range prefixes {
		o.LostPrefixes = append(o.LostPrefixes, fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255))
	}
	record, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return &target.Message{
		ID: "0123456789abcdef0123456789abcdef", Incident: o.ID, Kind: target.Open, Subject: target.SubjectOutage, Route: "countries",
		Time: time.Date(2014, 12, 22, 16, 20, 0, 0, time.UTC), Link: "https://darkmap.example.net/outages/" + o.ID, Events: []bgp.Outage{o}, EventsTotal: 1, Record: record,
	}
}

// verify checks a request with the reference library.
func verify(t *testing.T, secret string, r received) error {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return wh.Verify(r.body, r.header)
}

// TestRetries checks that through 500, 500, 200 the id and the body stay, each attempt is signed
// for its own time, and every signature is valid.
func TestRetries(t *testing.T) {
	t.Parallel()
	r := receive(t, status(500), status(500), status(200))
	w, m := to(t, r, secretOf('a')), message(t, 4)
	now := time.Now()
	for i := range 3 {
		w.now = func() time.Time { return now.Add(time.Duration(i) * time.Second) }
		_, err := w.Send(t.Context(), m, nil)
		if f := target.FaultOf(err); (err == nil) != (i == 2) || err != nil && (f == nil || f.Gone || f.Refused || f.Throttle || strings.Contains(err.Error(), token)) {
			t.Errorf("attempt %d: got %v", i, err)
		}
	}
	for i, got := range r.all() {
		if err := verify(t, secretOf('a'), got); err != nil {
			t.Error(err)
		}
		if err := verify(t, secretOf('x'), got); err == nil {
			t.Error("another secret verifies")
		}
		if got.header.Get("webhook-id") != m.ID || strings.Contains(m.ID, ".") || string(got.body) != string(r.all()[0].body) ||
			got.header.Get("webhook-timestamp") != fmt.Sprint(now.Unix()+int64(i)) || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("attempt %d: got %v with %s", i, got.header, got.body)
		}
	}
	var body struct {
		Type, Timestamp, Route, Incident string
		Data                             bgp.Outage
	}
	if err := json.Unmarshal(r.all()[0].body, &body); err != nil || body.Type != "outage.opened" || body.Timestamp != "2014-12-22T16:20:00Z" || body.Data.ID != m.Incident ||
		body.Data.Previous == nil || len(body.Data.LostPrefixes) != 4 || body.Data.Origins[0].Name != "<!channel>\n[31m" {
		t.Errorf("got %+v, %v", body, err)
	}
}

// TestRotation checks that with two secrets receivers of both verify, and with the new one alone
// only those of the new one.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := receive(t, status(204))
	for i, secrets := range [][]string{{secretOf('a'), secretOf('b')}, {secretOf('b')}} {
		if _, err := to(t, r, secrets...).Send(t.Context(), message(t, 1), nil); err != nil {
			t.Fatal(err)
		}
		got := r.all()[i]
		if old, fresh := verify(t, secretOf('a'), got), verify(t, secretOf('b'), got); fresh != nil || (old == nil) != (i == 0) {
			t.Errorf("%d secrets: old %v, new %v", len(secrets), old, fresh)
		}
	}
}

// TestAnswers checks that 410 switches off, 429 waits for the given time, a redirect is refused and
// not followed, and a hanging server is retried.
func TestAnswers(t *testing.T) {
	t.Parallel()
	elsewhere := receive(t, status(200))
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   target.Fault
	}{
		"gone":      {status(410), target.Fault{Status: 410, Gone: true}},
		"throttled": {status(429, "Retry-After", "33"), target.Fault{Status: 429, Throttle: true, RetryAfter: 33 * time.Second}},
		"redirects": {status(302, "Location", elsewhere.URL+"/"+token), target.Fault{Status: 302, Refused: true}},
		"hangs":     {func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }, target.Fault{}},
	} {
		w := to(t, receive(t, tt.answer), secretOf('a'))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if name == "hangs" {
			ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		}
		_, err := w.Send(ctx, message(t, 1), nil)
		cancel()
		f := target.FaultOf(err)
		if f == nil || f.Status != tt.want.Status || f.Gone != tt.want.Gone || f.Refused != tt.want.Refused || f.Throttle != tt.want.Throttle || f.RetryAfter != tt.want.RetryAfter ||
			strings.Contains(err.Error(), token) {
			t.Errorf("%s: got %+v", name, err)
		}
	}
	if n := len(elsewhere.all()); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

// TestLarge checks that 20,000 lost prefixes fit into 20 kB, and that the body lists the cut fields
// and the number of prefixes.
func TestLarge(t *testing.T) {
	t.Parallel()
	r := receive(t, status(200))
	if _, err := to(t, r, secretOf('a')).Send(t.Context(), message(t, 20_000), nil); err != nil {
		t.Fatal(err)
	}
	got := r.all()[0]
	var body struct {
		Truncated []string
		Data      bgp.Outage
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	if len(got.body) >= 20_000 || len(got.body) < 8_000 || strings.Join(body.Truncated, " ") != "previous lost_prefixes" || body.Data.LostPrefixesTotal != 20_000 || body.Data.Previous != nil {
		t.Errorf("got %d octets, truncated %v, %d of %d prefixes", len(got.body), body.Truncated, len(body.Data.LostPrefixes), body.Data.LostPrefixesTotal)
	}
	if err := verify(t, secretOf('a'), got); err != nil {
		t.Error(err)
	}
}

// TestOthers checks that messages without a record have their texts as data.
func TestOthers(t *testing.T) {
	t.Parallel()
	for _, m := range []*target.Message{
		{ID: "a", Kind: target.Test, Headline: "darkmap: a test", Exercise: true},
		{ID: "b", Kind: target.Open, Subject: target.SubjectBlind, Incident: "blind-1", Start: time.Unix(0, 0), Headline: "Nothing can be decided"},
	} {
		body, err := payload(m)
		if err != nil || !strings.Contains(string(body), `"headline":"`+m.Headline+`"`) || !strings.Contains(string(body), `"type":"`+m.Event()+`"`) {
			t.Errorf("got %s, %v", body, err)
		}
	}
}

// TestSecrets checks that an invalid secret is not shown.
func TestSecrets(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 23)))
	long := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 65)))
	for _, bad := range []string{"", "whsec_", "whsec_" + short, "whsec_" + long, "whsec_%" + token, token, strings.TrimPrefix(secretOf('a'), "whsec_")} {
		_, err := New(Config{Endpoint: httpclient.Endpoint{URL: "http://127.0.0.1"}, Secrets: []config.Secret{file(t, bad)}}, target.Deps{Now: time.Now})
		if !errors.Is(err, errSecret) || bad != "" && strings.Contains(err.Error(), strings.TrimPrefix(bad, "whsec_")) && bad != "whsec_" {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	if _, err := New(Config{Endpoint: httpclient.Endpoint{URL: "http://127.0.0.1"}}, target.Deps{Now: time.Now}); err == nil {
		t.Error("a webhook without a secret is taken")
	}
}
