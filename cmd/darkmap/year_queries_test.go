package main

import (
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// TestYearQueries measures questions of docs/sql.md on a year of data, with the condition cache off,
// and the storage of its tables. It runs by hand: -year 0.1.
func TestYearQueries(t *testing.T) {
	s, server, end := servedYear(t)
	reader := server.AsReader()
	sql := func(text func(n int) string) func(int) {
		return func(n int) {
			q := clickhouse.Query{
				SQL: text(n), Database: reader.Database, Settings: map[string]string{"use_query_condition_cache": "0"},
			}
			body, err := reader.HTTP(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, body); err != nil {
				t.Fatal(err)
			}
			_ = body.Close() // only read
		}
	}
	countries, ases := bgp.CountryCodes(), yearNetworks(t, server)
	country := func(n int) string { return countries[n*7%len(countries)] }
	prefixes := yearPrefixes(t, server)
	if len(prefixes) == 0 {
		t.Fatal("no prefix has route changes")
	}
	const layout = time.DateTime
	last := func(d time.Duration) string { return end.Add(-d).Format(layout) }
	until := end.Format(layout)
	measureYear(t, 40, []subject{
		{"SELECT 1", sql(func(int) string { return "SELECT 1" })},
		{"a country's year at 1 h", sql(func(n int) string {
			return fmt.Sprintf("SELECT * FROM entity_minutes(dataset = 'year', entity_type = 'country', entity_code = '%s', family = 'ipv4', "+
				"from = '%s', to = '%s', step = 3600)", country(n), end.Add(-365*24*time.Hour).Truncate(time.Hour).Format(layout), end.Truncate(time.Hour).Format(layout))
		})},
		{"an AS's month at 5 min", sql(func(n int) string {
			return fmt.Sprintf("SELECT * FROM entity_minutes(dataset = 'year', entity_type = 'as', entity_code = 'AS%s', family = 'ipv4', "+
				"from = '%s', to = '%s', step = 300)", ases[n%len(ases)], last(30*24*time.Hour), until)
		})},
		{"outages of a country", sql(func(n int) string {
			return fmt.Sprintf("SELECT * FROM outages WHERE dataset = 'year' AND has(countries, '%s') ORDER BY start DESC LIMIT 100", country(n))
		})},
		{"a hot prefix's 30 days", sql(func(n int) string {
			return fmt.Sprintf("SELECT * FROM prefix_history WHERE dataset = 'year' AND prefix = '%s' AND timestamp >= '%s' ORDER BY timestamp",
				prefixes[n%10], last(30*24*time.Hour))
		})},
		{"all of a /16, 30 days, counted", sql(func(n int) string {
			return fmt.Sprintf("SELECT type, count(), uniqExact(prefix) FROM prefixes_within(dataset = 'year', prefix = '%s', from = '%s', to = '%s') GROUP BY type",
				wider(prefixes[n*3%len(prefixes)], 16), last(30*24*time.Hour), until)
		})},
		{"the world at one moment", sql(func(n int) string {
			return fmt.Sprintf("SELECT * FROM world_at(dataset = 'year', at = '%s')", last(time.Duration(n*8+1)*23*time.Hour))
		})},
		{"what contained this address", sql(func(n int) string {
			return fmt.Sprintf("SELECT prefix, origin_as, type, count() FROM prefixes_containing(dataset = 'year', address = '%s', from = '%s', to = '%s') GROUP BY ALL",
				prefixes[n%len(prefixes)].Addr().Next(), last(30*24*time.Hour), until)
		})},
	})
	yearStorage(t, server)
	if code := s.stop(); code != 0 {
		t.Errorf("exit %d:\n%s", code, s.errs.String())
	}
}

// wider returns the prefix of the given length that contains p.
func wider(p netip.Prefix, bits int) netip.Prefix {
	return netip.PrefixFrom(p.Addr(), bits).Masked()
}

// yearPrefixes returns IPv4 prefixes of the year, those with most changes first.
func yearPrefixes(t *testing.T, server clickhouse.Server) []netip.Prefix {
	t.Helper()
	found, _, err := clickhouse.Rows[struct {
		Prefix netip.Prefix `json:"prefix"`
	}](t.Context(), server, "SELECT prefix FROM prefix_changes WHERE dataset = 'year' AND position(prefix, '.') > 0 "+
		"GROUP BY prefix ORDER BY count() DESC, prefix LIMIT 500", nil, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]netip.Prefix, 0, len(found))
	for _, r := range found {
		all = append(all, r.Prefix)
	}
	return all
}

// yearStorage logs the octets of a row of each table, and those of a route change in all layouts.
func yearStorage(t *testing.T, server clickhouse.Server) {
	t.Helper()
	found, _, err := clickhouse.Rows[struct {
		Table                       string
		Rows, Octets, Parts, Spread uint64
	}](t.Context(), server, "SELECT table AS Table, sum(rows) AS Rows, sum(data_compressed_bytes) AS Octets, count() AS Parts, "+
		"uniqExact(partition) AS Spread FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY Octets DESC",
		nil, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	octets := map[string]float64{}
	for _, r := range found {
		octets[r.Table] = float64(r.Octets) / float64(max(r.Rows, 1))
		t.Logf("MEASURED %-20s %10d rows, %12d octets, %6.2f a row, %d parts in %d partitions", r.Table, r.Rows, r.Octets, octets[r.Table], r.Parts, r.Spread)
	}
	t.Logf("MEASURED octets of a route change in all layouts: %.1f", octets["route_change_log"]+octets["prefix_changes"])
}
