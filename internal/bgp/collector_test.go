package bgp_test

import (
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

func TestCollectorName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ project, spelling, want string }{
		{"ris", "rrc01", "ris/rrc01"},
		{"ris", "rrc01.ripe.net", "ris/rrc01"},
		{"ris", "RRC01", "ris/rrc01"},
		{"ris", "rrc21.ris.ripe.net", "ris/rrc21"},
		{"riperis", " rrc00 ", "ris/rrc00"},
		{"routeviews", "route-views2", "routeviews/route-views2"},
		{"routeviews", "bgpdata", "routeviews/route-views2"},
		{"routeviews", "rv6", "routeviews/route-views6"},
		{"routeviews", "route-views2.routeviews.org", "routeviews/route-views2"},
		{"routeviews", "route-views2.saopaulo", "routeviews/route-views2.saopaulo"},
		{"routeviews", "route-views.amsix", "routeviews/route-views.amsix"},
		{"routeviews", "amsix", "routeviews/route-views.amsix"},
		{"routeviews", "Amsix.AMS", "routeviews/amsix.ams"},
		{"routeviews", "route-views.linx.routeviews.org", "routeviews/route-views.linx"},
		{"route-views", "saopaulo", "routeviews/route-views.saopaulo"},
		{"routeviews", "decix.jhb", "routeviews/decix.jhb"},
		{"routeviews", "newix.xyz", "routeviews/newix.xyz"},
	} {
		got, err := bgp.CollectorName(tc.project, tc.spelling)
		if err != nil || got != tc.want {
			t.Errorf("CollectorName(%q, %q): got %q, %v, want %q", tc.project, tc.spelling, got, err, tc.want)
		}
		if _, name, _ := strings.Cut(got, "/"); name != "" {
			if again, err := bgp.CollectorName(tc.project, name); again != got || err != nil {
				t.Errorf("CollectorName(%q, %q): got %q, %v: the canonical name does not stay, want %q", tc.project, name, again, err, got)
			}
		}
	}
	for _, tc := range [][2]string{{"ris", "rrc1"}, {"ris", "rrcxx"}, {"ris", ""}, {"routeviews", ""}, {"routeviews", "a b"}, {"routeviews", "../x"}, {"other", "rrc00"}} {
		if got, err := bgp.CollectorName(tc[0], tc[1]); err == nil {
			t.Errorf("CollectorName(%q, %q): got %q, want an error", tc[0], tc[1], got)
		}
	}
}

func TestCheckCollectorName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"local", "rv2-2013.a_B", strings.Repeat("x", 64)} {
		if err := bgp.CheckCollectorName(good); err != nil {
			t.Errorf("CheckCollectorName(%q): got %v, want nil", good, err)
		}
	}
	for _, bad := range []string{"", "a/b", "ü", "a b", strings.Repeat("x", 65)} {
		if err := bgp.CheckCollectorName(bad); err == nil {
			t.Errorf("CheckCollectorName(%q): got nil, want an error", bad)
		}
	}
}
