package main

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

func TestFurtherSQL(t *testing.T) {
	t.Parallel()
	start := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	o := bgp.Outage{Dataset: "demo", Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "ZZ"}, Start: start, LostPrefixes: []string{"192.0.2.0/24", "198.51.100.0/24"}}
	queries := furtherSQL(o)
	if len(queries) != 3 {
		t.Fatalf("got %d queries, want 3", len(queries))
	}
	for _, q := range queries {
		for _, part := range []string{"FROM darkmap.route_changes", "dataset = 'demo'", "country = 'ZZ'", "timestamp >= toDateTime64('2014-12-22 16:10:00.000000', 6, 'UTC')"} {
			if !strings.Contains(q, part) {
				t.Errorf("%q lacks %q", q, part)
			}
		}
	}
	o.Entity = bgp.Entity{Type: bgp.EntityAS, Code: "AS64496"}
	if got, want := furtherSQL(o)[0], "FROM darkmap.prefix_history WHERE dataset = 'demo' AND prefix IN ('192.0.2.0/24', '198.51.100.0/24') AND "; !strings.Contains(got, want) {
		t.Errorf("%q lacks %q", got, want)
	}
	if got, want := clickhouse.QuoteText(`a'b\`), `'a\'b\\'`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
