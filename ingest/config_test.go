package ingest_test

import (
	"strings"
	"testing"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/bmp"
)

// TestNothingToWatch: one source is enough, archives for --follow included; none is a fault that names the keys.
func TestNothingToWatch(t *testing.T) {
	t.Parallel()
	none := func() ingest.Config {
		cfg := ingest.DefaultConfig()
		cfg.RISLive.Enabled, cfg.RouteViews.Enabled, cfg.Archives = false, false, false
		return cfg
	}
	for name, change := range map[string]func(*ingest.Config){
		"RIS Live":   func(c *ingest.Config) { c.RISLive.Enabled = true },
		"RouteViews": func(c *ingest.Config) { c.RouteViews.Enabled = true },
		"a router":   func(c *ingest.Config) { c.BMP.Routers = []bmp.Router{{Address: "192.0.2.1"}} },
		"archives":   func(c *ingest.Config) { c.Archives = true },
	} {
		cfg := none()
		change(&cfg)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := none()
	err := cfg.Validate()
	if err == nil || !strings.HasPrefix(err.Error(), "nothing to watch: ") {
		t.Fatalf("got %v", err)
	}
	for _, key := range []string{"ingest.rislive.enabled", "ingest.routeviews.enabled", "ingest.bmp.routers", "ingest.archives"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
}
