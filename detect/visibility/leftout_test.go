package visibility

import (
	"net/netip"
	"testing"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// TestLeaveOut checks that a prefix within excluded space has an event of its own and is part of
// no other entity. A prefix above such space counts.
func TestLeaveOut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		set       []string
		unlocated bool
		prefix    string
		located   bool
		counts    bool
	}{
		"its own entry":          {[]string{"198.51.100.0/24"}, false, "198.51.100.0/24", true, false},
		"within an entry":        {[]string{"198.51.0.0/16", "198.0.0.0/8", "2001:db8::/32"}, false, "198.51.100.0/24", true, false},
		"above an entry":         {[]string{"198.51.100.0/25"}, false, "198.51.0.0/16", true, true},
		"the unit of an entry":   {[]string{"198.51.100.64/26"}, false, "198.51.100.0/24", true, false},
		"beside an entry":        {[]string{"198.51.101.0/24", "198.51.99.0/24"}, false, "198.51.100.0/24", true, true},
		"no entry":               {nil, false, "198.51.100.0/24", false, true},
		"unlocated and left out": {nil, true, "198.51.100.0/24", false, false},
		"located":                {nil, true, "198.51.100.0/24", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 10, true)
			var set []netip.Prefix
			for _, p := range tt.set {
				set = append(set, netip.MustParsePrefix(p))
			}
			b.s.LeaveOut(set, tt.unlocated)
			k := b.key(tt.prefix)
			b.announce(k, 64500, 64510, upTo(10)...)
			for i := range 40 {
				b.place(rib.Key(uint64(100<<24|i<<16)<<8|16), "DE")
			}
			if tt.located {
				b.place(k, "KP")
			}
			before := b.close()
			b.withdraw(k, false, upTo(10)...)
			after := b.close()
			if x := after["prefix "+tt.prefix]; x.Space != 0 || x.KnownSpace != k.Space(bgp.IPv4) {
				t.Errorf("the prefix is %+v, want it lost", x)
			}
			lost := before["world world"].Space - after["world world"].Space
			if _, changed := after["world world"]; !changed {
				lost = 0
			}
			_, as := after["as AS64500"]
			_, country := after["country KP"]
			if want := k.Space(bgp.IPv4); lost != want && tt.counts || lost != 0 && !tt.counts || as != tt.counts || country != (tt.counts && tt.located) {
				t.Errorf("the world lost %d of %d, the AS is told: %t, the country: %t; want %t", lost, want, as, country, tt.counts)
			}
		})
	}
}

// TestLeftOutUntilLocated checks that with prefixes without a place left out, a prefix counts from
// the time when it gets a place.
func TestLeftOutUntilLocated(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	b.s.LeaveOut(nil, true)
	k := b.key("198.51.100.0/24")
	b.announce(k, 64500, 64510, upTo(10)...)
	row, _ := b.rib.Row(k)
	if _, told := b.close()["as AS64500"]; told || b.s.prefixes[row].flags != known|seen {
		t.Errorf("without a place the AS is told: %t, flags %b", told, b.s.prefixes[row].flags)
	}
	b.place(k, "KP")
	got := b.close()
	for _, entity := range []string{"world world", "as AS64500", "country KP"} {
		if x := got[entity]; x.KnownSpace != 256 || x.Space != 256 {
			t.Errorf("%s is %+v, want 256 addresses known and visible", entity, x)
		}
	}
	if b.withdraw(k, false, upTo(10)...); b.close()["country KP"].Space != 0 {
		t.Error("the country has lost nothing")
	}
}
