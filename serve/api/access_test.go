package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve"
)

// TestPrivate checks on every route that only logged-in viewers get private data. Each route has a
// row.
func TestPrivate(t *testing.T) {
	t.Parallel()
	snapshot := told(t).Snapshot(minute(44))
	at := started(t, snapshot)
	private := bgp.OutageID(secret.Type, secret.Code, bgp.IPv4, minute(1))
	country := bgp.OutageID(korea.Type, korea.Code, bgp.IPv4, minute(1))
	window, ok := snapshot.Changes(snapshot.Public().Last().ID)
	if !ok || len(window) != 0 {
		t.Fatal("the newest minute is not known")
	}
	first := "the id of no minute"
	rows := []struct {
		route, path, body string
		tells             bool // a logged-in viewer gets private data
		headers           []string
	}{
		{"GET /v1/outages", "/v1/outages", "", true, nil},
		{"GET /v1/outages", "/v1/outages?type=watch", "", true, nil},
		{"GET /v1/outages.csv", "/v1/outages.csv", "", true, nil},
		{"GET /v1/outages/{id}", "/v1/outages/" + private, "", true, nil},
		{"GET /v1/outages/{id}", "/v1/outages/" + country, "", true, nil},
		{"GET /v1/outages/{id}", "/v1/outages/" + country + ".csv", "", false, nil},
		{"GET /v1/entities", "/v1/entities?type=watch", "", true, nil},
		{"GET /v1/visibility", "/v1/visibility?type=watch&code=open-list", "", false, nil},
		{"GET /v1/prefixes", "/v1/prefixes?prefix=192.0.2.0/24", "", true, nil},
		{"GET /v1/search", "/v1/search?q=watch/open-list", "", false, nil},
		{"GET /v1/search", "/v1/search?q=customers", "", false, nil},
		{"GET /v1/feeds", "/v1/feeds", "", false, nil},
		{"GET /v1/panel", "/v1/panel", "", false, nil},
		{"GET /v1/health", "/v1/health", "", false, nil},
		{"GET /v1/stream", "/v1/stream", "", false, nil},
		{"GET /v1/stream", "/v1/stream", "", false, []string{"Last-Event-ID", first}},
		{"GET /v2/outages/alerts", "/v2/outages/alerts?from=1419260000&until=1419270000", "", false, nil},
		{"GET /v2/outages/events", "/v2/outages/events?from=1419260000&until=1419270000", "", false, nil},
		{"GET /v2/outages/summary", "/v2/outages/summary?from=1419260000&until=1419270000", "", false, nil},
		{"GET /v2/signals/raw", "/v2/signals/raw/country?from=1419260000&until=1419270000", "", false, nil},
		{"GET /v2/signals/raw/{entityType}/{entityCode}", "/v2/signals/raw/country/KP?from=1419260000&until=1419270000", "", false, nil},
		{"GET /v2/entities/query", "/v2/entities/query", "", false, nil},
		{"GET /v2/datasources", "/v2/datasources", "", false, nil},
		{"GET /status/api/v2/summary.json", "/status/api/v2/summary.json", "", true, nil},
		{"GET /feed.atom", "/feed.atom", "", true, nil},
		{"GET /country/{code}/feed.atom", "/country/KP/feed.atom", "", false, nil},
		{"GET /as/{asn}/feed.atom", "/as/AS131279/feed.atom", "", false, nil},
		{"GET /feed.atom", "/feed.atom?entries=events", "", false, nil},
		{"GET /llms.txt", "/llms.txt", "", false, nil},
		{"GET /openapi.json", "/openapi.json", "", false, nil},
		{"/mcp", "/mcp", call("list_outages", `{"type":"watch"}`), true, mcpHeaders},
		{"/mcp", "/mcp", call("explain_outage", `{"id":"`+private+`"}`), true, mcpHeaders},
		{"/mcp", "/mcp", call("prefix_seen", `{"prefix":"192.0.2.1"}`), false, mcpHeaders},
		{"/mcp", "/mcp", call("entity_series", `{"type":"watch","code":"open-list"}`), false, mcpHeaders},
	}
	tested := map[string]bool{}
	for _, row := range rows {
		tested[row.route] = true
		in := ask(t, at+row.path, row.body, append([]string{"Authorization", "Bearer " + key}, row.headers...)...)
		out := ask(t, at+row.path, row.body, row.headers...)
		if tells(out.body) {
			t.Errorf("%s tells who is not logged in: %s", row.path, out.body)
		}
		if tells(in.body) != row.tells {
			t.Errorf("%s %s tells who is logged in of private things: %t, want %t: %s", row.path, row.body, !row.tells, row.tells, in.body)
		}
		if c := in.header.Get("Cache-Control"); !strings.Contains(c, "private") && !strings.Contains(c, "no-store") || in.status >= http.StatusInternalServerError && in.status != http.StatusServiceUnavailable {
			t.Errorf("%s: got %d, Cache-Control %q", row.path, in.status, c)
		}
	}
	for _, r := range (API{}).Routes(&serve.Deps{}) {
		same := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(r.Pattern, "/{$}"), "/{entityType}/{entityCode}"), "/{entityType}")
		if !tested[r.Pattern] && !tested[same] {
			t.Errorf("the route %s has no row", r.Pattern)
		}
	}
}

// tells reports whether an answer contains private data.
func tells(body string) bool {
	return strings.Contains(strings.ReplaceAll(body, "&#34;", ""), "secret-list") || strings.Contains(body, "Our customers") || strings.Contains(body, "secret-router")
}
