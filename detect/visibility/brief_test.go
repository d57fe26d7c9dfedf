package visibility

import (
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestBriefCountsSpaceOnce checks that nested prefixes that come back for a part of a window count
// once, for an AS if it originates both.
func TestBriefCountsSpaceOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	type route struct {
		prefix string
		origin bgp.ASN
	}
	flapping := []route{
		{"198.20.0.0/22", 64500}, {"198.20.0.0/24", 64500}, {"198.20.1.0/24", 64500}, {"198.20.2.0/23", 64500}, {"198.20.3.0/24", 64501},
	}
	steady := route{"198.24.0.0/22", 64500}
	for _, r := range append(flapping, steady) {
		b.announce(b.key(r.prefix), r.origin, 64510, upTo(10)...)
		b.place(b.key(r.prefix), "KP")
	}
	b.close()
	for _, r := range append(flapping, steady) {
		b.withdraw(b.key(r.prefix), false, upTo(10)...)
	}
	b.close()
	for _, r := range flapping {
		b.announce(b.key(r.prefix), r.origin, 64510, upTo(10)...)
		b.withdraw(b.key(r.prefix), false, upTo(10)...)
	}
	got := b.close()
	for entity, want := range map[string]uint64{
		"world world": 1024, "country KP": 1024, "as AS64500": 1024, "as AS64501": 256, "prefix 198.20.3.0/24": 256,
	} {
		if x := got[entity]; x.Brief != want {
			t.Errorf("%s: %d addresses were back for a part of the minute, want %d", entity, x.Brief, want)
		}
	}
}
