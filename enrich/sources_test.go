package enrich

import (
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
)

// countryOf returns the country of an address in the sources; empty if unknown.
func countryOf(s *Sources, address string) string {
	place, _ := s.geo.Snapshot().Lookup(netip.MustParseAddr(address))
	return place.Country
}

// TestFollow checks that the next Reload uses other files. If the choice fails, or the chosen files
// cannot be read, the old ones stay.
func TestFollow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := func(name, content string) Config {
		return Config{Geo: geo.Config{Files: []geo.File{{Path: writeFile(t, filepath.Join(dir, name), content)}}}}
	}
	next, chosen := files("a", "192.0.2.0,192.0.2.255,KP\n"), error(nil)
	s, err := OpenSources(next, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Follow(func() (Config, error) { return next, chosen })
	step := func(what string, wantChanged, wantErr bool, want string) {
		t.Helper()
		changed, err := s.Reload()
		if got := countryOf(s, "192.0.2.1"); changed != wantChanged || (err != nil) != wantErr || got != want {
			t.Errorf("%s: changed %t, %v, %s; want %t, error %t, %s", what, changed, err, got, wantChanged, wantErr, want)
		}
	}
	step("the same", false, false, "KP")
	next = files("b", "192.0.2.0,192.0.2.255,RU\n")
	step("another file", true, false, "RU")
	next, chosen = files("c", "192.0.2.0,192.0.2.255,UA\n"), errors.New("damaged")
	step("nothing chosen", false, true, "RU")
	chosen = nil
	step("chosen", true, false, "UA")
	next = files("d", "<html>\n")
	step("a bad file", false, true, "UA")
	step("it is told once", false, false, "UA")
}

// TestOriginsApart checks that origins of another time decide no place but still name owners.
func TestOriginsApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := Config{
		Geo: geo.Config{Files: []geo.File{{Path: writeFile(t, filepath.Join(dir, "places"), "192.0.2.0,192.0.2.255,KP\n")}}},
		ASN: asn.Config{Files: []string{
			writeFile(t, filepath.Join(dir, "names.json"), `{"64496": "DOC-1 Documentation One, FR"}`), writeFile(t, filepath.Join(dir, "origins"), "198.51.100.0/24\t64496\n"),
		}},
	}
	for apart, want := range map[bool]string{false: "FR", true: ""} {
		cfg.OriginsApart = apart
		s, err := OpenSources(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		owner, _ := s.asn.Snapshot().Lookup(64496)
		if got := countryOf(s, "198.51.100.1"); got != want || owner.Name != "DOC-1" || countryOf(s, "192.0.2.1") != "KP" {
			t.Errorf("apart %t: got %q, owner %+v; want %q, DOC-1", apart, got, owner, want)
		}
	}
}
