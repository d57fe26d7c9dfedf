package ingest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/bmp"
)

// TestNothingToWatch checks that one source is enough, and none is needed when archives are
// followed. Otherwise no source is a fault that names the keys.
func TestNothingToWatch(t *testing.T) {
	t.Parallel()
	none := func() ingest.Config {
		cfg := ingest.DefaultConfig()
		cfg.RISLive.Enabled, cfg.RouteViews.Enabled = false, false
		return cfg
	}
	for name, change := range map[string]func(*ingest.Config){
		"RIS Live":   func(c *ingest.Config) { c.RISLive.Enabled = true },
		"RouteViews": func(c *ingest.Config) { c.RouteViews.Enabled = true },
		"a router":   func(c *ingest.Config) { c.BMP.Routers = []bmp.Router{{Address: "192.0.2.1"}} },
	} {
		cfg := none()
		change(&cfg)
		if err := cfg.CheckLive(false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := none()
	if err := cfg.CheckLive(true); err != nil {
		t.Errorf("archives alone: %v", err)
	}
	err := cfg.CheckLive(false)
	if err == nil || !strings.HasPrefix(err.Error(), "nothing to watch: ") {
		t.Fatalf("got %v", err)
	}
	for _, key := range []string{"ingest.rislive.enabled", "ingest.routeviews.enabled", "ingest.bmp.routers"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
}

// TestCheckFiles checks that configured files have to exist, if they are used.
func TestCheckFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, none := filepath.Join(dir, "index.tsv"), filepath.Join(dir, "none")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string // want empty: sound
		follow     bool
		change     func(*ingest.Config)
	}{
		{"defaults", "", false, func(*ingest.Config) {}},
		{"a folder", "", false, func(c *ingest.Config) { c.Archive.Directory = dir }},
		{"no folder", "ingest.archive.directory: ", false, func(c *ingest.Config) { c.Archive.Directory = none }},
		{"a file as a folder", file + " is no folder", false, func(c *ingest.Config) { c.Archive.Directory = file }},
		{"a list", "", false, func(c *ingest.Config) { c.Archive.Index = file }},
		{"a list by URL", "", false, func(c *ingest.Config) { c.Archive.Index = "https://192.0.2.1/index.tsv" }},
		{"a list as a file's URL", "", false, func(c *ingest.Config) { c.Archive.Index = "file://" + file }},
		{"no list", "ingest.archive.index: ", false, func(c *ingest.Config) { c.Archive.Index = none }},
		{"a folder as a list", dir + " is a folder", false, func(c *ingest.Config) { c.Archive.Index = dir }},
		{"archives are off", "", false, func(c *ingest.Config) { c.Archives, c.Archive.Index = false, none }},
		{"archives are followed", "ingest.archive.index: ", true, func(c *ingest.Config) { c.Archives, c.Archive.Index = false, none }},
		{"no certificate", "ingest.bmp.tls.cert_file", false, func(c *ingest.Config) { c.BMP.TLS = bmp.TLS{CertFile: none, KeyFile: none} }},
	} {
		cfg := ingest.DefaultConfig()
		tt.change(&cfg)
		err := cfg.CheckLive(tt.follow)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
