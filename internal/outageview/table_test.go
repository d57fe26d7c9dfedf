package outageview

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/terminal"
)

var update = flag.Bool("update", false, "write the golden files")

// widths are the tested widths of terminals; 0 is a pipe.
var widths = []int{0, 60, 80, 120, 200}

// golden compares lines with a file of testdata.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	path, got := filepath.Join("testdata", name), strings.Join(lines, "\n")+"\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// mixed returns incidents of all sorts, with unusual names.
func mixed(t *testing.T) []bgp.Outage {
	t.Helper()
	examples := exampleOutages(t)
	var all []bgp.Outage
	for _, o := range examples {
		all = append(all, family(o)...)
	}
	alone := examplePrefix(examples[2], "203.0.113.0/24")
	alone.Start, alone.Kind, alone.Peak.LossPercent, alone.Severity = alone.Start.Add(-3*time.Hour), bgp.KindPartial, 6250, bgp.SeverityMajor
	alone.Origins[0].Name, alone.Upstreams = "東京電力\x1b[2J Networks of the Far East", nil
	long := part(examples[2], bgp.Entity{Type: bgp.EntityAS, Code: "AS4200000000", Name: "Ministry of Posts, Telegraphs and Very Long Names of Nowhere"}, 4200000000, "203.0.113.0/25")
	v6 := part(examples[2], bgp.Entity{Type: bgp.EntityPrefix, Code: "2001:db8:1234:5678:9abc:def0:1234:0/112"}, 64499, "2001:db8:1234:5678:9abc:def0:1234:0/112")
	v6.Family, v6.Kind, v6.Evidence.MovedTo = "ipv6", bgp.KindMoved, []bgp.AS{{ASN: 64511}}
	v6.EndReason = bgp.EndLostSight
	return append(all, alone, long, v6)
}

// TestTable draws the example country alone, and with others, on every terminal: no line is wider
// than the terminal, and no entity is cut.
func TestTable(t *testing.T) {
	t.Parallel()
	if n := terminal.Cells(text(entityCell(mixed(t)[17]))); n < 60 {
		t.Fatalf("the long entity has %d cells", n)
	}
	for name, all := range map[string][]bgp.Outage{"country": mixed(t)[:12], "mixed": mixed(t)} {
		for _, width := range widths {
			incidents := Fold(all)
			lines := Table(incidents, Options{Width: width})
			golden(t, fmt.Sprintf("%s-%d.txt", name, width), lines)
			whole := strings.Join(strings.Fields(strings.Join(lines, "")), "")
			for _, in := range incidents {
				if code := strings.ReplaceAll(in.Entity.Code+in.Entity.Name, " ", ""); !strings.Contains(whole, code) {
					t.Errorf("%s, width %d: %s is cut", name, width, code)
				}
			}
			for _, l := range lines {
				if n := terminal.Cells(l); width > 0 && n > width {
					t.Errorf("%s, width %d: %d cells: %q", name, width, n, l)
				}
			}
		}
	}
}

// TestTableWide shows the ids, even if they need their own line.
func TestTableWide(t *testing.T) {
	t.Parallel()
	for _, width := range widths {
		lines := strings.Join(Table(Fold(mixed(t)), Options{Width: width, Wide: true}), "\n")
		for _, in := range Fold(mixed(t)) {
			if !strings.Contains(strings.ReplaceAll(lines, "\n    ", ""), in.ID) && width != 60 {
				t.Errorf("width %d lacks %s:\n%s", width, in.ID, lines)
			}
		}
	}
}

// TestOrigins checks that the origin with the most voters is named, and that the others are
// counted.
func TestOrigins(t *testing.T) {
	t.Parallel()
	by := func(asn bgp.ASN, voters int) bgp.UnexpectedRoute {
		return bgp.UnexpectedRoute{Prefix: "192.0.2.0/24", Origin: bgp.AS{ASN: asn}, Voters: voters}
	}
	prefix := bgp.Entity{Type: bgp.EntityPrefix, Code: "192.0.2.0/24"}
	for want, o := range map[string]bgp.Outage{
		"none":                {Kind: bgp.KindOrigin},
		"none, by AS64497":    {Kind: bgp.KindOrigin, Unexpected: []bgp.UnexpectedRoute{by(64497, 3), by(64497, 5)}},
		"none, by AS64499 +2": {Kind: bgp.KindOrigin, Unexpected: []bgp.UnexpectedRoute{by(64497, 3), by(64498, 4), by(64499, 9), by(64497, 5)}},
		"to AS64511":          {Kind: bgp.KindMoved, Entity: prefix, Evidence: bgp.Evidence{MovedTo: []bgp.AS{{ASN: 64511}}}},
		"to AS64511 +1":       {Kind: bgp.KindMoved, Entity: prefix, Evidence: bgp.Evidence{MovedTo: []bgp.AS{{ASN: 64511}, {ASN: 64510}}}},
	} {
		if got := text(lossCell(o)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
