package visibility

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/internal/bgp"
)

// TestBelongs checks that an AS is in the countries in which it has lost something, the one with
// most space first. A prefix is in its own countries and has its usual origins, lost or not.
func TestBelongs(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	for prefix, country := range map[string]string{"198.20.0.0/22": "AA", "198.24.0.0/24": "BB", "198.25.0.0/24": "AB", "198.28.0.0/16": "CC"} {
		b.announce(b.key(prefix), 64500, 64510, upTo(10)...)
		b.place(b.key(prefix), country)
	}
	b.close()
	for _, prefix := range []string{"198.20.0.0/22", "198.24.0.0/24", "198.25.0.0/24"} {
		b.withdraw(b.key(prefix), false, upTo(10)...)
	}
	b.close()
	for _, tt := range []struct {
		entity    bgp.EntityType
		code      string
		origins   []bgp.ASN
		countries []string
	}{
		{bgp.EntityAS, "AS64500", nil, []string{"AA", "AB", "BB"}},
		{bgp.EntityAS, "AS64490", nil, nil}, // has lost nothing
		{bgp.EntityPrefix, "198.24.0.0/24", []bgp.ASN{64500}, []string{"BB"}},
		{bgp.EntityPrefix, "198.28.0.0/16", []bgp.ASN{64500}, []string{"CC"}},
		{bgp.EntityPrefix, "203.0.113.0/24", nil, nil}, // no peer holds it
		{bgp.EntityCountry, "AA", nil, nil},
		{bgp.EntityWorld, "world", nil, nil},
	} {
		origins, countries := b.s.Belongs(outage.Key{Family: bgp.IPv4, Type: tt.entity, Code: tt.code})
		if diff := cmp.Diff(tt.origins, origins) + cmp.Diff(tt.countries, countries); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.code, diff)
		}
	}
}

// TestPrefixesOf checks that the prefixes that an AS usually originates come in the order of their
// addresses, including lost ones. A more-specific prefix is listed separately. The total includes
// the prefixes beyond the limit.
func TestPrefixesOf(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	for _, prefix := range []string{"198.28.0.0/16", "198.20.0.0/22", "198.20.1.0/24"} {
		b.announce(b.key(prefix), 64500, 64510, upTo(10)...)
	}
	b.announce(b.key("198.30.0.0/24"), 64501, 64510, upTo(10)...)
	b.close()
	b.withdraw(b.key("198.20.0.0/22"), false, upTo(10)...)
	b.close()
	for _, tt := range []struct {
		code  string
		limit int
		want  []string
		total int
	}{
		{"AS64500", 9, []string{"198.20.0.0/22 lost 0", "198.20.1.0/24 visible 10", "198.28.0.0/16 visible 10"}, 3},
		{"AS64500", 1, []string{"198.20.0.0/22 lost 0"}, 3},
		{"AS64501", 9, []string{"198.30.0.0/24 visible 10"}, 1},
		{"AS64502", 9, nil, 0},
	} {
		list, total := b.s.PrefixesOf(outage.Key{Family: bgp.IPv4, Type: bgp.EntityAS, Code: tt.code}, tt.limit)
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprintf("%s %s %d", x.Prefix, x.State, x.HeldBy))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || total != tt.total {
			t.Errorf("%s, at most %d: %d in all, want %d (-want +got):\n%s", tt.code, tt.limit, total, tt.total, diff)
		}
	}
}
