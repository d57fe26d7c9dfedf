package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// TestYearPages measures the time of pages on a year of data, as multiples of SELECT 1 on the same
// engine in the same run. It measures the first answer of each page, which is not cached. It runs
// by hand: -year 0.1.
func TestYearPages(t *testing.T) {
	s, server, end := servedYear(t)
	one := func(int) {
		if err := server.AsReader().Ask(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	page := func(path func(int) string) func(int) {
		return func(n int) {
			if status, body := s.get(path(n)); status != http.StatusOK && status != http.StatusNotFound {
				t.Fatalf("%s answers %d: %.300s", path(n), status, body)
			}
		}
	}
	countries := bgp.CountryCodes()
	ases := yearNetworks(t, server)
	measureYear(t, 40, []subject{
		{"SELECT 1", one},
		{"country page", page(func(n int) string { return "/country/" + countries[n*5%len(countries)] })},
		{"country page of a year", page(func(n int) string { return "/country/" + countries[(n*5+2)%len(countries)] + "?span=1y" })},
		{"AS page", page(func(n int) string { return "/as/" + ases[n%len(ases)] })},
		{"outage list", page(func(n int) string { return fmt.Sprintf("/v1/outages?limit=%d", 100+n) })},
		{"world at a moment", page(func(n int) string {
			return "/?at=" + end.Add(-time.Duration(n*8+1)*23*time.Hour).Format("2006-01-02T15:04Z")
		})},
	})
	if code := s.stop(); code != 0 {
		t.Errorf("exit %d:\n%s", code, s.errs.String())
	}
}

// yearNetworks returns AS numbers of the year.
func yearNetworks(t *testing.T, server clickhouse.Server) []string {
	t.Helper()
	found, _, err := clickhouse.Rows[struct {
		Code string `json:"code"`
	}](t.Context(), server, "SELECT DISTINCT entity_code AS code FROM visibility_hours WHERE dataset = 'year' AND entity_type = 'as' LIMIT 200", nil, nil, 1000)
	if err != nil || len(found) == 0 {
		t.Fatalf("got %d networks: %v", len(found), err)
	}
	var out []string
	for _, r := range found {
		out = append(out, strings.TrimPrefix(r.Code, "AS"))
	}
	return out
}
