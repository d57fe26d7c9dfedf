package outagelog

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestWriteCSV checks that the written rows are read back, with a header, and that no cell is a
// formula.
func TestWriteCSV(t *testing.T) {
	t.Parallel()
	end := start.Add(time.Hour)
	o := bgp.Outage{
		ID: "a", Dataset: "live", State: bgp.StateClosed, Kind: bgp.KindOutage, Family: "ipv4", Entity: bgp.Entity{Type: bgp.EntityAS, Code: "AS64496", Name: `=HYPERLINK("x"), "y"`},
		Start: start, End: &end, EndReason: bgp.EndRecovered, DurationSeconds: 3600, Severity: bgp.SeverityTotal, Peak: bgp.Loss{LostPrefixes: 2, LossPercent: 9950},
		Baseline: bgp.Size{Prefixes: 2}, Countries: []string{"KP", "CN"}, Origins: []bgp.AS{{ASN: 64496}}, Upstreams: []bgp.AS{{ASN: 1}, {ASN: 2}},
		Panel: bgp.Panel{Voters: 40, Collectors: 12}, Headline: "@two\nlines",
	}
	var b strings.Builder
	if err := WriteCSV(&b, []Entry{{Outage: o}, {Outage: bgp.Outage{Start: start, Entity: bgp.Entity{Type: bgp.EntityWorld, Code: "-1+1"}}}}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a", "live", "closed", "outage", "ipv4", "as", "AS64496", `'=HYPERLINK("x"), "y"`, "2014-12-22T16:15:00Z", "2014-12-22T17:15:00Z", "recovered", "3600", "total", "99.5",
		"2", "2", "KP CN", "AS64496", "AS1 AS2", "40", "12", "false", "'@two\nlines",
	}
	if diff := cmp.Diff([][]string{csvColumns, want}, rows[:2]); diff != "" || len(rows) != 3 || rows[2][6] != "'-1+1" || rows[2][9] != "" {
		t.Errorf("got %q (-want +got):\n%s", rows, diff)
	}
	// One of the line ends is within a cell.
	if n := strings.Count(b.String(), "\r\n"); n != 4 {
		t.Errorf("got %d line ends with CR, want 4: %q", n, b.String())
	}
}
