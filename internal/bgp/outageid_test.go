package bgp

import (
	"net/url"
	"testing"
	"time"
)

// outageKey holds the arguments of an outage's id.
type outageKey struct {
	t      EntityType
	code   string
	family Family
	minute int64 // since 1970
}

func (k outageKey) id() string {
	return OutageID(k.t, k.code, k.family, time.Unix(k.minute*60, 0))
}

func TestOutageID(t *testing.T) {
	t.Parallel()
	start := time.Date(2014, 12, 22, 16, 15, 42, 0, time.UTC)
	tests := []struct {
		t    EntityType
		code string
		f    Family
		want string
	}{
		{EntityCountry, "KP", IPv4, "country-KP-ipv4-20141222T1615Z"},
		{EntityRegion, "KP-01", IPv6, "region-KP-01-ipv6-20141222T1615Z"},
		{EntityAS, "AS131279", IPv4, "as-AS131279-ipv4-20141222T1615Z"},
		{EntityWorld, "world", IPv4, "world-world-ipv4-20141222T1615Z"},
		{EntityPrefix, "175.45.176.0/24", IPv4, "prefix-175.45.176.0_24-ipv4-20141222T1615Z"},
		{EntityPrefix, "2001:db8::/32", IPv6, "prefix-2001_db8___32-ipv6-20141222T1615Z"},
		{EntityPrefix, "::ffff:192.0.2.0/120", IPv6, "prefix-__ffff_192.0.2.0_120-ipv6-20141222T1615Z"},
		{EntityPrefix, "2001:DB8::/32", IPv6, "prefix-2001~3ADB8~3A~3A~2F32-ipv6-20141222T1615Z"},
		{EntityWatch, "state media", IPv4, "watch-state~20media-ipv4-20141222T1615Z"},
		{EntityWatch, "state_media", IPv4, "watch-state~5Fmedia-ipv4-20141222T1615Z"},
		{EntityWatch, "ä/?~€", IPv4, "watch-~C3~A4~2F~3F~7E~E2~82~AC-ipv4-20141222T1615Z"},
		{EntityWatch, "192.0.2.0/24", IPv4, "watch-192.0.2.0~2F24-ipv4-20141222T1615Z"},
	}
	for _, tt := range tests {
		if got := OutageID(tt.t, tt.code, tt.f, start); got != tt.want {
			t.Errorf("OutageID(%v, %q): got %s, want %s", tt.t, tt.code, got, tt.want)
		}
	}
}

func TestParseOutageID(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "blind-20141222T161500Z", "country-KP-ipv4-yesterday", "country-KP-ipv5-20141222T1615Z", "planet-x-ipv4-20141222T1615Z", "watch-~2-ipv4-20141222T1615Z", "watch-~zz-ipv4-20141222T1615Z"} {
		if _, code, _, _, err := ParseOutageID(bad); err == nil {
			t.Errorf("%q is read, as code %q", bad, code)
		}
	}
}

// FuzzOutageID: parsing an id returns its arguments, so ids are unique. The path of a URL takes an
// id without escapes.
func FuzzOutageID(f *testing.F) {
	for _, code := range []string{
		"KP", "KP-01", "AS131279", "world", "192.0.2.0/24", "2001:db8::/32", "::/0", "::ffff:192.0.2.0/120", "2001:DB8::/32", "192.0.2.0 24",
		"state media", "state_media", "state~20media", "a-ipv4-20141222T1615Z", "ä/?#€", "", "..", "\x00\xff",
	} {
		for i := range entityTypes[1:] {
			f.Add(uint8(i), code, i%2 == 0, int64(23653455))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, code string, ipv6 bool, minute int64) {
		k := outageKey{EntityType(1 + int(kind)%(len(entityTypes)-1)), code, IPv4, minute}
		if ipv6 {
			k.family = IPv6
		}
		if year := time.Unix(minute%(1<<40)*60, 0).UTC().Year(); year < 0 || year > 9999 {
			t.Skip("no id has such a year")
		}
		k.minute %= 1 << 40
		id := k.id()
		typ, code, family, start, err := ParseOutageID(id)
		if got := (outageKey{typ, code, family, start.Unix() / 60}); err != nil || got != k {
			t.Errorf("%+v has the id %s, which reads as %+v, %v", k, id, got, err)
		}
		if escaped := url.PathEscape(id); escaped != id {
			t.Errorf("%s is escaped in a path: %s", id, escaped)
		}
	})
}
