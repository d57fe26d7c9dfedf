package query

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"192.0.2.0/24", "prefix 192.0.2.0/24"},
		{" 192.0.2.77/24 ", "prefix 192.0.2.0/24"},
		{"2001:DB8::/32", "prefix 2001:db8::/32"},
		{"192.0.2.7", "address 192.0.2.7"},
		{"::ffff:192.0.2.7", "address 192.0.2.7"},
		{"2001:db8::1", "address 2001:db8::1"},
		{"AS131279", "as AS131279"},
		{"as131279", "as AS131279"},
		{"131279", "as AS131279"},
		{"kp", "country KP"},
		{"as", "country AS"}, // American Samoa
		{"kp-01", "region KP-01"},
		{"watch", "watch watch"},
		{"watch/my-customers", "watch watch/my-customers"},
		{"country-KP-ipv4-20141222T1615Z", "outage country-KP-ipv4-20141222T1615Z"},
		{"prefix-2001_db8___32-ipv6-20141222T1615Z", "outage prefix-2001_db8___32-ipv6-20141222T1615Z"},
	} {
		q, err := Parse(tt.text)
		if got := string(q.Kind) + " " + q.Code; err != nil || got != tt.want {
			t.Errorf("%q: got %s %v, want %s", tt.text, got, err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"": "names nothing", "North Korea": "want a prefix", "192.0.2.0/33": "no prefix", "192.0.2": "want a prefix", "AS4294967296": "no AS number", "KPX": "names nothing",
		"fe80::1%eth0": "names nothing", "KP-": "names nothing", "::ffff:192.0.2.0/120": "no prefix", strings.Repeat("1", 300): "names nothing", "KP/24": "no prefix", "watch/": "no prefix", "watch/My": "no prefix",
	} {
		if q, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v; want an error with %q", text, q, err, want)
		}
	}
}
