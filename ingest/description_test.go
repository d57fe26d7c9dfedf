package ingest_test

import (
	"testing"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/bmp"
)

// TestDescribe checks singular and plural of the counts.
func TestDescribe(t *testing.T) {
	t.Parallel()
	cfg := ingest.DefaultConfig()
	cfg.RISLive.Collectors, cfg.Follow.Collectors = cfg.RISLive.Collectors[:1], cfg.Follow.Collectors[:1]
	if got, want := cfg.Describe(true)[0].Text, "1 collector, 30m0s behind the clock"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := cfg.Describe(false)[0].Text, "1 collector of RIPE NCC's Routing Information Service, "+cfg.RISLive.URL; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	one, two, network := bmp.Router{Address: "192.0.2.1"}, bmp.Router{Address: "192.0.2.2"}, bmp.Router{Address: "198.51.100.0/24"}
	for _, tt := range []struct {
		routers []bmp.Router
		want    string
	}{
		{nil, "closed: no routers are named (ingest.bmp.routers)"},
		{[]bmp.Router{one}, ":11019, for 1 router"},
		{[]bmp.Router{one, two}, ":11019, for 2 routers"},
		{[]bmp.Router{network}, ":11019, for routers of 1 network"},
		{[]bmp.Router{one, two, network}, ":11019, for 2 routers and those of 1 network"},
	} {
		cfg.BMP.Routers = tt.routers
		if got := cfg.Describe(false)[2].Text; got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.routers, got, tt.want)
		}
	}
}
