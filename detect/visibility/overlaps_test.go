package visibility

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// overlap writes the result of Overlaps, in /24s.
func (b *bench) overlap(t bgp.EntityType, code string, moved bool) string {
	space, wider := b.s.Overlaps(outage.Key{Family: bgp.IPv4, Type: t, Code: code}, moved)
	out := []string{fmt.Sprint(float64(space) / 256)}
	for _, o := range wider {
		out = append(out, fmt.Sprintf("%s %v", o.Key.Code, float64(o.Space)/256))
	}
	return strings.Join(out, ", ")
}

// TestOverlaps checks the lost space of an entity, with each address once, and the parts of it
// that wider entities have lost too.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	all := upTo(10)
	b.announce(b.key("198.20.0.0/22"), 64500, 64510, all...)
	b.announce(b.key("198.20.1.0/24"), 64500, 64510, all...) // lies in the /22
	b.announce(b.key("198.24.0.0/24"), 64500, 64510, all...)
	b.announce(b.key("198.28.0.0/16"), 64500, 64510, all...) // stays
	b.announce(b.key("198.32.0.0/22"), 64501, 64510, all...)
	b.announce(b.key("198.32.0.0/23"), 64501, 64510, all...) // stays, carries half of the /22
	b.announce(b.key("198.36.0.0/24"), 64502, 64510, 0, 1, 2, 3, 4)
	b.announce(b.key("198.36.0.0/24"), 64503, 64510, 5, 6, 7, 8, 9)
	b.announce(b.key("198.40.0.0/24"), 64504, 64510, 0, 1, 2) // three voters: known, and not counted in other entities
	b.announce(b.key("198.44.0.0/24"), 64505, 64510, all...)
	b.announce(b.key("198.44.1.0/24"), 64505, 64510, all...)
	for prefix, country := range map[string]string{
		"198.20.0.0/22": "AA", "198.20.1.0/24": "AA", "198.28.0.0/16": "AA", "198.32.0.0/22": "CC", "198.32.0.0/23": "CC", "198.36.0.0/24": "AA", "198.40.0.0/24": "AA",
	} {
		b.place(b.key(prefix), country)
	}
	b.places(b.key("198.24.0.0/24"), []*pb.Place{{Country: "AA", Region: "AA-1"}, {Country: "BB", Region: "BB-2"}}, 0, 192, 1, 64)
	b.close()
	for _, p := range []string{"198.20.0.0/22", "198.20.1.0/24", "198.24.0.0/24", "198.32.0.0/22", "198.36.0.0/24", "198.40.0.0/24"} {
		b.withdraw(b.key(p), false, all...)
	}
	b.announce(b.key("198.44.0.0/24"), 64666, 64510, all...)
	b.close()
	for _, tt := range []struct {
		entity bgp.EntityType
		code   string
		moved  bool
		want   string
	}{
		{bgp.EntityPrefix, "198.20.0.0/22", false, "4, AS64500 4, AA 4, world 4"},
		{bgp.EntityPrefix, "198.20.1.0/24", false, "1, AS64500 1, AA 1, world 1"},
		{bgp.EntityPrefix, "198.24.0.0/24", false, "1, AS64500 1, AA-1 0.75, BB-2 0.25, AA 0.75, BB 0.25, world 1"},
		{bgp.EntityPrefix, "198.28.0.0/16", false, "0"},
		{bgp.EntityPrefix, "198.32.0.0/22", false, "2, AS64501 2, CC 2, world 2"},
		{bgp.EntityPrefix, "198.36.0.0/24", false, "1, AS64502 1, AS64503 1, AA 1, world 1"},
		{bgp.EntityPrefix, "198.40.0.0/24", false, "1"},
		{bgp.EntityPrefix, "203.0.113.0/24", false, "0"},
		{bgp.EntityAS, "AS64500", false, "5, AA-1 0.75, BB-2 0.25, AA 4.75, BB 0.25, world 5"},
		{bgp.EntityAS, "AS64501", false, "2, CC 2, world 2"},
		{bgp.EntityAS, "AS64999", false, "0"},
		{bgp.EntityRegion, "AA-1", false, "0.75, AA 0.75, world 0.75"},
		{bgp.EntityCountry, "AA", false, "5.75, world 5.75"},
		{bgp.EntityPrefix, "198.44.0.0/24", true, "1, AS64505 1"},
		{bgp.EntityPrefix, "198.44.0.0/24", false, "0"},
		{bgp.EntityPrefix, "198.44.1.0/24", true, "0"},
		{bgp.EntityAS, "AS64505", true, "1"},
		{bgp.EntityAS, "AS64505", false, "0"},
		{bgp.EntityPrefix, "198.20.0.0/22", true, "0"},
	} {
		if diff := cmp.Diff(tt.want, b.overlap(tt.entity, tt.code, tt.moved)); diff != "" {
			t.Errorf("%s, moved %v (-want +got):\n%s", tt.code, tt.moved, diff)
		}
	}
}

// places returns the places of the parts of a prefix.
func (b *bench) places(k rib.Key, all []*pb.Place, shares ...uint64) {
	if r, ok := b.rib.Row(k); ok {
		b.s.SetPlace(r, all, shares)
	}
}
