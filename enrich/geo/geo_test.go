package geo

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/datatest"
)

func write(tb testing.TB, path, content string) string {
	tb.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
	return path
}

func open(tb testing.TB, cfg Config, asns asn.Config) *DB {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	a, err := asn.Open(asns, log)
	if err != nil {
		tb.Fatal(err)
	}
	db, err := Open(cfg, a, log)
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// shares returns the places of p as text.
func shares(db *DB, p string) string {
	l := NewLocator(db)
	var out []string
	for range 2 { // the second answer comes from the cache, if the prefix is in it
		out = nil
		for _, s := range l.AppendPlaces(nil, netip.MustParsePrefix(p)) {
			place := db.Snapshot().Place(s.Place)
			name := place.Country
			if place.Region != "" {
				name = place.Region
			}
			out = append(out, fmt.Sprintf("%s %d", name, s.Space))
		}
	}
	return strings.Join(out, ", ")
}

// TestPrecedence checks the rules of doc.go, "Which country wins", case by case.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	db := open(t, Config{Files: []File{
		{Path: write(t, path("whois1"), "192.0.2.0,192.0.2.31,KP,KP-01\n192.0.2.32,192.0.2.63,KP,KP-02\n198.51.100.0,198.51.100.255,KP,\n203.0.113.0,203.0.113.127,IR,IR-07\n")},
		{Path: write(t, path("whois2"), "192.0.2.0,192.0.2.255,SY\n")},
		{Path: write(t, path("delegated"), "2|x|1|1|1|1|+0\nx|DE|ipv4|192.0.2.0|32|20200101|allocated|a\nx|DE|ipv4|198.51.100.0|256|20200101|allocated|a\nx|DE|asn|64496|1|20200101|allocated|a\nx|KP|asn|64497|1|20200101|allocated|a\nx|FR|asn|64498|1|20200101|allocated|a\n")},
		{Path: write(t, path("measured"), "203.0.113.0,203.0.113.63,FR,\n"), Kind: KindGeolocation},
	}}, asn.Config{
		Files:         []string{write(t, path("origins"), "192.0.2.32/27\t64496\n192.0.2.64/26\t64498\n198.51.100.64/26\t64497\n198.51.100.128/26\t64498\n203.0.113.0/24\t64499\n")},
		Registrations: []string{path("delegated")},
	})
	for p, want := range map[string]string{
		"192.0.2.0/27":      "DE 32",    // the delegation outranks whois
		"192.0.2.32/27":     "DE 32",    // the origin's registration outranks whois
		"192.0.2.64/26":     "FR 64",    // also if another file has the address
		"192.0.2.128/25":    "SY 128",   // the second whois file, if no other file knows the address
		"198.51.100.0/26":   "DE 64",    // no origin known
		"198.51.100.64/26":  "KP 64",    // whois and the origin's registration agree against the delegation
		"198.51.100.128/26": "DE 64",    // all differ: the delegation
		"203.0.113.0/26":    "FR 64",    // geolocation outranks all
		"203.0.113.64/26":   "IR-07 64", // its gaps are filled; whois names the region
		"203.0.113.128/25":  "",         // no file knows the address
	} {
		if got := shares(db, p); got != want {
			t.Errorf("%s lies in %q, want %q", p, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	codes := []string{"AD", "AE", "AF", "AG", "AL", "AM", "AO", "AR", "AT", "AU", "AZ", "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ"}
	for i, c := range codes { // BJ has the most, AD the least
		fmt.Fprintf(&many, "10.0.%d.0,10.0.%d.%d,%s\n", i, i, i, c)
	}
	db := open(t, Config{Files: []File{{Path: write(t, filepath.Join(t.TempDir(), "f"), many.String()+
		"192.0.2.0,192.0.2.127,MC\n192.0.2.128,192.0.2.255,AD\n2001:db8::,2001:db8:0:3:ffff:ffff:ffff:ffff,KP\n"+
		"198.51.100.0,198.51.100.255,DE\n198.51.100.16,198.51.100.31,FR\n")}}}, asn.Config{})
	for p, want := range map[string]string{
		"192.0.2.0/24":       "AD 128, MC 128", // equal amounts: by code
		"192.0.2.0/25":       "MC 128",
		"192.0.2.1/32":       "MC 1",
		"198.51.100.0/24":    "DE 240, FR 16", // the narrower range takes precedence
		"2001:db8::/48":      "KP 4",
		"2001:db8::/62":      "KP 4",
		"2001:db8::/65":      "KP 1", // a part of a /64 counts as one
		"2001:db8::8/128":    "KP 1",
		"2001:db8:0:4::/64":  "",
		"172.16.0.0/12":      "",
		"192.0.0.0/7":        "", // shorter than any counted prefix
		"2001::/15":          "",
		"203.0.113.0/24":     "",
		"2001:db8:ffff::/48": "",
	} {
		if got := shares(db, p); got != want {
			t.Errorf("%s lies in %q, want %q", p, got, want)
		}
	}
	if got := strings.Split(shares(db, "10.0.0.0/16"), ", "); len(got) != MaxShares || got[0] != "BJ 20" || got[15] != "AL 5" {
		t.Errorf("20 places gave %d: %v; want the %d largest", len(got), got, MaxShares)
	}
}

// TestSharesSumUp checks that the shares of a prefix equal the sum of the shares of its halves, and
// never exceed its space.
func TestSharesSumUp(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var file strings.Builder
	codes := []string{"AD", "BE", "CH", "DE", "EG"}
	for range 400 {
		at, n := random.Uint32N(1<<16), random.Uint32N(700)
		fmt.Fprintf(&file, "%d,%d,%s\n", 10<<24+at, 10<<24+at+n, codes[random.IntN(len(codes))])
		fmt.Fprintf(&file, "2001:db8:0:%x::,2001:db8:0:%x:ffff::,%s\n", at, min(at+n, 0xffff), codes[random.IntN(len(codes))])
	}
	db := open(t, Config{Files: []File{{Path: write(t, filepath.Join(t.TempDir(), "f"), file.String())}}}, asn.Config{})
	l := NewLocator(db)
	sum := func(p netip.Prefix) (map[PlaceID]uint64, uint64) {
		places, total := map[PlaceID]uint64{}, uint64(0)
		for _, s := range l.AppendPlaces(nil, p) {
			if places[s.Place] != 0 || s.Space == 0 {
				t.Fatalf("%v: place %d stands there twice, or with nothing", p, s.Place)
			}
			places[s.Place] = s.Space
			total += s.Space
		}
		return places, total
	}
	for range 5000 {
		bits, width := 15+random.IntN(17), 32
		a := netip.AddrFrom4([4]byte{10, byte(random.IntN(2)), byte(random.IntN(256)), byte(random.IntN(256))})
		if random.IntN(2) == 0 {
			bits, width = 47+random.IntN(17), 128
			a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(random.IntN(256)), byte(random.IntN(256))})
		}
		p := netip.PrefixFrom(a, bits).Masked()
		whole, total := sum(p)
		if total > bgp.Space(p) {
			t.Fatalf("%v has %d units, its places %d", p, bgp.Space(p), total)
		}
		upper := p.Addr().AsSlice()
		upper[bits/8] |= 0x80 >> (bits % 8)
		b, _ := netip.AddrFromSlice(upper)
		low, _ := sum(netip.PrefixFrom(p.Addr(), min(bits+1, width)))
		high, _ := sum(netip.PrefixFrom(b, bits+1))
		for id, space := range high {
			low[id] += space
		}
		if diff := cmp.Diff(whole, low); diff != "" {
			t.Fatalf("%v against its halves (-whole +halves):\n%s", p, diff)
		}
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	places, names := filepath.Join(dir, "places"), filepath.Join(dir, "origins")
	log := slog.New(slog.DiscardHandler)
	a, err := asn.Open(asn.Config{Files: []string{names}}, log)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(Config{Files: []File{{Path: places}}}, a, log)
	if err != nil {
		t.Fatalf("a missing file is no error: %v", err)
	}
	l := NewLocator(db)
	step := func(what string, wantChanged, wantErr bool, want string) {
		t.Helper()
		if _, err := a.Reload(); err != nil {
			t.Fatal(err)
		}
		changed, err := db.Reload()
		l.Refresh()
		got := ""
		for _, s := range l.AppendPlaces(nil, netip.MustParsePrefix("192.0.2.0/24")) {
			got += fmt.Sprint(db.Snapshot().Place(s.Place).Country, s.Space)
		}
		if changed != wantChanged || (err != nil) != wantErr || got != want {
			t.Errorf("%s: changed %t, error %v, places %q; want %t, %t, %q", what, changed, err, got, wantChanged, wantErr, want)
		}
	}
	step("no file", false, false, "")
	write(t, places, "192.0.2.0,192.0.2.127,KP\n192.0.2.128,192.0.2.255,CN\n")
	step("a file", true, false, "CN128KP128")
	write(t, places, "192.0.2.0,192.0.2.255\n")
	step("a bad file", false, true, "CN128KP128")
	write(t, places, "192.0.2.0,192.0.2.63,KP\n192.0.2.64,192.0.2.255,CN\n")
	step("another", true, false, "CN192KP64")
	write(t, names, "192.0.2.0,192.0.2.255,64496,FR,Docs\n")
	step("origins without registrations", false, false, "CN192KP64")
	if address, ok := db.Snapshot().Lookup(netip.MustParseAddr("::ffff:192.0.2.1")); !ok || address.Country != "KP" {
		t.Errorf("Lookup of an IPv4-mapped address = %v, %t; want KP", address, ok)
	}
}

// section is a configuration that contains a Config.
type section struct {
	Geo Config `yaml:"geo"`
}

func TestConfig(t *testing.T) {
	t.Parallel()
	load := func(content string, sets ...string) (Config, error) {
		var s section
		err := config.Load(&s, write(t, filepath.Join(t.TempDir(), "c.yaml"), content), sets)
		return s.Geo, err
	}
	got, err := load("geo:\n  files:\n  - /a.mmdb\n  - {path: /b.csv, kind: geolocation}\n")
	want := Config{Files: []File{{Path: "/a.mmdb"}, {Path: "/b.csv", Kind: KindGeolocation}}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("loaded %+v, %v; want %+v", got, err, want)
	}
	got, err = load("geo: {files: [/a.mmdb, /b.mmdb]}", "geo.files=[/c.mmdb]")
	if want := (Config{Files: []File{{Path: "/c.mmdb"}}}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("loaded %+v, %v; want %+v", got, err, want)
	}
	for content, fault := range map[string]string{
		"geo: {files: [{path: /a, kin: whois}]}":             "kin",
		"geo: {files: [{kind: whois}]}":                      "geo.files[0].path: is empty",
		"geo: {files: [/a, {path: /a, kind: guess}]}":        `"guess"`,
		"geo: {files: [[/a]]}":                               "line 1",
		"geo: {files: [" + strings.Repeat("/a, ", 65) + "]}": "at most 64",
	} {
		if _, err := load(content); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %v, want a fault of %s", content, err, fault)
		}
	}
	for f, want := range map[File]any{{Path: "/a"}: "/a", {Path: "/a", Kind: KindWhois}: nil} {
		if got, err := f.MarshalYAML(); err != nil || (want != nil && got != want) || (want == nil && got == "/a") {
			t.Errorf("%+v is written as %v, %v", f, got, err)
		}
	}
}

// The test uses a part of the published location database of 2022, some 60,000 nested prefixes. The
// table must give the same answer as a walk up from the address, one bit at a time.
func TestRealData(t *testing.T) {
	t.Parallel()
	part, countries := readCountries(t, datatest.Path(t, "enrich", "ipfire-20221029.prefix-asn-cc.tsv.gz"),
		"80.", "175.", "193.", "8.", "2a06:", "2001:")
	db := open(t, Config{Files: []File{{Path: part}}}, asn.Config{})
	for p, want := range map[string]string{
		"175.45.176.0/22": "KP 1024", "175.45.178.0/24": "KP 256", "2a06:1287:203::/48": "KP 65536", "8.8.8.0/24": "US 256",
	} {
		if got := shares(db, p); got != want {
			t.Errorf("%s lies in %q, want %q", p, got, want)
		}
	}
	checked := 0
	for p := range countries {
		if p.Bits() > 64 {
			continue
		}
		want := ""
		for bits := min(p.Addr().BitLen(), 64); bits >= 0 && want == ""; bits-- {
			want = countries[netip.PrefixFrom(p.Addr(), bits).Masked()]
		}
		if got, _ := db.Snapshot().Lookup(p.Addr()); got.Country != want {
			t.Fatalf("%v lies in %q, want %q", p.Addr(), got.Country, want)
		}
		checked++
	}
	if checked < 50_000 {
		t.Errorf("only %d addresses were checked", checked)
	}
}

// readCountries returns the rows that begin with one of starts, as a file and as a map.
func readCountries(t *testing.T, path string, starts ...string) (string, map[netip.Prefix]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var part strings.Builder
	countries := map[netip.Prefix]string{}
	for lines := bufio.NewScanner(z); lines.Scan(); {
		line := lines.Text()
		if !slices.ContainsFunc(starts, func(s string) bool { return strings.HasPrefix(line, s) }) {
			continue
		}
		part.WriteString(line + "\n")
		row := strings.Split(line, "\t")
		p, err := netip.ParsePrefix(row[0])
		if err == nil && bgp.CountryName(row[2]) != "" {
			countries[p] = row[2]
		}
	}
	return write(t, filepath.Join(t.TempDir(), "part.tsv"), part.String()), countries
}

// BenchmarkAppendPlaces looks up the prefixes of the origin table of 2014 in the location database of 2022.
func BenchmarkAppendPlaces(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	db := open(b, Config{Files: []File{{Path: datatest.Path(b, "enrich", "ipfire-20221029.prefix-asn-cc.tsv.gz")}}}, asn.Config{})
	runtime.GC()
	runtime.ReadMemStats(&after)
	origins, err := asn.Open(asn.Config{Files: []string{datatest.Path(b, "enrich", "ipasn_20140513.dat.gz")}}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	var prefixes []netip.Prefix
	for p := range origins.Snapshot().Origins().AllSorted() {
		prefixes = append(prefixes, p)
	}
	l := NewLocator(db)
	var out []Share
	i := 0
	for b.Loop() {
		out = l.AppendPlaces(out[:0], prefixes[i])
		if i++; i == len(prefixes) {
			i = 0
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(db.Snapshot().Prefixes()), "B/prefix")
}
