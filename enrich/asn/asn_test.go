package asn

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/datatest"
)

func write(t *testing.T, path, content string) string {
	t.Helper()
	// Replaces the file by a new one under the same name, as fetching tools do.
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestLookup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, Config{
		Files: []string{
			write(t, filepath.Join(dir, "asn.csv"), "192.0.2.0,192.0.2.255,64496,First Org\n198.51.100.0,198.51.100.255,64497,Second Org\n2001:db8::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,64497,Other\n"),
			write(t, filepath.Join(dir, "names.json"), `{"64496": "ONE Somebody Else, FR", "64498": "THREE, DE"}`),
			write(t, filepath.Join(dir, "pyasn.dat"), "192.0.2.0/24\t64499\n192.0.2.128/25\t64500\n"),
		},
		Registrations: []string{
			write(t, filepath.Join(dir, "places.csv"), "192.0.2.0,192.0.2.255,KP\n"),
			write(t, filepath.Join(dir, "delegated"), "2|x|1|1|1|1|+0\nx|KP|asn|64496|1|20200101|allocated|a\nx|CN|asn|64500|2|20200101|assigned|b\n"),
		},
	})
	for a, want := range map[bgp.ASN]Owner{
		64496: {"ONE", "First Org", "KP"},            // name from the names, organisation from the first file, country from the registry
		64497: {"Second Org", "Second Org", ""},      // no short name
		64498: {"THREE", "", "DE"},                   // the country in a name is used if there is no better one
		64500: {"", "", "CN"}, 64501: {"", "", "CN"}, // delegated and nothing else
		64499: {},
	} {
		if got, ok := db.Snapshot().Lookup(a); got != want || ok != (want != Owner{}) {
			t.Errorf("Lookup(%v) = %+v, %t; want %+v", a, got, ok, want)
		}
	}
	for p, want := range map[string]bgp.ASN{
		"192.0.2.0/24": 64496, "192.0.2.0/25": 64496, "192.0.2.129/32": 64500, "2001:db8:1:2::/64": 64497, "203.0.113.0/24": 0, "192.0.0.0/16": 0,
	} {
		if got, ok := db.Snapshot().origins.LookupPrefix(netip.MustParsePrefix(p)); got != want || ok != (want != 0) {
			t.Errorf("Origin(%s) = %v, %t; want %v", p, got, ok, want)
		}
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "names")
	var log strings.Builder
	db, err := Open(Config{Files: []string{path}}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatalf("a missing file is no error: %v", err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), path) {
		t.Errorf("a missing file was not named as a warning: %s", log.String())
	}
	name := func() string { o, _ := db.Snapshot().Lookup(64496); return o.Name }
	step := func(what string, wantChanged, wantErr bool, wantName string) string {
		t.Helper()
		changed, err := db.Reload()
		if changed != wantChanged || (err != nil) != wantErr || name() != wantName {
			t.Errorf("%s: changed %t, error %v, name %q; want %t, %t, %q", what, changed, err, name(), wantChanged, wantErr, wantName)
		}
		return db.Fingerprint()
	}
	missing := step("nothing happened", false, false, "")
	write(t, path, "64496 ONE\n")
	one := step("the file is there", true, false, "ONE")
	step("nothing happened", false, false, "ONE")
	write(t, path, "<html>not found</html>\n")
	step("a bad file keeps the old content", false, true, "ONE")
	step("it is not read again and again", false, false, "ONE")
	write(t, path, "64496 TWO\n")
	two := step("a good file again", true, false, "TWO")
	write(t, path, "64496 ONE\n")
	if back := step("the first content again", true, false, "ONE"); back != one || one == two || one == missing {
		t.Errorf("fingerprints %s, %s, %s, %s: want the first and last alone to be equal", one, two, back, missing)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step("the file is gone", true, false, "")
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "names"), "<html>\n")
	if _, err := Open(Config{Files: []string{path}}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v, want an error that names %s", err, path)
	}
}

func TestRealData(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Files: []string{
		datatest.Path(t, "enrich", "ipasn_20140513.dat.gz"), datatest.Path(t, "enrich", "pyasn-asnames.json.gz"),
		datatest.Path(t, "enrich", "ipfire-20221029.asn-names.tsv.gz"),
	}})
	if _, prefixes := db.Snapshot().Size(); prefixes != 512621 {
		t.Errorf("%d prefixes, want the 512,621 that the file's own header counts", prefixes)
	}
	for _, p := range []string{"175.45.176.0/24", "175.45.177.0/24", "175.45.178.0/24", "175.45.179.0/24"} {
		if got, _ := db.Snapshot().origins.LookupPrefix(netip.MustParsePrefix(p)); got != 131279 {
			t.Errorf("Origin(%s) = %v, want AS131279", p, got)
		}
	}
	want := map[bgp.ASN]Owner{
		131279: {"STAR-KP", "Ryugyong-dong", "KP"},
		4837:   {"CHINA169-BACKBONE", "CNCGROUP China169 Backbone", "CN"},
		3356:   {"LEVEL3", "Level 3 Communications, Inc.", "US"},
	}
	got := map[bgp.ASN]Owner{}
	for a := range want {
		got[a], _ = db.Snapshot().Lookup(a)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

// TestCover checks that Cover finds the longest less-specific prefix of the prefix's own origin, or
// of any origin if the prefix has none.
func TestCover(t *testing.T) {
	t.Parallel()
	rows := "192.0.0.0/16 64496\n192.0.0.0/20 64497\n192.0.2.0/24 64496\n198.51.0.0/16 64498\n203.0.113.0/24 64499\n"
	path := filepath.Join(t.TempDir(), "origins")
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(Config{Files: []string{path}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		"192.0.2.0/24":    "192.0.0.0/16 AS64496", // not the longer one of another origin
		"192.0.3.0/24":    "192.0.0.0/20 AS64497",
		"192.0.0.0/20":    "",
		"198.51.100.0/24": "198.51.0.0/16 AS64498",
		"198.51.0.0/16":   "",
		"203.0.113.0/24":  "",
		"10.0.0.0/8":      "",
	} {
		got := ""
		if cover, origin, ok := db.Snapshot().Cover(netip.MustParsePrefix(p)); ok {
			got = fmt.Sprint(cover, " ", origin)
		}
		if got != want {
			t.Errorf("%s lies within %q, want %q", p, got, want)
		}
	}
}
