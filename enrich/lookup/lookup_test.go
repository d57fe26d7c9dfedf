package lookup

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gaissmai/bart"
	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// data opens files with these contents; empty content makes no file.
func data(t *testing.T, places, owners string) (*geo.Snapshot, *asn.Snapshot) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	file := func(name, content string) []string {
		if content == "" {
			return nil
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{path}
	}
	a, err := asn.Open(asn.Config{Files: file("owners", owners)}, log)
	if err != nil {
		t.Fatal(err)
	}
	var cfg geo.Config
	for _, path := range file("places", places) {
		cfg.Files = append(cfg.Files, geo.File{Path: path})
	}
	g, err := geo.Open(cfg, a, log)
	if err != nil {
		t.Fatal(err)
	}
	return g.Snapshot(), a.Snapshot()
}

// TestCountries checks that every country lies in one continent, and that borders are symmetric.
func TestCountries(t *testing.T) {
	t.Parallel()
	all := map[string]clickhouse.LookupCountry{}
	for _, c := range countries() {
		all[c.Code] = c
		if c.Name == "" {
			t.Errorf("%s is no country of the program", c.Code)
		}
	}
	listed := 0
	for _, codes := range continents {
		listed += len(strings.Fields(codes))
	}
	known := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			if bgp.CountryName(code) == "" {
				continue
			}
			if known++; all[code].Continent == "" {
				t.Errorf("%s, %s, has no continent", code, bgp.CountryName(code))
			}
		}
	}
	if listed != known || known != len(all) {
		t.Errorf("%d codes stand in continents, %d countries are known, %d have rows", listed, known, len(all))
	}
	for a, others := range borders {
		for b := range strings.FieldsSeq(others) {
			if a >= b {
				t.Errorf("the border of %s and %s stands under the wrong one", a, b)
			}
		}
	}
	for code, c := range all {
		if !slices.IsSorted(c.Neighbours) || len(slices.Compact(slices.Clone(c.Neighbours))) != len(c.Neighbours) {
			t.Errorf("neighbours of %s: %v", code, c.Neighbours)
		}
		for _, n := range c.Neighbours {
			if !slices.Contains(all[n].Neighbours, code) {
				t.Errorf("%s has the neighbour %s, which has %v", code, n, all[n].Neighbours)
			}
		}
	}
	for code, want := range map[string]int{"CN": 16, "RU": 14, "BR": 10, "CD": 9, "DE": 9, "FR": 8, "ZA": 6, "KP": 3, "GB": 1, "LS": 1, "JP": 0, "CU": 0, "AU": 0, "LK": 0} {
		if got := len(all[code].Neighbours); got != want {
			t.Errorf("%s has %d neighbours, want %d: %v", code, got, want, all[code].Neighbours)
		}
	}
}

// TestRegions checks that every line is a region of a country and has a name, and that the regions
// of the geography are added.
func TestRegions(t *testing.T) {
	t.Parallel()
	lines := 0
	for line := range strings.Lines(regionsTSV) {
		lines++
		code, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		country, part, _ := strings.Cut(code, "-")
		if !ok || strings.TrimSpace(name) != name || name == "" || bgp.CountryName(country) == "" || part == "" || len(part) > 3 {
			t.Errorf("line %d: %q", lines, line)
		}
	}
	if lines < 5000 || lines != len(regionNames()) {
		t.Errorf("%d lines, %d regions", lines, len(regionNames()))
	}
	places, _ := data(t, "192.0.2.0,192.0.2.127,KP,KP-01\n192.0.2.128,192.0.2.255,KP,KP-ZZZ\n", "")
	got := map[string]string{}
	for _, r := range regions(places) {
		if r.Country == "KP" && (r.Code == "KP-01" || r.Code == "KP-ZZZ") {
			got[r.Code] = r.Name
		}
	}
	if want := map[string]string{"KP-01": "Pyongyang", "KP-ZZZ": ""}; !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	places, owners := data(t, "198.51.100.0,198.51.100.127,KP\n198.51.100.128,198.51.100.191,CN\n192.0.2.0,192.0.2.255,DE\n2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,KP\n",
		"198.51.100.0/24\t64500\n198.51.100.0/25\t64500\n198.51.100.64/26\t64501\n203.0.113.0/24\t64502\n2001:db8:0:1::/64\t64503\n")
	var got []string
	for r := range prefixRows(places, owners) {
		got = append(got, fmt.Sprint(r.Prefix, " ", r.Origin, " ", r.Country))
	}
	want := []string{
		"192.0.2.0/24 0 DE", "198.51.100.0/24 64500 KP", // most of it lies in KP, as does the first half: one row
		"198.51.100.64/26 64501 KP", "198.51.100.128/26 64500 CN", "203.0.113.0/24 64502 ", "2001:db8::/48 0 KP", "2001:db8:0:1::/64 64503 KP",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPrefixesAnswer checks that the longest row for an address gives the same answer as both
// tables.
func TestPrefixesAnswer(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	codes := []string{"AD", "BE", "CH"}
	var where, who strings.Builder
	for range 300 {
		at, n := random.Uint32N(1<<16), random.Uint32N(700)
		fmt.Fprintf(&where, "%d,%d,%s\n", 10<<24+at, 10<<24+at+n, codes[random.IntN(len(codes))])
		bits := 18 + random.IntN(14)
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(256)), byte(random.IntN(256))}), bits).Masked()
		fmt.Fprintf(&who, "%v\t%d\n", p, 64496+random.IntN(4))
	}
	places, owners := data(t, where.String(), who.String())
	rows := &bart.Table[clickhouse.LookupPrefix]{}
	for r := range prefixRows(places, owners) {
		rows.Insert(netip.MustParsePrefix(r.Prefix), r)
	}
	_, origins := owners.Size()
	if all := places.Prefixes() + origins; rows.Size() == 0 || rows.Size() >= all {
		t.Errorf("%d rows of %d prefixes", rows.Size(), all)
	}
	for i := range 1 << 16 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		got, _ := rows.Lookup(a)
		origin, _ := owners.Origins().Lookup(a)
		place, located := places.Lookup(a)
		if bgp.ASN(got.Origin) != origin || located && got.Country != place.Country {
			t.Fatalf("%v: row %+v, want origin %d and country %q", a, got, origin, place.Country)
		}
	}
}

// TestOf checks that the names of snapshots change with the data, and that a lookup without data
// has none.
func TestOf(t *testing.T) {
	t.Parallel()
	none := Of(data2(t, "", ""))
	if none.ASes.Snapshot != "" || none.Prefixes.Snapshot != "" || none.Countries.Snapshot == "" || none.Regions.Snapshot == "" {
		t.Errorf("without data: %+v", none)
	}
	one := Of(data2(t, "192.0.2.0,192.0.2.255,KP\n", "64496 NAME Organisation, KP\n"))
	again := Of(data2(t, "192.0.2.0,192.0.2.255,KP\n", "64496 NAME Organisation, KP\n"))
	other := Of(data2(t, "192.0.2.0,192.0.2.255,KP\n", "64496 OTHER Organisation, KP\n"))
	if one.ASes.Snapshot != again.ASes.Snapshot || one.ASes.Snapshot == other.ASes.Snapshot || one.Prefixes.Snapshot != again.Prefixes.Snapshot || one.Countries.Snapshot != other.Countries.Snapshot {
		t.Errorf("snapshots %q, %q and %q", one.ASes.Snapshot, again.ASes.Snapshot, other.ASes.Snapshot)
	}
	got := slices.Collect(one.ASes.Rows)
	if want := []clickhouse.LookupAS{{ASN: 64496, Name: "NAME", Organisation: "Organisation", Country: "KP"}}; !cmp.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// data2 returns the arguments of Of.
func data2(t *testing.T, places, owners string) (*geo.Snapshot, *asn.Snapshot, bool) {
	t.Helper()
	p, o := data(t, places, owners)
	return p, o, false
}
