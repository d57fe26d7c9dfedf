package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// at reads a time of the test's week.
func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// exampleOutages are those of an invented country on documentation space.
func exampleOutages(t *testing.T) []bgp.Outage {
	t.Helper()
	outage := func(kind bgp.Kind, severity bgp.Severity, start, end string) bgp.Outage {
		o := bgp.Outage{
			Kind: kind, Severity: severity, State: bgp.StateOpen, Event: bgp.EventOpened, Family: "ipv4", Dataset: "demo",
			Entity:       bgp.Entity{Type: bgp.EntityCountry, Code: "ZZ", Name: "Nowhere"},
			Start:        at(t, start),
			Baseline:     bgp.Size{Prefixes: 4, Space: 400},
			Peak:         bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 10000},
			LostPrefixes: []string{"192.0.2.0/24", "198.51.100.0/24"},
			Upstreams:    []bgp.AS{{ASN: 64500, Name: "Example Transit"}},
		}
		if end != "" {
			e := at(t, end)
			o.End, o.State, o.Event, o.DurationSeconds = &e, bgp.StateClosed, bgp.EventClosed, int64(e.Sub(o.Start)/time.Second)
		}
		return o
	}
	flaps := outage(bgp.KindIntermittent, bgp.SeverityTotal, "2014-12-22 00:00:00", "2014-12-22 16:15:00")
	flaps.Evidence.LossesInEvent = 62
	large := outage(bgp.KindOutage, bgp.SeverityModerate, "2014-12-24 06:00:00", "")
	large.Baseline.Prefixes, large.Peak = 120, bgp.Loss{LostPrefixes: 37, LossPercent: 3083}
	large.Upstreams = append(large.Upstreams, bgp.AS{ASN: 64501})
	return []bgp.Outage{flaps, outage(bgp.KindOutage, bgp.SeverityTotal, "2014-12-22 16:15:00", "2014-12-23 01:46:00"), outage(bgp.KindOutage, bgp.SeverityTotal, "2014-12-23 15:41:00", "2014-12-23 16:12:00"), large}
}

func TestOutageTable(t *testing.T) {
	t.Parallel()
	want := []string{
		"START (UTC)       END          DURATION      ENTITY      FAMILY  KIND                      LOSS                         SEVERITY  UPSTREAM",
		"2014-12-22 00:00  16:15        16 h 15 min   ZZ Nowhere  ipv4    intermittent (62 losses)  4 of 4 prefixes              total     AS64500 Example Transit",
		"2014-12-22 16:15  12-23 01:46  9 h 31 min    ZZ Nowhere  ipv4    outage                    4 of 4 prefixes              total     AS64500 Example Transit",
		"2014-12-23 15:41  16:12        31 min        ZZ Nowhere  ipv4    outage                    4 of 4 prefixes              total     AS64500 Example Transit",
		"2014-12-24 06:00  still open   0 s           ZZ Nowhere  ipv4    outage                    30.83 % (37 of 120 prefixes)  moderate  AS64500 Example Transit +1",
	}
	got := outageTable(exampleOutages(t), 0)
	squeeze := func(lines []string) []string {
		out := make([]string, len(lines))
		for i, l := range lines {
			out[i] = strings.Join(strings.Fields(l), " ")
		}
		return out
	}
	if diff := cmp.Diff(squeeze(want), squeeze(got)); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	column := strings.Index(got[0], "LOSS")
	for i, l := range got[1:] {
		if l[column-1] != ' ' || l[column] == ' ' {
			t.Errorf("line %d is not aligned at column %d: %q", i+1, column, l)
		}
	}
}

func TestOutageTableFits(t *testing.T) {
	t.Parallel()
	for _, width := range []int{20, 60, 80, 120, 130, 140, 200} {
		for _, l := range outageTable(exampleOutages(t), width) {
			if n := utf8.RuneCountInString(l); n > width {
				t.Errorf("width %d: %d characters: %q", width, n, l)
			}
		}
	}
}

func TestEventLine(t *testing.T) {
	t.Parallel()
	all := exampleOutages(t)
	for i, want := range map[int]string{
		1: "2014-12-23 01:46:00  closed    ZZ Nowhere, ipv4, outage, 4 of 4 prefixes, after 9 h 31 min, upstream AS64500 Example Transit",
		3: "2014-12-24 06:00:00  opened    ZZ Nowhere, ipv4, outage, 30.83 % (37 of 120 prefixes), upstream AS64500 Example Transit +1",
	} {
		if got := eventLine(all[i]); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestFurtherSQL(t *testing.T) {
	t.Parallel()
	o := exampleOutages(t)[1]
	queries := furtherSQL(o)
	if len(queries) != 3 {
		t.Fatalf("got %d queries, want 3", len(queries))
	}
	for _, q := range queries {
		for _, part := range []string{"FROM darkmap.route_changes", "dataset = 'demo'", "country = 'ZZ'", "timestamp >= toDateTime64('2014-12-22 16:10:00', 6, 'UTC')"} {
			if !strings.Contains(q, part) {
				t.Errorf("%q lacks %q", q, part)
			}
		}
	}
	o.Entity = bgp.Entity{Type: bgp.EntityAS, Code: "AS64496"}
	if got, want := sqlEntity(o), "prefix IN ('192.0.2.0/24', '198.51.100.0/24')"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := sqlString(`a'b\`), `'a\'b\\'`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
