package main

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
)

var yearScale = flag.String("year", "", "the scale of the simulated year that TestYearPages measures pages on, as 0.1; empty: it is skipped")

// TestYearPages measures the time of pages on a year of data, as multiples of SELECT 1 on the same
// engine in the same run. It measures the first answer of each page, which is not cached. It runs
// by hand: -year 0.1.
func TestYearPages(t *testing.T) {
	if *yearScale == "" {
		t.Skip("it is a measurement: -year 0.1")
	}
	dir := t.TempDir()
	if code, _, errs := darkmap(t, "", "simulate", "--store", "--scale", *yearScale, "--data-dir", dir, "--dataset", "year"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	s := serving(t, "serve", "--dataset", "year", "--data-dir", dir, "--admin-addr", "127.0.0.1:0", "--set", "serve.limits.exempt=[127.0.0.0/8]")
	s.until("the dataset's end", func() bool { return s.health().Minute != nil })
	end := *s.health().Minute
	run, err := datadir.ReadRun(dir)
	if err != nil || run == nil || run.ClickHouse == nil {
		t.Fatalf("there is no engine: %v", err)
	}
	one := func(int) {
		if err := run.ClickHouse.AsReader().Ask(t.Context(), "SELECT 1"); err != nil {
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
	ases := yearNetworks(t, *run.ClickHouse)
	const rounds = 40
	subjects := []struct {
		name string
		ask  func(int)
	}{
		{"SELECT 1", one},
		{"country page", page(func(n int) string { return "/country/" + countries[n*5%len(countries)] })},
		{"country page of a year", page(func(n int) string { return "/country/" + countries[(n*5+2)%len(countries)] + "?span=1y" })},
		{"AS page", page(func(n int) string { return "/as/" + ases[n%len(ases)] })},
		{"outage list", page(func(n int) string { return fmt.Sprintf("/v1/outages?limit=%d", 100+n) })},
		{"world at a moment", page(func(n int) string {
			return "/?at=" + end.Add(-time.Duration(n*8+1)*23*time.Hour).Format("2006-01-02T15:04Z")
		})},
	}
	took := make([][]time.Duration, len(subjects))
	for n := range rounds { // in turn, so that other load on the machine affects all of them
		for i, x := range subjects {
			began := time.Now()
			x.ask(n)
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	at := func(i, percent int) float64 { return float64(took[i][len(took[i])*percent/100]) }
	for i, x := range subjects {
		t.Logf("MEASURED %s: p50 %v (%.1f times SELECT 1), p95 %v (%.1f times)", x.name, time.Duration(at(i, 50)).Round(10*time.Microsecond), at(i, 50)/at(0, 50),
			time.Duration(at(i, 95)).Round(10*time.Microsecond), at(i, 95)/at(0, 95))
	}
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
