package dump

import (
	"net/netip"
	"testing"
)

func TestAppendAddr(t *testing.T) {
	t.Parallel()
	// The output of bgpdump 1.6.2.
	for in, want := range map[string]string{
		"0.0.0.0": "0.0.0.0", "255.255.255.255": "255.255.255.255", "203.0.113.9": "203.0.113.9", "10.20.100.99": "10.20.100.99",
		"::": "::", "::1": "::1", "fe80::": "fe80::", "2001:db8::1": "2001:db8::1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2:3:4:5:6",
		"2001:db8:0:1:2:3:4:5": "2001:db8::1:2:3:4:5", "2001:db8:1:0:2:3:0:4": "2001:db8:1::2:3:0:4", "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
		"2001:db8:0:1::": "2001:db8:0:1::", "2001:db8:1:2:3:4:5:0": "2001:db8:1:2:3:4:5::", "0:db8:1:2:3:4:5:6": "::db8:1:2:3:4:5:6",
		"::ffff:192.0.2.1": "::ffff:192.0.2.1", "::192.0.2.1": "::192.0.2.1", "::2": "::0.0.0.2", "::1:0:0": "::1:0:0",
	} {
		if got := string(appendAddr(nil, netip.MustParseAddr(in))); got != want {
			t.Errorf("appendAddr(%s): got %s, want %s", in, got, want)
		}
	}
}

func TestAppendDistinguisher(t *testing.T) {
	t.Parallel()
	for in, want := range map[uint64]string{
		0x0000_fbf0_0000_0001: "64496:1", 0x0001_c000_0201_0007: "192.0.2.1:7", 0x0002_0001_0000_0007: "65536:7", 0x0009_0000_0000_00ff: "9:ff",
	} {
		if got := string(appendDistinguisher(nil, in)); got != want {
			t.Errorf("appendDistinguisher(%x): got %s, want %s", in, got, want)
		}
	}
}
