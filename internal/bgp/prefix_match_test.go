package bgp_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

func TestPrefixMatch(t *testing.T) {
	t.Parallel()
	// Per prefix: the modes that match it: exact, more specific, less specific and overlapping.
	for want, prefixes := range map[string]map[string]string{
		"192.0.2.0/24": {
			"192.0.2.0/24": "emlo", "192.0.2.0/25": "mo", "192.0.2.255/32": "mo", "192.0.0.0/16": "lo", "0.0.0.0/0": "lo",
			"192.0.3.0/24": "", "192.0.2.0/23": "lo", "::/0": "", "2001:db8::/32": "", "c000:200::/24": "",
		},
		"192.0.2.1":     {"192.0.2.1/32": "emlo", "192.0.2.0/24": "lo", "192.0.2.0/32": ""},
		"0.0.0.0/0":     {"0.0.0.0/0": "emlo", "10.0.0.0/8": "mo", "::/0": "", "2001:db8::/32": ""},
		"2001:db8::/32": {"2001:db8::/32": "emlo", "2001:db8:1::/48": "mo", "2001::/16": "lo", "32.1.13.184/32": "", "0.0.0.0/0": ""},
		"2001:db8::1":   {"2001:db8::1/128": "emlo", "2001:db8::/32": "lo", "::/0": "lo"},
	} {
		for prefix, modes := range prefixes {
			for letter, mode := range map[string]bgp.PrefixMode{
				"e": bgp.PrefixExact, "m": bgp.PrefixMoreSpecific, "l": bgp.PrefixLessSpecific, "o": bgp.PrefixOverlapping,
			} {
				m, err := bgp.ParsePrefixMatch(want, mode)
				if err != nil {
					t.Fatal(err)
				}
				if got := m.Matches(netip.MustParsePrefix(prefix)); got != strings.Contains(modes, letter) {
					t.Errorf("%s, mode %s, of %s: got %v", want, letter, prefix, got)
				}
			}
		}
	}
	if m := (bgp.PrefixMatch{Mode: bgp.PrefixOverlapping}); m.Matches(netip.MustParsePrefix("0.0.0.0/0")) || m.Matches(netip.Prefix{}) {
		t.Error("the zero match matches something")
	}
}

func TestParsePrefixMatchFaults(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                  "not a prefix or an address",
		"AS64496":           "not a prefix or an address",
		"192.0.2.0/33":      "not a prefix or an address",
		"fe80::1%eth0":      "not a prefix or an address",
		"192.0.2.1/24":      "did you mean 192.0.2.0/24, or 192.0.2.1/32?",
		"2001:db8::1/32":    "did you mean 2001:db8::/32, or 2001:db8::1/128?",
		"::ffff:192.0.2.1":  "write it as 192.0.2.1",
		"::ffff:0.0.0.0/96": "IPv4 address written in IPv6",
	} {
		if _, err := bgp.ParsePrefixMatch(in, bgp.PrefixExact); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
}
