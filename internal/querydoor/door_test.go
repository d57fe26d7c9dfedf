package querydoor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/internal/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers returns the question that it received.
func answers(_ context.Context, q query.Question, limit int) (query.Answer, error) {
	if q.Code == "ZZ" {
		return query.Answer{}, errors.New("rebuilding the state, at 2026-11-29T23:00:00Z")
	}
	return query.Answer{What: q.Code, Kind: q.Kind, OutagesTotal: limit}, nil
}

// TestHandler checks that a request without the key, from a web page, or with another question is
// refused, with a reason.
func TestHandler(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, url string
		header            map[string]string
		status            int
		want              string
	}{
		{"answered", "GET", "?what=AS64496", nil, 200, `"what":"AS64496"`},
		{"a limit", "GET", "?what=192.0.2.0/24&limit=7", nil, 200, `"outages_total":7`},
		{"typed into a browser", "GET", "?what=KP", map[string]string{"Sec-Fetch-Site": "none"}, 200, `"what":"KP"`},
		{"no key", "GET", "?what=KP", map[string]string{"Authorization": ""}, 401, "wants its key"},
		{"another key", "GET", "?what=KP", map[string]string{"Authorization": "Bearer x"}, 401, "wants its key"},
		{"a page", "GET", "?what=KP", map[string]string{"Origin": "http://example.org"}, 403, "not for web pages"},
		{"a page's picture", "GET", "?what=KP", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "not for web pages"},
		{"another port's page", "GET", "?what=KP", map[string]string{"Sec-Fetch-Site": "same-site"}, 403, "not for web pages"},
		{"written", "POST", "?what=KP", nil, 405, "only reads"},
		{"nothing", "GET", "", nil, 400, "want a prefix"},
		{"an outage", "GET", "?what=country-KP-ipv4-20141222T1615Z", nil, 400, "bgp.outages.v1"},
		{"too much", "GET", "?what=KP&limit=501", nil, 400, "1 to 500"},
		{"something else", "GET", "?what=KP&country=KP", nil, 400, "not known"},
		{"rebuilding", "GET", "?what=ZZ", nil, 503, "rebuilding the state, at 2026"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, Path+tt.url, nil)
		r.Header.Set("Authorization", "Bearer secret")
		for k, v := range tt.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		Handler("secret", answers).ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: got %d %s, want %d and %q", tt.name, w.Code, w.Body, tt.status, tt.want)
		}
		if problem := w.Header().Get("Content-Type") == "application/problem+json"; problem != (tt.status != 200) {
			t.Errorf("%s: content type %s", tt.name, w.Header().Get("Content-Type"))
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Path+"?what=KP", nil)
	r.Header.Set("Authorization", "Bearer ")
	Handler("", answers).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "closed") {
		t.Errorf("a door without a key: %d %s", w.Code, w.Body)
	}
}

// TestClient asks over a connection.
func TestClient(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle(Path, Handler("secret", answers))
	server := httptest.NewServer(mux)
	defer server.Close()
	c := Client{Address: strings.TrimPrefix(server.URL, "http://"), Key: "secret"}
	q, err := query.Parse("2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Ask(t.Context(), q, 3)
	if want := (query.Answer{What: "2001:db8::/32", Kind: query.KindPrefix, OutagesTotal: 3}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v %v", got, err)
	}
	_, err = c.Ask(t.Context(), query.Question{Kind: query.KindCountry, Code: "ZZ"}, 3)
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || refused.Status != http.StatusServiceUnavailable || !strings.HasPrefix(refused.Error(), "rebuilding") {
		t.Errorf("got %v, want the reason", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, err = Client{Address: strings.TrimPrefix(other.URL, "http://")}.Ask(t.Context(), q, 3)
	if err == nil || !strings.Contains(err.Error(), "no detector's admin port") {
		t.Errorf("another server: %v", err)
	}
}
